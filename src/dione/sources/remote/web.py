"""HTTP as dione needs it: bytes of a file, all of them and the right ones, or an error that says what is wrong.

What may pass is tried again with growing pauses: no connection, no answer in time, an answer cut short, 408, 425, 429
and 5xx. Redirects are followed to allowed hosts only. Nothing of an address after its `?` is ever told, nor a header.
"""

import logging
import re
import threading
import time
from dataclasses import dataclass

import requests
from urllib3.exceptions import HTTPError

from dione.base.errors import BadSource
from dione.sources.archives import signing
from dione.sources.places import shown
from dione.sources.remote import sessions
from dione.sources.remote.httpfaults import LATER, PASSING, Passing, asked_pause_s, lasts, plain, refusal
from dione.sources.remote.patience import USUAL, Patience

log = logging.getLogger(__name__)

PIECE_BYTES = 1 << 16

_counted = [0]
_guard = threading.Lock()


@dataclass(frozen=True)
class Web:
    """How addresses are asked: which private hosts are trusted, and who signs them."""

    trusted: frozenset[str] = frozenset()
    signer: str = ""
    """'planetary-computer', or nobody."""
    patience: Patience = USUAL
    credentials: str = ""
    """What the archive's files need, for messages."""

    def session(self) -> requests.Session:
        """A session that keeps these rules; one for all threads."""
        return sessions.session(self.trusted)

    def patient_session(self) -> requests.Session:
        """One that tries again by itself, for those who do not."""
        return sessions.session(self.trusted, self.patience)

    def read(self, url: str, start: int, stop: int) -> tuple[bytes, int, str]:
        """Bytes `start` to `stop` (or to the end, if that comes first) of a file, how long the whole file is, and its mark.

        The mark is what the server tells one state of the file from another by: its ETag, or when it was changed; '' if it tells neither.
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
        raise BadSource(f"{shown(url)} cannot be read: {fault}, after {self.patience.tries} tries\n{LATER}")

    def _once(self, url: str, start: int, stop: int) -> tuple[bytes, int, str]:
        deadline = time.monotonic() + 4 * self.patience.timeout_s
        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        try:
            with self.session().get(signing.signed(url, self.signer), headers=headers, stream=True, timeout=self.patience.timeout_s) as answer:
                total = _total(answer, url, start, stop)
                wanted = max(min(stop, total) - start, 0)
                body = bytearray()
                # What came, not a whole piece: of a server that gives it drop by drop that would take for ever.
                while wanted and (piece := answer.raw.read1(PIECE_BYTES, decode_content=False)):
                    body += piece
                    count(len(piece))
                    if len(body) > wanted or time.monotonic() > deadline:
                        break
        except (requests.RequestException, HTTPError, OSError) as error:
            if lasts(error):
                raise BadSource(f"{shown(url)} cannot be read: {plain(error)}") from error
            raise Passing(plain(error)) from error
        if len(body) != wanted:
            raise Passing(f"an answer of {len(body)} bytes, {wanted} were asked for")
        return bytes(body), total, answer.headers.get("ETag") or answer.headers.get("Last-Modified", "")


STRANGER = Web()
"""Trusts no private host, signs nothing."""


def _total(answer: requests.Response, url: str, start: int, stop: int) -> int:
    """How long the whole file is, if the answer is what was asked for; raises Passing or a DioneError otherwise."""
    if answer.status_code in PASSING:
        raise Passing(f"HTTP {answer.status_code}", asked_pause_s(answer))
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
    raise refusal(answer.status_code, url, answer.headers.get("Date", ""))


def count(more: int = 0) -> int:
    """Bytes that were received since dione was started, `more` among them."""
    with _guard:
        _counted[0] += more
        return _counted[0]
