"""Is Sentinel-2's offset of -1000 where it belongs? By the dark pixels of each date, which are near zero if it is."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dione.base.errors import BadValues, faults
from dione.prepare.values.looks import Look

OFFSET = 0.1
"""What is to be taken off products since baseline 04.00: 1000 digital numbers."""
LIFTED = 0.095
"""Darkest hundredths at or above this in every band look lifted by it; a few pixels lie below zero once it is applied."""
SUNK = -0.05
"""Darkest hundredths at or below this in blue, green and red look as if an offset was taken off twice: by the archive
(whose metadata deny it) and by us. The ground's own shade stays above -0.03."""
LIKE_OFFSET = 0.04
"""Two dates whose dark pixels differ by OFFSET, give or take this, in blue, green and red, may differ by an offset. Near
infrared tells nothing: where all is green, its darkest hundredth follows the season, from 0.08 to 0.24."""
LIKE_EACH_OTHER = 0.03
"""If the three are lifted by amounts that are further apart than this, it is by haze: bluest first."""
FLOOR, REDDER = 0.02, 1.75
"""Bare ground is redder than blue. Were an offset taken off sand, its red (and FLOOR) would be more than REDDER times its blue; the
darkest hundredths of what else there is, shade, water and wood, have 0.5 to 1.5 times."""
NAMED = 4
"""Dates that a sentence names."""


def not_twice(looks: list[Look]) -> None:
    """Raise BadValues for dates whose dark pixels lie so far below zero as if it was taken off twice."""
    sunk = {look.day: look.dark for look in looks if look.dark is not None and look.dark[:3].max() <= SUNK}
    if sunk:
        lines = [f"{day}: the darkest hundredth of blue, green, red, nir is at {', '.join(f'{v:.3f}' for v in low)}" for day, low in sunk.items()]
        advice = "the archive seems to have applied it although its metadata deny that: say --offset 0, for these dates alone if not all are so"
        raise BadValues(faults(f"reflectance far below zero on {len(sunk)} of {len(looks)} dates, as if an offset was applied twice", lines, advice))


def no_offset(looks: list[Look], as_they_are: str, *, certain: bool) -> list[str]:
    """Raise BadValues if the dark pixels of a date stand too high in every band, and no other date says it is haze; where that is not `certain`, say it.

    as_they_are: how to say that the values are right.
    """
    dark = {look.day: look.dark for look in looks}
    lifted = {day: low for day, low in dark.items() if low is not None and low.min() >= LIFTED}
    sound = [low for low in dark.values() if low is not None and low.min() < LIFTED]
    if sound:
        usual = np.median(sound, axis=0)
        lifted_surely = {day: low for day, low in lifted.items() if _by_offset((low - usual)[:3])}
    else:
        lifted_surely = {day: low for day, low in lifted.items() if not _is_bare(low)}
    if lifted_surely and certain:
        lines = [f"{day}: the darkest hundredth of blue, green, red, nir is at {', '.join(f'{v:.3f}' for v in low)}" for day, low in lifted_surely.items()]
        advice = f"products since baseline 04.00 carry an offset of -1000 that has to be applied: say --offset -0.1 if it was not, {as_they_are}" + (
            "\ndates differ: convert them one by one, with scale and offset in each file's tags" if sound else ""
        )
        raise BadValues(faults(f"no dark pixel on {len(lifted_surely)} of {len(looks)} dates, as if an offset was not applied", lines, advice))
    denied = ", or an offset of -0.1 that the metadata deny (--offset)"
    return [f"{day} has no dark pixels: haze, cloud or bright ground{denied if day in lifted_surely else ''}" for day in lifted]


def bright(looks: list[Look]) -> list[str]:
    """What is to be said of dates that are all cloud or snow and count as clear, where other dates are not."""
    white = [look.day for look in looks if look.is_bright]
    if not white or all(look.dark is None for look in looks):
        return []
    days = f"{', '.join(white[:NAMED])}{f' and {len(white) - NAMED} more dates' if len(white) > NAMED else ''}"
    return [
        f"all that counts as clear is white on {days}: snow, or cloud that no mask tells; --find-clouds looks for it, --dates and --target leave a date out"
    ]


def _by_offset(apart: NDArray[np.floating[Any]]) -> bool:
    """Whether blue, green and red of two dates are apart as an offset sets them."""
    return bool((np.abs(apart - OFFSET) < LIKE_OFFSET).all() and np.ptp(apart) < LIKE_EACH_OTHER)


def _is_bare(low: NDArray[np.floating[Any]]) -> bool:
    """Whether dark pixels that stand high are sand or soil as it is: without an offset, they would be of no colour that ground has."""
    blue, _, red, _ = low - OFFSET + FLOOR
    return bool(red > REDDER * blue)
