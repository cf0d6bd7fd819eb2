"""Who may ask: a page of somebody else's, opened in the same browser, must not read what is served on this machine.

A name that its owner points at 127.0.0.1 (DNS rebinding) would make that page a neighbour; but the browser still says in
`Host` which name it thinks it talks to. So only names that are ours are answered.
"""

import ipaddress
import socket
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "strict-origin-when-cross-origin",
}


@dataclass(frozen=True)
class Guard:
    """An ASGI application that answers only to our names."""

    app: ASGIApp
    host: str = "127.0.0.1"
    """Where is listened: on loopback, only its names are ours; elsewhere also addresses, and the machine's own name."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if not self.ours(Headers(scope=scope).get("host", "")):
            return await PlainTextResponse("this name is not served here", status_code=421)(scope, receive, send)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        return await self.app(scope, receive, told)

    def ours(self, header: str) -> bool:
        """Whether a Host header, with or without a port, names us."""
        name = header.rsplit("]", 1)[0].lstrip("[") if header.startswith("[") else header.rsplit(":", 1)[0] if ":" in header else header
        if name.lower() in LOOPBACK or self.host in LOOPBACK:
            return name.lower() in LOOPBACK
        return name.lower() in {self.host.lower(), socket.gethostname().lower()} or _address(name)


def _address(name: str) -> bool:
    """Whether it is an address rather than a name: nobody can point an address elsewhere."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
