"""Whether the clock of this machine is right, by the Date that a server puts into its answers (RFC 9110, §6.6.1).

A signature carries the time at which it was made, or until which it holds: by a clock that is wrong it has expired, or
is of a time to come, and a right address is refused.
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

NEAR_S = 120.0
"""Clocks that differ by less are right: answers travel, and Date counts whole seconds."""


def now() -> datetime:
    """The time by this machine."""
    return datetime.now(UTC)


def ahead_s(moment: str, date: str) -> float:
    """How far a time lies ahead of the Date of an answer, or of now if it has none, seconds; 0 for one that is past, or is none."""
    told = _parsed(moment)
    return max((told - (_parsed(date) or now())).total_seconds(), 0.0) if told else 0.0


def skew(date: str) -> str:
    """What is wrong with this machine's clock, and what to do; '' if it agrees with the Date of an answer, or there is none."""
    told = _parsed(date)
    off_s = (now() - told).total_seconds() if told else 0.0
    if abs(off_s) < NEAR_S:
        return ""
    side = "ahead of" if off_s > 0 else "behind"
    return f"the clock of this machine is {_length(abs(off_s))} {side} the server's, so that signatures count as expired\nset the clock, e.g. timedatectl set-ntp true"


def _parsed(text: str) -> datetime | None:
    """The time that a header tells, or None."""
    try:
        told = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _length(seconds: float) -> str:
    """Minutes, hours or days, in words."""
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
