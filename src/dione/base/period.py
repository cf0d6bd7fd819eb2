"""Periods as a person writes them: 2024-05-01/2024-08-31, whole months 2024-05/2024-08, a year 2024, or one side open."""

from datetime import date, timedelta

from dione.base.errors import BadRecipe

NEEDS = "needs START/END, each as YYYY-MM-DD, YYYY-MM or YYYY: 2024-05-01/2024-08-31, 2024-05/2024-08"


def parse(text: str) -> tuple[str, str]:
    """First and last day as YYYY-MM-DD, both included; '' for a side that is left open. Raises BadRecipe."""
    start, slash, end = text.strip().partition("/")
    return whole((start, end if slash else start))


def whole(dates: tuple[str, str]) -> tuple[str, str]:
    """The same period by its first and last day: a month or a year ends with its last day. Raises BadRecipe."""
    start, end = (side.strip().removesuffix("..") for side in dates)
    first, last = _day(start), _day(end, last=True)
    if first and last and first > last:
        raise BadRecipe(f"the range of dates starts {start} after it ends {end}; write it as START/END")
    return first, last


def _day(text: str, *, last: bool = False) -> str:
    if not text:
        return ""
    parts = text.split("-")
    try:
        year, month, day = (int(part) for part in (*parts, "1", "1")[:3])
        first = date(year, month, day)
    except ValueError as error:
        raise BadRecipe(f"date is '{text}'; {NEEDS}") from error
    if len(parts) > 3:
        raise BadRecipe(f"date is '{text}'; {NEEDS}")
    if not last or len(parts) == 3:
        return first.isoformat()
    following = date(year + 1, 1, 1) if len(parts) == 1 or month == 12 else date(year, month + 1, 1)
    return (following - timedelta(days=1)).isoformat()
