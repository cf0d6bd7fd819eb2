"""Periods as a person writes them: 2024-05-01/2024-08-31, whole months 2024-05/2024-08, a year 2024, or one side open."""

import re
from calendar import monthrange
from datetime import date

from dione.base.errors import BadRecipe

WRITTEN = re.compile(r"\d{4}(-\d{1,2}){0,2}", re.ASCII)
NEEDS = "needs START/END, each as YYYY-MM-DD, YYYY-MM or YYYY: 2024-05-01/2024-08-31, 2024-05/2024-08"


def parse(text: str) -> tuple[str, str]:
    """First and last day as YYYY-MM-DD, both included; '' for a side that is left open. Raises BadRecipe."""
    start, slash, end = text.strip().partition("/")
    return whole((start, end if slash else start))


def whole(dates: tuple[str | None, ...]) -> tuple[str, str]:
    """The same period by its first and last day: a month or a year ends with its last day, None leaves a side open. Raises BadRecipe."""
    if len(dates) != 2:
        raise BadRecipe(f"the range of dates has {len(dates)} sides; {NEEDS}")
    start, end = ("" if side == ".." else side for side in (str(side or "").strip() for side in dates))
    first, last = _day(start), _day(end, last=True)
    if first and last and first > last:
        raise BadRecipe(f"the range of dates starts {start} after it ends {end}; write it as START/END")
    return first, last


def _day(text: str, *, last: bool = False) -> str:
    if not text:
        return ""
    if not WRITTEN.fullmatch(text):
        raise BadRecipe(f"date is '{text:.40}'; {NEEDS}")
    year, *rest = map(int, text.split("-"))
    month, day = (*rest, *((12, 31) if last else (1, 1))[len(rest) :])
    if last and len(rest) == 1 and 1 <= month <= 12 and year:
        day = monthrange(year, month)[1]
    try:
        return date(year, month, day).isoformat()
    except ValueError as error:
        raise BadRecipe(f"date is '{text}': {error}; {NEEDS}") from error
