"""Do the values look like reflectance? The commonest silent errors of the field, found before they cost an hour.

A few windows of each date are read, never the whole scene. What is certain raises; what is only likely is logged as a warning.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dione.base import when
from dione.base.errors import BadValues, faults
from dione.prepare.area import sample

log = logging.getLogger(__name__)

SIDE_PX, COUNT = 128, 3
"""COUNT × COUNT windows of this side are looked at on each date."""
FEW = 4
"""Dates of an archive that are looked at before it is known which are used."""
GROUP = 32
"""Dates that are read at a time."""
ENOUGH_PX = 1000
"""A date with fewer clear pixels in them says nothing about its dark ones."""
UNSCALED = 2.0
"""Half of a scene can be brighter than this only if it is not in units of reflectance; thick cloud reaches about 1."""
OFFSET = 0.1
"""What is to be taken off products since baseline 04.00: 1000 digital numbers."""
LIFTED = 0.095
"""Darkest hundredths at or above this in every band look lifted by it; a few pixels lie below zero once it is applied."""
SUNK = -0.05
"""Darkest hundredths at or below this in blue, green and red look as if an offset was taken off twice: by the archive
(whose metadata deny it) and by us. The ground's own shade stays above -0.03."""
CLOUD_DARK = 0.2
"""If even the darkest hundredth is brighter than this, the date is cloud or snow, and tells nothing of an offset."""
LIKE_OFFSET = 0.04
"""Two dates whose dark pixels differ by OFFSET, give or take this, in blue, green and red, may differ by an offset. Near
infrared tells nothing: where all is green, its darkest hundredth follows the season, from 0.08 to 0.24."""
LIKE_EACH_OTHER = 0.03
"""If the three are lifted by amounts that are further apart than this, it is by haze: bluest first."""
FLOOR, REDDER = 0.02, 1.75
"""Bare ground is redder than blue. Were an offset taken off sand, its red (and FLOOR) would be more than REDDER times its blue; the
darkest hundredths of what else there is, shade, water and wood, have 0.5 to 1.5 times."""
WATER = 0.5
"""Digital numbers up to 255 are water and no picture, if near infrared has less than this part of the brightest other band, by their
medians: so it is of 96 in 100 crops of real water, and of 2 in 100 crops of 40 px of aerial pictures, which show water themselves."""
ADDED = re.compile(r"number × \S+ ([+-]) (\d\S*)")
"""The offsets in the words of the Stack's attribute `radiometry`."""
SURE = ("given", "metadata")
"""Who told an offset (the Stack's attribute `offset_told_by`) knows what the numbers are: digital numbers of Sentinel-2, if no more than 255."""
NO_PICTURE = "needs reflectance (1.0 = 100 %), which a stretched picture no longer holds"


@dataclass(frozen=True)
class Look:
    """The pixels looked at on one date."""

    day: str
    present: NDArray[np.float32]
    """(band, pixel), all that hold data."""
    clear: NDArray[np.float32]
    """(band, pixel), those seen clear."""

    @property
    def dark(self) -> NDArray[np.float32] | None:
        """The darkest hundredth of each band; None if too few pixels are clear, or even those are bright."""
        lowest = self._lowest
        return lowest if lowest is not None and lowest.min() < CLOUD_DARK else None

    @property
    def is_bright(self) -> bool:
        """Whether even the darkest hundredth is as bright as cloud or snow."""
        lowest = self._lowest
        return lowest is not None and bool(lowest.min() >= CLOUD_DARK)

    @property
    def _lowest(self) -> NDArray[np.float32] | None:
        return np.percentile(self.clear, 1, axis=1).astype(np.float32) if self.clear.shape[1] >= ENOUGH_PX else None


def check_values(stack: xr.Dataset, dates: Sequence[int] | None = None) -> list[str]:
    """What was seen, in words; raises BadValues when values look unscaled, 8-bit, scaled twice, or keep an offset.

    dates: positions of those that are looked at; by default all, and FEW of an archive's, whose others `check_used` looks at.

    The offset is not questioned if it was given (the Stack's attribute `offset_told_by` is "given"). Where the metadata of each product
    told it ("metadata"), that they did is worth more than dark pixels that are missing, of which deserts and hazy air have none: it is
    only warned of.
    """
    looks = _looks(stack, list(_first_looked_at(stack) if dates is None else dates), when.labels(stack))
    present = np.concatenate([look.present for look in looks], axis=1)
    if not present.shape[1]:
        return ["no data in the windows looked at"]
    _in_units(present)
    _each_in_units(looks)
    told_by = str(stack.attrs.get("offset_told_by", ""))
    as_they_are = _as_they_are(str(stack.attrs.get("radiometry", "")))
    _not_bytes(present, None if told_by in SURE else as_they_are)
    notes = _bright(looks)
    if told_by != "given":
        _not_twice(looks)
        notes += _no_offset(looks, as_they_are, certain=told_by not in SURE)
    low, high = np.percentile(present, [1, 99])
    span = f"reflectance from {low:.3f} to {high:.3f} (1st to 99th percentile of {present.shape[1]} pixels of {len(looks)} dates)"
    log.info(span)
    for note in notes:
        log.warning(note)
    return [span, *notes]


def check_used(stack: xr.Dataset, dates: Iterable[int]) -> None:
    """Raise BadValues as `check_values` does, for those of the dates that it did not look at: what an archive says is wrong of single ones."""
    if left := sorted(set(dates) - set(_first_looked_at(stack))):
        check_values(stack, left)


def check_not_twice(stack: xr.Dataset, dates: Sequence[int]) -> None:
    """Raise BadValues for dates whose reflectance lies so far below zero as if an offset was applied twice; not asked where it was given."""
    if stack.attrs.get("offset_told_by") != "given":
        _not_twice(_looks(stack, list(dates), when.labels(stack)))


def _first_looked_at(stack: xr.Dataset) -> Sequence[int]:
    """All dates; where metadata told the offset of each, and each is far away, a few will do until it is known which are used."""
    count = stack.sizes["time"]
    few = stack.attrs.get("offset_told_by") == "metadata" and count > FEW
    return sorted({round(at) for at in np.linspace(0, count - 1, FEW)}) if few else range(count)


def _looks(stack: xr.Dataset, dates: list[int], days: list[str]) -> list[Look]:
    """Of each date; of many dates fewer pixels each, so that any number of them takes no more memory."""
    thin = -(-len(dates) // GROUP)
    groups = (dates[start : start + GROUP] for start in range(0, len(dates), GROUP))
    return [look for group in groups for look in _group(stack, group, days, thin)]


def _group(stack: xr.Dataset, dates: list[int], days: list[str], thin: int) -> Iterator[Look]:
    """Of some dates, read together."""
    windows = (window.slices for window in sample((stack.sizes["y"], stack.sizes["x"]), side=SIDE_PX, count=COUNT))
    parts = [stack[["reflectance", "valid"]].isel(time=dates, y=rows, x=columns).compute() for rows, columns in windows]
    for place, at in enumerate(dates):
        found = np.concatenate([part["reflectance"].values[place].reshape(parts[0].sizes["band"], -1) for part in parts], axis=1)
        valid = np.concatenate([part["valid"].values[place].reshape(-1) for part in parts])
        values = np.where(np.isfinite(found), found, np.float32(0))
        yield Look(days[at], _thinned(values[:, (values != 0).any(0)], thin), _thinned(values[:, valid], thin))


def _thinned(values: NDArray[np.float32], thin: int) -> NDArray[np.float32]:
    """Each so many-th pixel, but ENOUGH_PX of them where there are."""
    return values[:, :: max(min(thin, values.shape[1] // ENOUGH_PX), 1)]


def _in_units(values: NDArray[np.float32]) -> None:
    middle, top = float(np.median(values)), float(values.max())
    if middle < -UNSCALED:
        raise BadValues(
            f"values look as if an offset in digital numbers was added to reflectance: half of them are below {middle:.4g}, the highest is {top:.4g}\n"
            "needs reflectance, 1.0 = 100 %, and an offset in it: say --offset -0.1 for one of -1000, or correct the tags of the files"
        )
    if middle > UNSCALED:
        found = f"values look unscaled: half of them are above {middle:.4g}, the highest is {top:.4g}"
        if top <= 255 and np.array_equal(values, np.round(values)):
            raise BadValues(f"values look like 8-bit: whole numbers from {values.min():.0f} to {top:.0f}\n{NO_PICTURE}")
        scale = "0.01" if top <= 200 else "0.0001"
        raise BadValues(f"{found}\nneeds reflectance, 1.0 = 100 %; say how to scale it, e.g. --scale {scale}")
    if 0 < top < 0.001:
        raise BadValues(f"values are all below {top:.2g}: scaled twice?\nneeds reflectance, 1.0 = 100 %; say how to scale it, e.g. --scale 1")


def _each_in_units(looks: list[Look]) -> None:
    """Raise BadValues for dates whose numbers are others than those of the rest; all that they show would count as cloud."""
    lines = []
    for look in looks:
        told = look.present[:, (look.present != look.present[0]).any(0)]  # what stands for no data and is not told is the same in all bands
        middle = float(np.median(told)) if told.shape[1] >= ENOUGH_PX else 0.0
        if abs(middle) > UNSCALED:
            lines.append(f"{look.day}: half of its values are {'above' if middle > 0 else 'below'} {middle:.4g}")
    if lines:
        advice = "needs reflectance, 1.0 = 100 %: convert them one by one, or put scale and offset into each file's tags"
        raise BadValues(faults(f"values look unscaled on {len(lines)} of {len(looks)} dates", lines, advice))


def _as_they_are(radiometry: str) -> str:
    """How to say that the values are right. An offset that is given takes the place of what the files tell, so it has to be the same."""
    used = {float(sign + number) for sign, number in ADDED.findall(radiometry)} or {0.0}
    offset = f"--offset {used.pop():g}, or " if len(used) == 1 else ""
    return f"{offset}in Python stack.attrs['offset_told_by'] = 'given', if the values are right as they are"


def _not_bytes(values: NDArray[np.float32], as_they_are: str | None) -> None:
    """Raise BadValues for a stretched picture: as parts of white, or as digital numbers, which dark water has as low (not asked if None).

    as_they_are: how to say that the values are right.
    """
    if values.size < ENOUGH_PX:
        return
    if _in_bytes(values, 255):
        raise BadValues(f"values look like 8-bit: each is a 256th part of white times a whole number up to {values.max() * 255:.0f}\n{NO_PICTURE}")
    if as_they_are is None or not _in_bytes(values, 10_000):
        return
    *visible, nir = np.median(values, axis=1)
    if nir >= WATER * max(visible):
        raise BadValues(
            f"values look like 8-bit: each is a digital number times a whole number up to {values.max() * 10_000:.0f}\n{NO_PICTURE}\n"
            f"dark water may look so: say {as_they_are}"
        )


def _in_bytes(values: NDArray[np.float32], steps: int) -> bool:
    """Whether all are whole numbers from 0 to 255, so many of which make 1, and of many kinds."""
    levels = values * steps
    if values.min() < 0 or levels.max() > 255.5 or np.abs(levels - np.round(levels)).max() > 1e-2:
        return False
    return len(np.unique(np.round(levels))) > 16


def _not_twice(looks: list[Look]) -> None:
    sunk = {look.day: look.dark for look in looks if look.dark is not None and look.dark[:3].max() <= SUNK}
    if sunk:
        lines = [f"{day}: the darkest hundredth of blue, green, red, nir is at {', '.join(f'{v:.3f}' for v in low)}" for day, low in sunk.items()]
        advice = "the archive seems to have applied it although its metadata deny that: say --offset 0, for these dates alone if not all are so"
        raise BadValues(faults(f"reflectance far below zero on {len(sunk)} of {len(looks)} dates, as if an offset was applied twice", lines, advice))


def _bright(looks: list[Look]) -> list[str]:
    """What is to be said of dates that are all cloud or snow and count as clear, where other dates are not."""
    bright = [look.day for look in looks if look.is_bright]
    if not bright or all(look.dark is None for look in looks):
        return []
    days = f"{', '.join(bright[:FEW])}{f' and {len(bright) - FEW} more dates' if len(bright) > FEW else ''}"
    return [
        f"all that counts as clear is white on {days}: snow, or cloud that no mask tells; --find-clouds looks for it, --dates and --target leave a date out"
    ]


def _no_offset(looks: list[Look], as_they_are: str, *, certain: bool) -> list[str]:
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


def _by_offset(apart: NDArray[np.floating[Any]]) -> bool:
    """Whether blue, green and red of two dates are apart as an offset sets them."""
    return bool((np.abs(apart - OFFSET) < LIKE_OFFSET).all() and np.ptp(apart) < LIKE_EACH_OTHER)


def _is_bare(low: NDArray[np.floating[Any]]) -> bool:
    """Whether dark pixels that stand high are sand or soil as it is: without an offset, they would be of no colour that ground has."""
    blue, _, red, _ = low - OFFSET + FLOOR
    return bool(red > REDDER * blue)
