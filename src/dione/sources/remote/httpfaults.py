"""What went wrong with a request, in words that hold no secret: nothing of an address after its `?`, no header, no body."""

import requests

from dione.base.errors import BadSource, DioneError, NotFound
from dione.sources.places import shown
from dione.sources.remote import clock

PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that another try may be without."""
REDIRECTS = 5
"""The most that are followed."""
LATER = "try again later; DIONE_HTTP_TIMEOUT and DIONE_HTTP_TRIES give it more time"
PASSWORD = "put USER:PASSWORD@ before the proxy's name in HTTP_PROXY and HTTPS_PROXY"


class Passing(Exception):
    """A fault that another try may be without; `pause_s` is what the server asked for."""

    def __init__(self, words: str, pause_s: float = 0.0) -> None:
        super().__init__(words)
        self.pause_s = pause_s


def asked_pause_s(answer: requests.Response) -> float:
    """How long a server asks to wait before the next try (Retry-After, in seconds or until a time by its own clock); 0 if it does not say."""
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else clock.ahead_s(asked, answer.headers.get("Date", ""))


def lasts(error: Exception) -> bool:
    """Whether no further try can mend it: a certificate that has expired, is another host's or nobody's, or none to compare it with."""
    return any(words in str(error).lower() for words in ("certificate verify failed", "certificate bundle"))


def plain(error: Exception) -> str:
    """What went wrong with a connection, in words that hold no address."""
    text = f"{type(error).__name__} {error}".lower()
    if "timed out" in text or "timeout" in text:
        return "no answer in time"
    if "certificate" in text or "ssl" in text:
        return "no safe connection (check the clock of this machine and its certificates; REQUESTS_CA_BUNDLE names a file of others)"
    if "proxy authentication required" in text:
        return f"the proxy wants a password ({PASSWORD})"
    if "proxy" in text:
        return "the proxy does not let it through (check HTTP_PROXY, HTTPS_PROXY, NO_PROXY)"
    if "redirect" in text:
        return f"more than {REDIRECTS} redirects"
    if "resolution" in text or "resolve" in text:
        return "the name of the host is not known (check it, and the connection)"
    return "the connection was refused" if "refused" in text else "the connection was lost"


def refusal(status: int, url: str, date: str = "") -> DioneError:
    """The error for a status that no further try will change; `date` is the answer's, by which this machine's clock is looked at."""
    if status in (401, 403):
        why = "credentials are missing or have expired" + ("" if date else ", or the clock of this machine is wrong")
        return BadSource(f"{shown(url)} may not be read (HTTP {status})\n{clock.skew(date) or why}")
    if status in (404, 410):
        return NotFound(f"{shown(url)} is not there (HTTP {status}): it was moved or removed")
    if status == 407:
        return BadSource(f"{shown(url)} is behind a proxy that wants a password (HTTP 407)\n{PASSWORD}")
    if status in PASSING:
        return BadSource(f"{shown(url)} answers with HTTP {status}: it has too much to do, or fails\n{LATER}")
    return BadSource(f"{shown(url)} answers with HTTP {status}\ncheck the address")
