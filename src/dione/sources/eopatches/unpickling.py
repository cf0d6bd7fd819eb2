"""Pickles read without running them.

A pickle is a program. Here it may name only what it is told, which become plain values; whatever else it names is refused
before it is called.
"""

import io
import pickle
import pickletools
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

from dione.base.errors import BadSource

LARGEST = 4_000_000
"""Bytes; a box takes some 200 and a time some 30."""
DAMAGED = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    ImportError,
    MemoryError,
    RecursionError,
)
"""What reading damaged bytes raises."""


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


def _utc(*_: object) -> tzinfo:
    return UTC


TIMES: dict[tuple[str, str], Any] = {
    ("datetime", "datetime"): datetime,
    ("datetime", "date"): date,
    ("datetime", "timedelta"): timedelta,
    ("datetime", "timezone"): timezone,
    ("dateutil.tz.tz", "tzutc"): Call(_utc),
    ("pytz", "_UTC"): Call(_utc),
}
"""What a pickle of times names."""


def load(data: bytes, where: str, *, admitted: Mapping[tuple[str, str], Any], advice: str) -> object:
    """The value in a pickle that names nothing but what is `admitted`, by module and name; raises BadSource for any other, or a damaged one."""
    if len(data) > LARGEST:
        raise BadSource(f"{where} has more than {LARGEST} bytes; a box takes some 200 and a time some 30\nit was not read")
    try:
        _modest(data)
        return _Reader(data, admitted).load()
    except DAMAGED as error:
        raise refused(where, str(error) or type(error).__name__, advice) from error


def refused(where: str, why: str, advice: str) -> BadSource:
    return BadSource(f"{where} is refused: {why}\n{advice}")


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes, admitted: Mapping[tuple[str, str], Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._admitted = admitted

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._admitted:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return self._admitted[module, name]


def _modest(data: bytes) -> None:
    """Raise UnpicklingError for a pickle that remembers things at places far beyond its length: room is made for all places below."""
    for opcode, argument, _ in pickletools.genops(data):
        if "PUT" in opcode.name and isinstance(argument, int) and argument > len(data):
            raise pickle.UnpicklingError(f"it remembers a thing at place {argument}, and has {len(data)} bytes")
