"""Sessions that ask allowed hosts only, one for all threads."""

import logging
import threading
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError

from dione.base.errors import BadSource
from dione.sources.places import shown
from dione.sources.remote import addresses
from dione.sources.remote.httpfaults import PASSING, REDIRECTS, asked_pause_s, lasts, plain
from dione.sources.remote.patience import USUAL, Patience

log = logging.getLogger(__name__)

LARGEST_ANSWER = 64_000_000
"""Bytes, unpacked, of an answer that is read whole."""
CONNECTIONS = 64
"""Kept open to a host: as many as dates and files that are read at a time."""

_sessions: dict[tuple[frozenset[str], Patience | None], requests.Session] = {}
_guard = threading.Lock()


def session(trusted: frozenset[str], patience: Patience | None = None) -> requests.Session:
    """The session that trusts these private hosts and, with patience, tries again by itself."""
    with _guard:
        key = (trusted, patience)
        if key not in _sessions:
            _sessions[key] = _mounted(requests.Session(), trusted, patience)
        return _sessions[key]


def close() -> None:
    """Give all connections back."""
    while _sessions:
        _sessions.popitem()[1].close()


def _mounted(made: requests.Session, trusted: frozenset[str], patience: Patience | None) -> requests.Session:
    """The session, from now on keeping these rules."""
    for start in ("http://", "https://", ""):  # the last: whatever else a redirect leads to
        made.mount(start, Guarded(trusted, patience))
    made.max_redirects = REDIRECTS
    return made


def pools(trusted: frozenset[str]) -> dict[str, type[HTTPConnectionPool]]:
    """Pools of connections that look at whom they reached before they ask; a proxy is reached by pools of its own."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            _reached(self, "http", trusted)

    class Safe(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            _reached(self, "https", trusted)

    return {
        "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": Plain}),
        "https": type("SafePool", (HTTPSConnectionPool,), {"ConnectionCls": Safe}),
    }


def _reached(made: HTTPConnection, scheme: str, trusted: frozenset[str]) -> None:
    """Raise BadSource, and hang up, where a connection has led into this machine or its network."""
    try:
        addresses.check_peer(f"{scheme}://{made.host}:{made.port}", str(made.sock.getpeername()[0]), trusted)
    except BadSource:
        made.close()
        raise


class Guarded(HTTPAdapter):
    """Looks at each address before it is asked, those of redirects too; asks again where that may help.

    urllib3 can ask again too, but tells whole addresses in its log.
    """

    def __init__(self, trusted: frozenset[str], patience: Patience | None) -> None:
        self.trusted, self.patience = trusted, patience  # before the pools, which ask for them
        super().__init__(max_retries=0, pool_maxsize=CONNECTIONS)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = pools(self.trusted)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        url = str(request.url)
        addresses.check(url, self.trusted, proxied=bool(select_proxy(url, options.get("proxies"))))
        if self.patience is None:
            return self._bounded(super().send(request, *args, **options), options)
        for tried in range(self.patience.tries - 1):
            asked_s = 0.0
            try:
                answer = super().send(request, *args, **options)
                if answer.status_code not in PASSING:
                    return self._bounded(answer, options)
                fault, asked_s = f"HTTP {answer.status_code}", asked_pause_s(answer)
                answer.close()
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:  # the last: cut short
                if lasts(error):
                    raise
                fault = plain(error)
            log.info("%s: %s; try %d of %d", shown(url), fault, tried + 1, self.patience.tries)
            self.patience.wait(tried, asked_s)
        return self._bounded(super().send(request, *args, **options), options)

    def _bounded(self, answer: requests.Response, options: dict[str, Any]) -> requests.Response:
        """An answer that is wanted whole, read here as far as is meant; raises BadSource for one that goes on, or comes drop by drop."""
        if options.get("stream"):
            return answer
        deadline = time.monotonic() + 8 * (self.patience or USUAL).timeout_s
        body = bytearray()
        try:
            while piece := answer.raw.read1(1 << 16, decode_content=True):
                body += piece
                if len(body) > LARGEST_ANSWER or time.monotonic() > deadline:
                    answer.close()
                    raise BadSource(f"{shown(str(answer.url))} answers with more than {LARGEST_ANSWER // 1_000_000} MB, or does not come to an end")
        except HTTPError as error:  # what requests makes of it
            raise requests.exceptions.ChunkedEncodingError(error) from error
        answer._content = bytes(body)  # what requests' own `content` sets
        return answer
