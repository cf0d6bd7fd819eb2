"""Which date to sharpen, and which dates to help it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

import numpy as np
import xarray as xr

from dione.base import when
from dione.base.errors import BadRecipe, NotFound, NothingClear, faults
from dione.prepare.area import clear_fractions

Role = Literal["target", "support", "left out"]
Supports = Literal["best", "past"]

HALF_LIFE_DAYS = 60
"""A date this far from the target counts half as much as one beside it."""


@dataclass(frozen=True)
class Rule:
    """By what dates are chosen: the arguments of `choose`."""

    views: int
    max_cloud: float
    supports: Supports
    support_cloud: float


@dataclass(frozen=True)
class DateUse:
    """What became of one date of a series, for one target."""

    day: str
    """YYYY-MM-DD; with the time of day, as its files begin, where the series has several passes that day."""
    item: str
    """What it was read from."""
    clear: float
    """Fraction of the area seen clear, 0–1."""
    role: Role
    reason: str
    """Why, in plain words: 'clear over 93 % of the area, 12 days from the target'."""


@dataclass(frozen=True)
class Choice:
    """One target and its supports, as positions in the Stack's time; supports from newest to oldest."""

    target: int
    supports: tuple[int, ...]
    dates: tuple[DateUse, ...]
    """Every date of the series, in its order."""

    @property
    def day(self) -> str:
        return self.dates[self.target].day

    @property
    def clearest(self) -> tuple[int, ...]:
        """Every date of the series, the clearest and of equals the latest first: the same whatever the target."""
        return tuple(sorted(range(len(self.dates)), key=lambda at: (self.dates[at].clear, at), reverse=True))

    @property
    def views(self) -> tuple[int, ...]:
        """Target first, then supports: the order that a network takes them in."""
        return (self.target, *self.supports)


def choose(
    stack: xr.Dataset,
    *,
    target: str = "latest",
    views: int = 8,
    max_cloud: float = 0.5,
    supports: Supports = "best",
    support_cloud: float = 0.05,
    clear: Sequence[float] | None = None,
) -> list[Choice]:
    """The targets of a series, each with its supports.

    target: "latest" (the latest date with at most `max_cloud` of the area not clear), "all" such dates, or YYYY-MM-DD
        (of several passes that day the clearest; one alone is named as 2018-08-15T105031), which may be cloudier so long as any date sees any of the area.
    views: the most dates used for one result, the target among them.
    clear: fraction of the area seen clear on each date; measured with `clear_fractions` if not given.

    supports: "best" are the dates of highest score, clear fraction × 0.5 ^ (days from the target / HALF_LIFE_DAYS); "past"
        are the latest before the target with at most `support_cloud` hidden: a window that slides along, as for a series
        that grows. Dates without a clear pixel never are.

    Raises NothingClear, NotFound, BadRecipe.
    """
    wrong = [f"views is {views}, needs at least 1"] * (views < 1) + [f"max_cloud is {max_cloud}, needs 0 to 1"] * (not 0 <= max_cloud <= 1)
    if wrong:
        raise BadRecipe(faults("dates cannot be chosen so", wrong))
    fractions = clear_fractions(stack) if clear is None else list(clear)
    rule = Rule(views, max_cloud, supports, support_cloud)
    return [_choice(stack, at, fractions, rule) for at in _targets(stack, target, fractions, views, max_cloud)]


def passed_over(stack: xr.Dataset, target: str, choice: Choice) -> Iterator[str]:
    """What a person has to be told who named a day of several passes: which there are, and which was taken."""
    at = when.passes(stack, target)
    if len(at) > 1:
        there = ", ".join(f"{choice.dates[one].day} ({_percent(choice.dates[one].clear)} clear)" for one in at)
        other = next(choice.dates[one].day for one in at if one != choice.target)
        yield f"{target} was seen {len(at)} times: {there}; sharpened was the clearest, {choice.day}; another is named by its time: --target {other}"


def between(stack: xr.Dataset, start: str | None, end: str | None) -> xr.Dataset:
    """The dates from `start` to `end`, both included (YYYY-MM-DD; None or '' leaves a side open).

    Raises BadRecipe for a date that is none, NotFound when no date lies between.
    """
    first, last = _day(start, "0001-01-01"), _day(end, "9999-12-31")
    if first > last:
        raise BadRecipe(f"the range of dates starts {start} after it ends {end}; write it as START/END")
    days = np.array(when.days(stack), "datetime64[D]")
    inside = np.flatnonzero((days >= first) & (days <= last))
    if not len(inside):
        span = f"the series has {len(days)}, from {days[0]} to {days[-1]}"
        raise NotFound(f"no date from {start or 'the first'} to {end or 'the last'}; {span}{_nearest_to(days, first)}")
    return stack if len(inside) == len(days) else stack.isel(time=slice(int(inside[0]), int(inside[-1]) + 1))


def _targets(stack: xr.Dataset, target: str, clear: Sequence[float], views: int, max_cloud: float) -> list[int]:
    if target not in ("latest", "all"):
        return [_on_day(stack, target, clear, views)]
    usable = [at for at, fraction in enumerate(clear) if fraction > 0 and 1 - fraction <= max_cloud]
    if not usable:
        advice = "allow more with --max-cloud, take a longer period, or name a date with --target"
        raise _nothing_clear(stack, clear, f"no date has at most {max_cloud:.0%} of the area under cloud", advice)
    return usable[-1:] if target == "latest" else usable


def _on_day(stack: xr.Dataset, day: str, clear: Sequence[float], views: int) -> int:
    """Position of the date of that name, the clearest if a day has several."""
    at = when.passes(stack, day)
    if not at:
        wanted, days = _day(day.partition("T")[0] or day, day, "target"), np.array(when.days(stack), "datetime64[D]")
        there = ", ".join(when.label(stack, one) for one in when.passes(stack, str(wanted)))
        near = f"; that day has {there}" if there else _nearest_to(days, wanted)
        raise NotFound(f"target {day} is not in the series of {len(days)} dates{near}\nname one of these, latest, or all")
    best = max(at, key=lambda one: clear[one])
    if not any(fraction > 0 for fraction in clear):
        head = f"the target {day} is cloudy over the whole area and so is every date that could fill it"
        raise _nothing_clear(stack, clear, head, "take a longer period or another area")
    if views == 1 and clear[best] <= 0:
        raise _nothing_clear(stack, clear, f"the target {day} is cloudy over the whole area, and with one view no other date may fill it", "allow more --views")
    return best


def _day(text: str | None, otherwise: str, what: str = "date") -> np.datetime64:
    try:
        return np.datetime64(text or otherwise, "D")
    except ValueError as error:
        close = " (latest?)" if SequenceMatcher(None, str(text), "latest").ratio() > 0.6 else ""
        raise BadRecipe(f"{what} is '{text}'{close}, needs YYYY-MM-DD" + (", latest or all" if what == "target" else "")) from error


def _nearest_to(days: np.ndarray, wanted: np.datetime64) -> str:
    near = sorted(set(days), key=lambda day: abs(int((day - wanted).astype(int))))[:3]
    return f"; nearest {'is' if len(near) == 1 else 'are'} {', '.join(map(str, sorted(near)))}"


def _nothing_clear(stack: xr.Dataset, clear: Sequence[float], head: str, advice: str) -> NothingClear:
    rows = [f"{day}  {_percent(fraction):>6} clear  {item}" for day, fraction, item in zip(when.labels(stack), clear, stack["item"].values, strict=True)]
    return NothingClear(faults(head, rows, advice))


def _choice(stack: xr.Dataset, target: int, clear: Sequence[float], rule: Rule) -> Choice:
    times = stack["time"].values
    gaps = np.abs(times - times[target]) / np.timedelta64(1, "D")
    if rule.supports == "past":
        ranked = [at for at in range(target - 1, -1, -1) if clear[at] > 0 and 1 - clear[at] <= rule.support_cloud]
    else:
        scores = np.array(clear) * 0.5 ** (gaps / HALF_LIFE_DAYS)
        ranked = sorted((at for at in range(len(times)) if at != target and clear[at] > 0), key=lambda at: (-scores[at], -at))
    supports = tuple(sorted(ranked[: rule.views - 1], reverse=True))

    def use(at: int, day: str) -> DateUse:
        role: Role = "target" if at == target else "support" if at in supports else "left out"
        return DateUse(day, str(stack["item"].values[at]), float(clear[at]), role, _reason(role, float(clear[at]), float(gaps[at]), rule))

    return Choice(target, supports, tuple(use(at, day) for at, day in enumerate(when.labels(stack))))


def _reason(role: Role, clear: float, gap: float, rule: Rule) -> str:
    """Why a date plays its role, in plain words."""
    seen = "cloudy over the whole area" if clear == 0 else f"clear over {_percent(clear)} of the area"
    if role == "target":
        return seen + (", to be filled from the other dates" if 1 - clear > rule.max_cloud else "")
    distance = f"{round(gap)} day{'' if round(gap) == 1 else 's'} from the target"
    if role == "support" or clear == 0:
        return f"{seen}, {distance}"
    if rule.supports == "past":
        return f"{seen}, {distance}; not among the {rule.views - 1} latest clear ones before it"
    return f"{seen}, {distance}; {rule.views - 1} others are clearer or nearer" if rule.views > 1 else f"{seen}, {distance}; only the target is used"


def _percent(fraction: float) -> str:
    """A fraction in per cent; not 100 % unless it is all, not 0 % unless it is none."""
    if 0 < fraction < 0.005:
        return "<1 %"
    return f"{min(round(fraction * 100), 99) if fraction < 1 else 100} %"
