"""HTTP as dione needs it: bytes of a file, all of them and the right ones, or an error that says what is wrong.

What may pass is tried again with growing pauses: no connection, no answer in time, an answer cut short, 408, 425, 429
and 5xx. Redirects are followed to allowed hosts only. Nothing of an address after its `?` is ever told, nor a header.
"""

import logging
import os
import random
import re
import threading
import time
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from dione.base.errors import BadSource, DioneError, NotFound
from dione.sources import addresses, signing
from dione.sources.places import shown

log = logging.getLogger(__name__)

PASSING = (408, 425, 429, 500, 502, 503, 504)
REDIRECTS = 5
CONNECTIONS = 32
PIECE_BYTES = 1 << 16
LONGEST_PAUSE_S = 30.0


class Passing(Exception):
    """A fault that another try may be without; `pause_s` is what the server asked for."""

    def __init__(self, words: str, pause_s: float = 0.0) -> None:
        super().__init__(words)
        self.pause_s = pause_s


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to try; DIONE_HTTP_TIMEOUT and DIONE_HTTP_TRIES change them."""

    timeout_s: float = 30.0
    """For a connection, between two pieces of an answer, and four times that for all of it."""
    tries: int = 6
    pause_s: float = 0.5
    """After the first try; doubled after each, give or take half."""

    @classmethod
    def told(cls) -> "Patience":
        """As the environment says. Raises BadSource for what is no number."""
        try:
            timeout, tries = float(os.environ.get("DIONE_HTTP_TIMEOUT", cls.timeout_s)), int(os.environ.get("DIONE_HTTP_TRIES", cls.tries))
        except ValueError as error:
            raise BadSource(f"DIONE_HTTP_TIMEOUT (seconds) and DIONE_HTTP_TRIES need numbers: {error}") from error
        return cls(timeout, max(tries, 1), min(cls.pause_s, timeout))

    def wait(self, tried: int, asked_s: float) -> None:
        """Pause before the next try: as long as the server asked for, or else longer each time."""
        growing = self.pause_s * 2**tried * random.uniform(0.5, 1.5)
        time.sleep(min(max(growing, asked_s), LONGEST_PAUSE_S))


@dataclass(frozen=True)
class Web:
    """How addresses are asked: which private hosts are trusted, and who signs them."""

    trusted: frozenset[str] = frozenset()
    signer: str = ""
    """'planetary-computer', or nobody."""
    patience: Patience = Patience()

    def session(self) -> requests.Session:
        """A session that keeps these rules; one for all threads."""
        return _session(self.trusted, 0)

    def patient_session(self) -> requests.Session:
        """One that tries again by itself, for those who do not."""
        return _session(
            self.trusted,
            Retry(self.patience.tries - 1, backoff_factor=self.patience.pause_s, status_forcelist=PASSING, allowed_methods=None, redirect=REDIRECTS),
        )

    def read(self, url: str, start: int, stop: int) -> tuple[bytes, int]:
        """Bytes `start` to `stop` (or to the end, if that comes first) of a file, and how long the whole file is.

        Raises NotFound, or BadSource when the server refuses, gives no ranges, or does not give them after all tries.
        """
        fault = Passing("not tried")
        for tried in range(self.patience.tries):
            try:
                return self._once(url, start, stop)
            except Passing as passing:
                fault = passing
                log.info("%s, bytes %d to %d: %s; try %d of %d", shown(url), start, stop, fault, tried + 1, self.patience.tries)
            if tried + 1 < self.patience.tries:
                self.patience.wait(tried, fault.pause_s)
        advice = "try again later; DIONE_HTTP_TIMEOUT and DIONE_HTTP_TRIES give it more time"
        raise BadSource(f"{shown(url)} cannot be read: {fault}, after {self.patience.tries} tries\n{advice}")

    def _once(self, url: str, start: int, stop: int) -> tuple[bytes, int]:
        deadline = time.monotonic() + 4 * self.patience.timeout_s
        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        try:
            with self.session().get(signing.signed(url, self.signer), headers=headers, stream=True, timeout=self.patience.timeout_s) as answer:
                total = _total(answer, url, start, stop)
                wanted = max(min(stop, total) - start, 0)
                body = bytearray()
                for piece in answer.raw.stream(PIECE_BYTES, decode_content=False) if wanted else ():
                    body += piece
                    count(len(piece))
                    if len(body) > wanted or time.monotonic() > deadline:
                        break
        except (requests.RequestException, HTTPError, OSError) as error:
            raise Passing(plain(error)) from error
        if len(body) != wanted:
            raise Passing(f"an answer of {len(body)} bytes, {wanted} were asked for")
        return bytes(body), total


STRANGER = Web()
"""Trusts no private host, signs nothing."""


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


def plain(error: Exception) -> str:
    """What went wrong with a connection, in words that hold no address."""
    text = f"{type(error).__name__} {error}".lower()
    if "timed out" in text or "timeout" in text:
        return "no answer in time"
    if "certificate" in text or "ssl" in text:
        return "no safe connection (check the clock of this machine and its certificates)"
    if "proxy" in text:
        return "the proxy does not let it through (check HTTP_PROXY, HTTPS_PROXY, NO_PROXY)"
    if "redirect" in text:
        return f"more than {REDIRECTS} redirects"
    if "resolution" in text or "resolve" in text:
        return "the name of the host is not known (check it, and the connection)"
    return "the connection was refused" if "refused" in text else "the connection was lost"


def refusal(status: int, url: str) -> DioneError:
    """The error for a status that no further try will change."""
    if status in (401, 403):
        return BadSource(f"{shown(url)} may not be read (HTTP {status})\ncredentials are missing or have expired, or the clock of this machine is wrong")
    if status in (404, 410):
        return NotFound(f"{shown(url)} is not there (HTTP {status}): it was moved or removed")
    if status == 407:
        return BadSource(f"{shown(url)} is behind a proxy that wants a password (HTTP 407)\ngive it in HTTPS_PROXY=http://user:password@proxy:port")
    return BadSource(f"{shown(url)} answers with HTTP {status}")


def _total(answer: requests.Response, url: str, start: int, stop: int) -> int:
    """How long the whole file is, if the answer is what was asked for; raises Passing or a DioneError otherwise."""
    if answer.status_code in PASSING:
        asked = answer.headers.get("Retry-After", "")
        raise Passing(f"HTTP {answer.status_code}", float(asked) if asked.isdecimal() else 0.0)
    if answer.status_code == 206:
        told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
        if not told or int(told[1]) != start or int(told[2]) != min(stop, int(told[3])) - 1:
            raise Passing("an answer of other bytes than were asked for")
        return int(told[3])
    length = answer.headers.get("Content-Length", "")
    if answer.status_code == 200 and start == 0 and length.isdecimal() and int(length) <= stop:
        return int(length)
    if answer.status_code == 200:
        raise BadSource(f"the server of {shown(url)} gives no parts of files (no HTTP ranges)\ndownload the files and name their folder")
    raise refusal(answer.status_code, url)


_counted = [0]
_guard = threading.Lock()


def count(more: int = 0) -> int:
    """Bytes that were received since dione was started, `more` among them."""
    with _guard:
        _counted[0] += more
        return _counted[0]


def close() -> None:
    """Give all connections back."""
    while _sessions:
        _sessions.popitem()[1].close()


_sessions: dict[tuple[frozenset[str], str], requests.Session] = {}


def _session(trusted: frozenset[str], retries: Retry | int) -> requests.Session:
    with _guard:
        key = (trusted, repr(retries))
        if key not in _sessions:
            _sessions[key] = _mounted(requests.Session(), trusted, retries)
        return _sessions[key]
