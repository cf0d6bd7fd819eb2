"""Kept areas → EOPatch folders: one of Sentinel-2 and one of the references for each area, as both have dates of their own.

OUT/<area>/sentinel2/     data/BANDS (time, y, x, 4) float32 reflectance, mask/IS_VALID (time, y, x, 1)
OUT/<area>/reference/     the same, zoom times finer
"""

from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr

from dione.base import stack as stacks
from dione.base.errors import NotFound
from dione.pairs import areas as area_tables
from dione.pairs.areas import Area
from dione.pairs.larder import Kept, Larder
from dione.patches.store import Store
from dione.sources.carrying import alone_at
from dione.sources.eopatches import eofolder

Progress = Callable[[str, int, int], None]


def export(opened: Store, out: str, *, areas: str | None = None, progress: Progress = lambda *_: None) -> int:
    """Write every area that a store was cut from; returns how many.

    out: a folder, or a place on s3://. areas: where they are kept, if no longer where the store was built.
    Raises NotFound for a store that was not cut from areas, CannotWrite.
    """
    found = list(_kept(opened, areas))
    with alone_at(out):
        for done, (area, kept) in enumerate(found, 1):
            about = {"site": area.site, **area.facts, "pairs": kept.pairs}
            for name, stack in zip(("sentinel2", "reference"), kept.stacks(), strict=True):
                write(f"{out.rstrip('/')}/{area.name}/{name}", stack, {"dione": about})
            progress("export", done, len(found))
    return len(found)


def write(folder: str, stack: xr.Dataset, notes: dict[str, object]) -> str:
    """A Stack as an EOPatch folder, its reflectance unrounded."""
    arrays = {
        "data/BANDS": np.moveaxis(stack["reflectance"].values, 1, -1),
        "mask/IS_VALID": stack["valid"].values[..., None],
    }
    return eofolder.save(folder, arrays=arrays, times=list(stack["time"].values), grid=stacks.grid_of(stack), notes=notes, overwrite=True)


def _kept(opened: Store, where: str | None) -> Iterator[tuple[Area, Kept]]:
    """Areas that hold something to export; raises NotFound where there is none."""
    if "areas" not in opened.about:
        raise NotFound(f"{opened.path} was not cut from areas, so there are none to export\nneeded a store of `dione dataset build`")
    larder = Larder(where or str(opened.about["areas"]))
    areas, _ = area_tables.of_table(opened.path.table(area_tables.FILE, "table of areas", area_tables.MAKE), str(opened.path))
    found = [(area, kept) for area in areas if (kept := larder.kept(area)) and kept.pairs]
    if not found:
        raise NotFound(f"no area is kept in {larder.folder} (any more)\nname where they are with --areas, or build the store again")
    yield from found
