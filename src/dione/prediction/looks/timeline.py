"""The dates of a series along a line: when, how clear, and what each was used for."""

from dataclasses import dataclass

import numpy as np

from dione.prepare.select import DateUse

WIDTH, HEIGHT = 640, 84
"""The drawing's own units; clear dates stand at the top."""
TOP, BOTTOM, SIDE = 14, 58, 14


@dataclass(frozen=True)
class Dot:
    """One date."""

    x: float
    y: float
    use: DateUse


@dataclass(frozen=True)
class Timeline:
    """Dots and the months or years under them."""

    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, str], ...]


def timeline(dates: tuple[DateUse, ...]) -> Timeline:
    """All dates of a series, spread over the width."""
    days = np.array([use.day[:10] for use in dates], "datetime64[D]")
    first, last = days.min(), days.max()
    span = max(int((last - first).astype(int)), 1)

    def across(day: np.datetime64) -> float:
        return SIDE + float((day - first).astype(int)) / span * (WIDTH - 2 * SIDE) if span > 1 or len(dates) > 1 else WIDTH / 2

    dots = tuple(Dot(round(across(day), 1), round(BOTTOM - (BOTTOM - TOP) * use.clear, 1), use) for day, use in zip(days, dates, strict=True))
    return Timeline(dots, tuple((round(across(day), 1), words) for day, words in _ticks(first, last)))


def _ticks(first: np.datetime64, last: np.datetime64) -> list[tuple[np.datetime64, str]]:
    """At most about eight firsts of months, or of years; the first day and the last where there is none between."""
    if first.astype("datetime64[M]") == last.astype("datetime64[M]"):
        return [(day, f"{int(str(day)[8:])} {day.item():%b %Y}") for day in dict.fromkeys((first, last))]
    months = np.arange(first.astype("datetime64[M]") + 1, last.astype("datetime64[M]") + 1)
    step = next((step for step in (1, 2, 3, 6) if len(months) / step <= 8), 12)
    if step == 12:
        years = np.arange(first.astype("datetime64[Y]") + 1, last.astype("datetime64[Y]") + 1)
        return [(year.astype("datetime64[D]"), str(year)) for year in years[:: max(1, len(years) // 8)]]
    chosen = [month for month in months if int(month.astype(int)) % step == 0]
    return [(month.astype("datetime64[D]"), month.item().strftime("%b %Y" if month.item().month == 1 or month == chosen[0] else "%b")) for month in chosen]
