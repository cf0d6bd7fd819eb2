"""The dates of a Stack: what each is called, and which one a name means."""

import datetime
from collections import Counter
from typing import Any

import numpy as np
import xarray as xr

from dione.base.errors import BadRecipe, NotFound

Date = str | datetime.date | np.datetime64 | xr.DataArray
"""One date, as people write it and as Python, NumPy, pandas (a Timestamp is a `date`) and xarray hold it."""


def days(stack: xr.Dataset) -> list[str]:
    """The date of each time as YYYY-MM-DD, in the Stack's order."""
    return [str(day) for day in stack["time"].values.astype("datetime64[D]")]


def labels(stack: xr.Dataset) -> list[str]:
    """What tells each date from the others, and its files begin with: its day, with the time of day if the series has several that day."""
    moments = [str(time) for time in stack["time"].values]
    times_seen = Counter(moment[:10] for moment in moments)
    return [moment[:10] if times_seen[moment[:10]] == 1 else moment[:19].replace(":", "") for moment in moments]


def label(stack: xr.Dataset, date: int) -> str:
    """The same of one date."""
    return labels(stack)[date]


def named(date: Date) -> str:
    """A date in words: YYYY-MM-DD, with the time of day, UTC, if the object that holds it has one; words stay as they are. Raises BadRecipe."""
    if isinstance(date, str):
        return date
    moment: Any = date.values if isinstance(date, xr.DataArray) else date
    if isinstance(moment, datetime.datetime):
        moment = utc(moment)
    try:
        made = np.datetime64(moment)
    except (TypeError, ValueError):  # several, a number
        made = np.datetime64("NaT")
    if np.isnat(made):
        raise BadRecipe(f"a {type(date).__name__} that is no one date; name it YYYY-MM-DD or stack.time[3], and all by target='all'")
    return str(made).partition(".")[0]


def utc(moment: datetime.datetime) -> datetime.datetime:
    """The same moment, UTC without a zone; one that has none is UTC."""
    return moment.astimezone(datetime.UTC).replace(tzinfo=None) if moment.tzinfo is not None else moment


def passes(stack: xr.Dataset, date: Date) -> list[int]:
    """Positions of all that a date names: YYYY-MM-DD, or with the time of day as `label` writes it. Midnight, if none was seen then, is the day."""
    wanted = named(date).replace(":", "")
    at = [at for at, time in enumerate(stack["time"].values.astype("datetime64[s]").astype(str)) if wanted in (time[:10], time.replace(":", ""))]
    day = wanted.removesuffix("T000000")
    return at if at or day == wanted else passes(stack, day)


def position(stack: xr.Dataset, date: Date) -> int:
    """Position of the one date of this name; raises NotFound where there is none, or more than one."""
    date = named(date)
    found = passes(stack, date)
    if not found:
        raise NotFound(f"no date '{date}'; there are {', '.join(labels(stack))}")
    if len(found) > 1:
        raise NotFound(f"{date} was seen {len(found)} times; name one of {', '.join(label(stack, at) for at in found)}")
    return found[0]
