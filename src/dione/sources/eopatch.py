"""EOPatch folders as a Stack: the layout of eo-learn 1.0 and later, and that of 2021 with its pickled box and times."""

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dione.base import masks, stack
from dione.base.bands import BANDS, order_of
from dione.base.errors import BadBands, BadSource, BadValues, NotFound, faults
from dione.base.windows import Window
from dione.sources.eopatches.eonames import is_eopatch
from dione.sources.eopatches.features import Feature, features, read
from dione.sources.eopatches.patchinfo import grid_of, times_of
from dione.sources.places import listing, naming, near, shown, some, state, system
from dione.sources.stacks import lazy

log = logging.getLogger(__name__)

KNOWN_NAMES = ("BANDS", "S2-BANDS", "BANDS-S2-L1C", "BANDS-S2-L2A", "L1C_data", "L2A_data")
L1C = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
ORDERS = {13: L1C, 12: tuple(band for band in L1C if band != "B10")}
"""Sentinel Hub's order of all bands of L1C, and of L2A, which has no B10. Other numbers of bands have no order of their own."""

DEEPEST = 8
"""Folders down to the chunks of a cube: data/BANDS.zarr/c/0/0/0/0."""
CLEAR_IF_TRUE = ("dataMask", "IS_DATA", "IS_VALID", "VALID_DATA")


def open(
    path: str | Path, *, feature: str | None = None, bands: tuple[str, ...] | None = None, scale: float | None = None, offset: float | None = None
) -> xr.Dataset:
    """A Stack of an EOPatch folder; only headers are read now.

    feature: name of the array in `data/`; needed only if several have four axes and four or more bands.
    bands: names of its bands in order; not needed for all 13 of L1C or 12 of L2A in Sentinel Hub's order.
    scale, offset: reflectance is number × scale + offset; else integers are taken as reflectance × 10000, floats as reflectance.

    A pixel is valid where all bands are finite and possible and not all are 0, and where the masks that are there say
    so: CLM 0, SCL clear, dataMask, IS_DATA, IS_VALID, VALID_DATA true.
    Raises NotFound, BadSource, BadBands, BadGrid, BadValues.
    """
    folder = str(path).rstrip("/")
    if not is_eopatch(folder):
        raise NotFound(f"{shown(folder)} is no EOPatch folder: neither bbox nor timestamps in it{'' if _is_there(folder) else near(folder)}")
    found = features(folder)
    imagery = _imagery(found, feature, folder)
    order = _order(imagery, bands)
    times, grid = times_of(folder), grid_of(folder, imagery)
    by_time = np.argsort(np.array(times, "datetime64[us]"), kind="stable")
    _agree(folder, imagery, times, found)
    scaling = _scaling(imagery, scale, offset)
    patch = Patch(imagery, tuple(order[band] for band in BANDS), tuple(_masks(found)), tuple(map(int, by_time)), scaling[:2])
    reflectance, valid = lazy.arrays(patch)
    words = f"number × {scaling[0]:g} {'-' if scaling[1] < 0 else '+'} {abs(scaling[1]):g} ({scaling[2]})"
    notes = {"source": shown(folder), "radiometry": words, "offset_told_by": "assumed" if offset is None else "given"}
    made = stack.make(reflectance, valid, [times[at] for at in by_time], grid, items=[f"{imagery.name}[{at}]" for at in by_time], **notes)
    made.encoding[stack.VERSIONS] = state(listing(folder, depth=DEEPEST))
    return made


@dataclass(frozen=True)
class Patch:
    """Reads windows of one EOPatch."""

    imagery: Feature
    order: tuple[int, ...]
    """Where blue, green, red and nir stand in it."""
    masks: tuple[Feature, ...]
    dates: tuple[int, ...]
    """Position in the arrays of each date of the Stack."""
    scaling: tuple[float, float]

    @property
    def shape(self) -> tuple[int, int, int]:
        rows, columns = self.imagery.shape[1:3]
        return len(self.dates), rows, columns

    def read(self, date: int, window: Window) -> lazy.Pixels:
        numbers = np.moveaxis(read(self.imagery, self.dates[date], window)[..., self.order], -1, 0)
        missing = ~np.isfinite(numbers).all(0) | (numbers == 0).all(0)
        scale, offset = self.scaling
        reflectance = numbers.astype(np.float32) * np.float32(scale) + np.float32(offset)
        reflectance[:, missing] = 0
        valid = ~missing & masks.possible(reflectance, axis=0)
        for mask in self.masks:
            valid &= _clear(mask.name.removeprefix("mask/"), read(mask, self.dates[date], window)[..., 0])
        return reflectance, valid


def _clear(name: str, mask: NDArray[Any]) -> NDArray[np.bool_]:
    if name == "SCL":
        return masks.valid_from_scl(mask)
    return masks.valid_from_clm(mask) if name == "CLM" else mask.astype(bool)


def _masks(found: dict[str, Feature]) -> list[Feature]:
    return [found[f"mask/{name}"] for name in ("CLM", "SCL", *CLEAR_IF_TRUE) if f"mask/{name}" in found]


def _is_there(folder: str) -> bool:
    fs, inside = system(folder)
    with naming(folder):
        return bool(fs.exists(inside))


def _imagery(found: dict[str, Feature], wanted: str | None, folder: str) -> Feature:
    """The array of bands: the one named, or the only one that can be it."""
    there = "\n".join(["found:", *(f"  - {one}" for one in found.values())] if found else ["found no arrays in data/ or mask/"])
    if wanted:
        name = wanted if "/" in wanted else f"data/{wanted}"
        if name not in found or len(found[name].shape) != 4:
            raise NotFound(f"{shown(folder)} has no array {name} of dates × rows × columns × bands; {there}")
        return found[name]
    able = [one for name, one in found.items() if name.startswith("data/") and len(one.shape) == 4 and one.shape[-1] >= len(BANDS)]
    known = [one for one in able if one.name.removeprefix("data/") in KNOWN_NAMES]
    if not able:
        needs = "needs one in data/ of dates × rows × columns × 4 or more bands, such as data/BANDS.npy"
        raise BadBands(f"{shown(folder)} has no array of bands; {needs}; {there}\nadd it to the folder")
    if len(able) > 1 and len(known) != 1:
        advice = f"name one: --feature {able[0].name.removeprefix('data/')}"
        raise BadBands(faults(f"{shown(folder)} has several arrays that could be the bands", [str(one) for one in able], advice))
    return known[0] if len(known) == 1 else able[0]


def _order(imagery: Feature, bands: tuple[str, ...] | None) -> dict[str, int]:
    count = imagery.shape[-1]
    if bands and len(bands) != count:
        raise BadBands(f"{imagery.name} has {count} bands, --bands names {len(bands)}")
    names = bands or ORDERS.get(count)
    if names is None:
        advice = "name them with --bands, in order, e.g. --bands blue,green,red,nir (a dash skips one)"
        raise BadBands(f"{imagery.name} has {count} bands in an order that the folder does not tell\n{advice}")
    return {band: at for band, at in order_of(list(names), imagery.name).items() if band in BANDS}


def _scaling(imagery: Feature, scale: float | None, offset: float | None) -> tuple[float, float, str]:
    if imagery.dtype.itemsize == 1 or imagery.dtype.kind not in "iuf":
        raise BadValues(f"{imagery} is not reflectance; needs 16-bit integers (reflectance × 10000) or floats (1.0 = 100 %)")
    told_by = "assumed" if scale is None and offset is None else "given"
    return (1e-4 if imagery.dtype.kind in "iu" else 1.0) if scale is None else scale, offset or 0.0, told_by


def _agree(folder: str, imagery: Feature, times: list[datetime], found: dict[str, Feature]) -> None:
    wrong = []
    if len(times) != imagery.shape[0]:
        wrong.append(f"{imagery.name} has {imagery.shape[0]} dates, the list of times {len(times)}")
    double = sorted({str(time) for time in times if times.count(time) > 1})
    if double:
        wrong.append(f"times stand more than once: {some(double)}")
    wrong += [f"{mask} does not fit {imagery}" for mask in _masks(found) if mask.shape[:3] != imagery.shape[:3] or len(mask.shape) != 4]
    if 0 in imagery.shape:
        wrong.append(f"{imagery} is empty")
    if wrong:
        raise BadSource(faults(f"{shown(folder)} does not fit together", wrong, "write the patch again, or take the arrays that do not fit out of it"))
