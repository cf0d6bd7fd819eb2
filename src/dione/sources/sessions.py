"""Sessions that ask allowed hosts only, one for all threads."""

import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.util import Retry

from dione.sources import addresses
from dione.sources.httpfaults import REDIRECTS

CONNECTIONS = 64
"""Kept open to a host: as many as dates and files that are read at a time."""

_sessions: dict[tuple[frozenset[str], str], requests.Session] = {}
_guard = threading.Lock()


def session(trusted: frozenset[str], retries: Retry | int = 0) -> requests.Session:
    """The session that trusts these private hosts and, if told to, tries again by itself."""
    with _guard:
        key = (trusted, repr(retries))
        if key not in _sessions:
            _sessions[key] = _mounted(requests.Session(), trusted, retries)
        return _sessions[key]


def close() -> None:
    """Give all connections back."""
    while _sessions:
        _sessions.popitem()[1].close()


def _mounted(session: requests.Session, trusted: frozenset[str], retries: Retry | int) -> requests.Session:
    """The session, from now on asking allowed hosts only."""
    for start in ("http://", "https://"):
        session.mount(start, Guarded(trusted, max_retries=retries, pool_maxsize=CONNECTIONS))
    session.max_redirects = REDIRECTS
    return session


class Guarded(HTTPAdapter):
    """Looks at each address before it is asked, those of redirects too."""

    def __init__(self, trusted: frozenset[str], **options: Any) -> None:
        self.trusted = trusted
        super().__init__(**options)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        url = str(request.url)
        addresses.check(url, self.trusted, proxied=bool(select_proxy(url, options.get("proxies"))))
        return super().send(request, *args, **options)
