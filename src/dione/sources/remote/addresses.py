"""Which hosts may be asked: what a catalogue names may not lead into this machine or its network.

Whoever can write a catalogue could otherwise have dione fetch addresses that only dione's machine reaches (a router, a
cloud's store of credentials at 169.254.169.254). The host that a person typed is allowed; others by DIONE_PRIVATE_HOSTS.
"""

import ipaddress
import os
import socket
from urllib.parse import urlsplit

from dione.base.errors import BadSource
from dione.sources.places import shown

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
ALLOWED = "DIONE_PRIVATE_HOSTS"
"""Environment variable: hosts (name or name:port), separated by commas, that may be private; * for any."""


def host_of(url: str) -> str:
    """Host and port as written, without user or password: 'localhost:8080'."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def check(url: str, trusted: frozenset[str], *, proxied: bool = False) -> None:
    """Raise BadSource for anything but http(s), and for a private host that is neither `trusted` nor allowed.

    proxied: names are resolved by a proxy, so only addresses written as numbers are looked at.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadSource(f"{shown(url)} is no http or https address, and is not followed")
    allowed = {name.strip().lower() for name in os.environ.get(ALLOWED, "").split(",")}
    if "*" in allowed or {host_of(url), parts.hostname} & (trusted | allowed):
        return
    private = [str(address) for address in _addresses(parts.hostname, proxied) if not is_public(address)]
    if private:
        raise _refused(url, private[0])


def check_peer(url: str, peer: str, trusted: frozenset[str]) -> None:
    """The same for the address that a connection was really made to: a name may stand for another one by then."""
    allowed = {name.strip().lower() for name in os.environ.get(ALLOWED, "").split(",")}
    if "*" in allowed or {host_of(url), urlsplit(url).hostname or ""} & (trusted | allowed):
        return
    if not is_public(ipaddress.ip_address(peer.partition("%")[0])):
        raise _refused(url, peer)


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet, with those that stand inside of it (6to4, NAT64, Teredo, IPv4 in IPv6)."""
    inner: list[Address | None] = []
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        inner += [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)] if address in NAT64 else []
    return address.is_global and not address.is_multicast and all(is_public(one) for one in inner if one is not None)


def _refused(url: str, address: str) -> BadSource:
    return BadSource(
        f"{shown(url)} leads to {address}, an address of this machine or its own network, and is not followed\n"
        f"if that is meant, allow it: {ALLOWED}={host_of(url)}"
    )


def _addresses(host: str, proxied: bool) -> list[Address]:
    """What a host's name stands for; nothing if it cannot be resolved, which connecting will tell."""
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    if proxied:
        return [ipaddress.ip_address("127.0.0.1")] if host == "localhost" or host.endswith(".localhost") else []
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
