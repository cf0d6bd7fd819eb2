"""The two pickles of an EOPatch of 2021, read without running them: a box and a list of times, and nothing else.

A pickle is a program. This one may name only the types below, which become plain values; whatever else it names is
refused before it is called.
"""

import io
import pickle
import pickletools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

from dione.base.errors import BadSource

LARGEST = 4_000_000
"""Bytes; a box takes some 200 and a time some 30."""


class Fixed(type):
    """A class that a pickle cannot change."""

    def __setattr__(cls, name: str, value: object) -> None:
        raise AttributeError(f"{cls.__name__} is not to be changed")


class Call:
    """A function that a pickle cannot change."""

    __slots__ = ("does",)
    does: Callable[..., Any]

    def __init__(self, does: Callable[..., Any]) -> None:
        object.__setattr__(self, "does", does)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("what it calls is not to be changed")

    def __call__(self, *given: Any) -> Any:
        return self.does(*given)


class Box(metaclass=Fixed):
    """What a pickled box fills with its edges and CRS."""


class Crs(metaclass=Fixed):
    """What a pickled CRS calls with its code."""

    def __init__(self, code: object = "") -> None:
        self.code = str(code).upper().removeprefix("EPSG:")


def _utc(*_: object) -> tzinfo:
    return UTC


ADMITTED: dict[tuple[str, str], Any] = {
    ("datetime", "datetime"): datetime,
    ("datetime", "date"): date,
    ("datetime", "timedelta"): timedelta,
    ("datetime", "timezone"): timezone,
    ("dateutil.tz.tz", "tzutc"): Call(_utc),
    ("pytz", "_UTC"): Call(_utc),
    ("copyreg", "__newobj__"): Call(lambda kind: kind()),
    ("builtins", "list"): list,
    ("builtins", "tuple"): tuple,
    ("sentinelhub.constants", "CRS"): Crs,
    ("sentinelhub.geometry", "BBox"): Box,
    ("sentinelhub.common", "BBox"): Box,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return ADMITTED[module, name]


def modest(data: bytes) -> None:
    """Raise UnpicklingError for a pickle that remembers things at places far beyond its length: room is made for all places below."""
    for opcode, argument, _ in pickletools.genops(data):
        if "PUT" in opcode.name and isinstance(argument, int) and argument > len(data):
            raise pickle.UnpicklingError(f"it remembers a thing at place {argument}, and has {len(data)} bytes")


def load(data: bytes, where: str) -> object:
    """The value in a pickle of a box or of times; raises BadSource for one that names anything else, or is damaged."""
    if len(data) > LARGEST:
        raise BadSource(f"{where} has more than {LARGEST} bytes; a box or a list of times is smaller\nit is no EOPatch pickle: it was not read")
    try:
        modest(data)
        return _Reader(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, ImportError, MemoryError) as error:
        advice = "only a box and times are read from pickles: write the patch again with eo-learn 1.0 or later, which keeps them as JSON"
        raise BadSource(f"{where} is refused: {error or type(error).__name__}\n{advice}") from error


def box(data: bytes, where: str) -> tuple[tuple[float, float, float, float], str]:
    """(left, bottom, right, top) and EPSG code of a pickled box; raises BadSource."""
    found = load(data, where)
    kept = vars(found) if isinstance(found, Box) else {}
    crs = kept.get("_crs", kept.get("crs"))
    edges = [kept.get(name) for name in ("min_x", "min_y", "max_x", "max_y")]
    if not isinstance(crs, Crs) or not crs.code.isdigit() or not all(isinstance(edge, int | float) for edge in edges):
        raise BadSource(f"{where} holds no box with a CRS: found {type(found).__name__} with {sorted(kept) or 'nothing'}")
    left, bottom, right, top = (float(edge) for edge in edges if isinstance(edge, int | float))
    return (left, bottom, right, top), f"EPSG:{crs.code}"


def times(data: bytes, where: str) -> list[datetime]:
    """The times of a pickled list; raises BadSource."""
    found = load(data, where)
    if not isinstance(found, list | tuple) or not all(isinstance(time, date) for time in found):
        raise BadSource(f"{where} holds no list of times: found {type(found).__name__}")
    return [time if isinstance(time, datetime) else datetime(time.year, time.month, time.day) for time in found]
