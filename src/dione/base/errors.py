"""Everything that dione raises on purpose.

    DioneError
    ├── NotFound         nothing there: no file, no date, no model of that name
    ├── BadSource        an input that cannot be read as Sentinel-2 or VHR imagery
    │   ├── BadBands     bands missing, doubled or in an unknown order
    │   ├── BadGrid      dates that do not share one grid, or a grid that cannot be used
    │   └── BadValues    reflectance that looks unscaled, 8-bit or offset
    ├── NotAStack        a dataset that breaks the Stack contract
    ├── BadModel         a weights file that is damaged, foreign or made for other bands
    ├── BadRecipe        a recipe with faults, each with its path
    ├── NothingClear     every date is cloudy over the area
    └── CannotWrite      the output cannot be written, or belongs to another run

A message says what was found, what was needed and what to do, every fault at once: on one screen, without secrets, and
in letters that a terminal only shows (dione.base.telling), wherever its words came from.
"""

from collections.abc import Iterable

from dione.base import telling
from dione.base.machine import shortage

MOST_NAMED = 3
"""Of what failed for one and the same reason."""


class DioneError(Exception):
    """The root of the tree; the command line prints it without a traceback and exits 1."""

    def __init__(self, message: str = "") -> None:
        super().__init__(telling.message(message))


class NotFound(DioneError):
    """Nothing of that name or at that place."""


class BadSource(DioneError):
    """An input that cannot be read as imagery."""


class BadBands(BadSource):
    """Bands missing, doubled or in an unknown order."""


class BadGrid(BadSource):
    """Dates that do not share one grid, or a grid that cannot be used."""


class BadValues(BadSource):
    """Values that cannot be reflectance as declared."""


class NotAStack(DioneError):
    """A dataset that breaks the Stack contract (docs/stack.md)."""


class BadModel(DioneError):
    """A weights file that is damaged, foreign, or made for other bands."""


class BadRecipe(DioneError):
    """A recipe with faults, each named by its path."""


class NothingClear(DioneError):
    """No clear pixel where one is needed."""


class CannotWrite(DioneError):
    """An output that cannot be written, or that belongs to another run."""


def of_the_system(error: BaseException) -> DioneError | None:
    """What the system refused where nobody foresaw it: a folder that may not be looked into, a disk that fails, memory; None for a fault of ours."""
    advice = shortage.advice(error, "look at its name and permissions, those of the folders above it, and the disk" if isinstance(error, OSError) else "")
    why = getattr(error, "strerror", None) or str(error).partition("\n")[0] or "it gives no more memory"
    return DioneError(f"{getattr(error, 'filename', None) or 'the system'}: {why}\n{advice}") if advice else None


def faults(head: str, found: list[str], advice: str = "") -> str:
    """One message from many faults: a head line, a dash a fault, and what to do."""
    return "\n".join([f"{head}:", *(f"  - {fault}" for fault in found), *([advice] if advice else [])])


def grouped(failed: Iterable[tuple[str, str]]) -> list[str]:
    """(what, why) of many as faults for `faults`: what failed for one reason stands together, its reason once below it."""
    by_reason: dict[str, list[str]] = {}
    for what, why in failed:
        by_reason.setdefault(why, []).append(what)
    return [f"{_listed(names)}\n    {why.replace(chr(10), chr(10) + '    ')}" for why, names in by_reason.items()]


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:MOST_NAMED])} and {more} more"
