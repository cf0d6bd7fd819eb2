"""Regions of interest → areas: square boxes of UTM that nest with their neighbours and with the pixels of every image.

    buffer                A region is covered by the boxes of one lattice, anchored at the zone's origin, so that
┌─────────────┐           boxes of several regions, and of several runs, are the same boxes. Each is grown by a
│  ┌───────┐  │           buffer that it shares with its neighbours: samples keep out of it (or out of a wider
│  │ core  │  │           rim), cubic kernels and registration look into it.
│  └───────┘  │
└─────────────┘           name: zone, column and row of the lattice (32631-0177-2416)
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from dione.base.area import reprojected
from dione.base.crs import DEGREES, turned, utm
from dione.base.errors import BadRecipe, BadSource, faults
from dione.base.storage import parquet
from dione.base.storage.files import one_part
from dione.base.vectors.features import NAMED_BY, Features
from dione.pairs import regions
from dione.prepare.reference.neighbours import touching

log = logging.getLogger(__name__)
PIXEL_M = 10
FILE = "areas.parquet"
"""Where their table lies, in a larder and in a store."""
MAKE = "make one with `dione dataset build`"
OWN = ("name", "site", "epsg", "column", "row", "size_m", "buffer_m")
"""Its own columns; others are the region's facts."""
KINDS = dict(zip((*OWN, "neighbours"), (str, str, int, int, int, int, int, list), strict=True))
PATCH = (
    *("sensor", "scene", "place", "split", "kept", "dates", "files", "clear", "shadow", "reference_date", "days_apart", "cover", "cloud"),
    *("coarse_m", "top", "left", "x", "y", "local_south_m", "local_east_m", "local_error_m", "neighbours"),
    *("mse", "cmse", "psnr", "ssim", "psnr_nir", "ssim_nir", "mse_ratio", "correlation", "change"),
    *("misfit", "detail", "brighter", "darker", "shift_down", "shift_right", "views", "target_clear"),
    *(f"{name}_{part}" for name in ("shift", "left") for part in ("south_m", "east_m", "error_m", "correlation")),
)
"""What a patch's row of the index tells besides, once curated, and the area's neighbours."""
MOST_CELLS = 250_000
"""Of one region: a million square kilometres in areas of 2 km."""
NEAR_DEGREES = 2e-7
"""What is nearer than this, two centimetres, touches."""


@dataclass(frozen=True)
class Area:
    """One box."""

    name: str
    site: str
    """The region that it belongs to."""
    epsg: int
    column: int
    row: int
    """In the lattice of its zone."""
    size_m: int
    buffer_m: int
    """On each side."""
    facts: Mapping[str, Any]
    """The region's other properties: country, …"""

    @property
    def core(self) -> tuple[int, int, int, int]:
        """Left, bottom, right, top, metres; cores of one zone tile the ground."""
        left, bottom = self.column * self.size_m, self.row * self.size_m
        return left, bottom, left + self.size_m, bottom + self.size_m

    @property
    def grid(self) -> GeoBox:
        """Core and buffer in pixels of 10 m."""
        left, _, _, top = self.core
        side = (self.size_m + 2 * self.buffer_m) // PIXEL_M
        return GeoBox((side, side), Affine(PIXEL_M, 0, left - self.buffer_m, 0, -PIXEL_M, top + self.buffer_m), f"EPSG:{self.epsg}")

    @property
    def outline(self) -> BaseGeometry:
        """The core in longitude and latitude."""
        return turned(box(*self.core), source=f"EPSG:{self.epsg}", target=DEGREES)

    @property
    def ground(self) -> BaseGeometry:
        """Core and buffer in longitude and latitude: all that a patch may show."""
        return turned(box(*self.grid.boundingbox.bbox), source=f"EPSG:{self.epsg}", target=DEGREES)


def areas(of: Features, *, size_m: int = 2000, buffer: float = 0.2, epsg: int | None = None, name: str = NAMED_BY) -> tuple[Area, ...]:
    """The areas whose cores polygons in longitude and latitude touch, in order of their names.

    buffer: of the side, half of it on each side, as the prior art counts. epsg: the UTM zone to use for all, e.g. that of
    the Sentinel-2 files; by default the one in which each region's middle lies. name: the property that names a region;
    those without are numbered. An area that two regions touch belongs to the first.
    Raises BadRecipe for sizes that are no whole pixels, a name that no region has, and features that are no polygons.
    """
    margin = size_m * buffer / 2
    wrong = [
        f"{what} is {value:g} m, needs a multiple of {PIXEL_M}"
        for what, value in (("the side", size_m), ("the buffer on each side", margin))
        if not np.isclose(value, round(value / PIXEL_M) * PIXEL_M, rtol=0, atol=1e-6)
    ]
    if wrong or size_m <= 0 or buffer < 0:
        raise BadRecipe(faults("areas cannot be cut so", wrong or [f"the side is {size_m} m and the buffer {buffer:g}"], "take 2000 m and 0.2, say"))
    if name != NAMED_BY and name not in of.columns:
        raise BadRecipe(f"no region has a property '{name}' to name it; there are {', '.join(of.columns) or 'none'}\nsay another in [areas] name")
    shapes, found = of.whole(regions.fault), dict[str, Area]()
    rows = shapes.rows()
    for number, (polygon, facts, rest) in enumerate(zip(shapes.geometries, rows, _facts(rows, name), strict=True)):
        inside = polygon.representative_point()
        zone = epsg or utm(inside.x, inside.y)
        site = str(facts.get(name) or f"region{number}")
        for column, row in _cells(polygon, zone, size_m):
            label = f"{zone}-{column:04d}-{row:04d}"
            found.setdefault(label, Area(label, site, zone, column, row, size_m, round(margin), rest))
    if not found:
        raise BadRecipe("the regions of interest hold no polygon; needed at least one, in longitude and latitude")
    return tuple(found[label] for label in sorted(found))


def neighbours(of: Iterable[Area]) -> dict[str, frozenset[str]]:
    """For each area, by name, those whose ground touches its own, buffers and all, at a corner too, and in another zone too."""
    return touching({area.name: area.ground for area in of}, near=NEAR_DEGREES)


def table(of: Sequence[Area]) -> pa.Table:
    """name, site, epsg, column, row, size_m, buffer_m, the region's facts, and `neighbours`, a list of names."""
    beside = neighbours(of)
    return pa.Table.from_pylist([{**area.facts, **{key: getattr(area, key) for key in OWN}, "neighbours": sorted(beside[area.name])} for area in of])


def write(path: Path, of: Sequence[Area]) -> Path:
    """The table as a file."""
    return parquet.write(path, table(of))


def read(path: Path) -> tuple[tuple[Area, ...], dict[str, frozenset[str]]]:
    """Areas and neighbours from their table; raises NotFound, BadSource."""
    return of_table(parquet.read(path, "table of areas", MAKE), str(path))


def of_table(table: pa.Table, where: str) -> tuple[tuple[Area, ...], dict[str, frozenset[str]]]:
    """The same from a table; raises BadSource that names `where` it is from."""
    rows = table.to_pylist()
    wrong = sorted({f"'{key}' is {row.get(key)!r:.60}, needs {kind.__name__}" for row in rows for key, kind in KINDS.items() if type(row.get(key)) is not kind})
    wrong = wrong or sorted({f"'name' is {row['name']!r:.60}, needs the name of one folder" for row in rows if not _is_folder(row["name"])})
    if wrong:
        raise BadSource(faults(f"{where} is no table of areas", wrong[:8], MAKE))
    beside = {row["name"]: frozenset(row.pop("neighbours")) for row in rows}
    return tuple(Area(**{key: row.pop(key) for key in OWN}, facts=row) for row in rows), beside


def _is_folder(name: str) -> bool:
    """Whether what is kept or written of an area stays below the folder of all of them."""
    try:
        return bool(one_part(name))
    except ValueError:
        return False


def _facts(rows: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """What is known of each region beside its name, as columns of one type: text where regions differ in it, None where one lacks it.

    One that is called as a column of ours is called `region_…`, which is logged.
    """
    plain = [{key: value for key, value in row.items() if key != name and isinstance(value, str | int | float | bool)} for row in rows]
    kinds: dict[str, set[type]] = defaultdict(set)
    for key, value in (pair for row in plain for pair in row.items()):
        kinds[key].add(type(value))
    mixed = {key for key, found in kinds.items() if len(found) > 1 and found != {int, float}}
    taken = {key: f"region_{key}" for key in kinds if key in (*OWN, *PATCH)}
    for key, other in taken.items():
        log.warning("the regions' property '%s' has the name of a column of the index: it stands there as '%s'", key, other)
    told = [{key: str(value) if key in mixed else value for key, value in row.items()} for row in plain]
    return [{taken.get(key, key): row.get(key) for key in kinds} for row in told]


def _cells(polygon: BaseGeometry, epsg: int, size_m: int) -> list[tuple[int, int]]:
    """Columns and rows of the lattice whose cores share ground with the polygon."""
    placed = reprojected(polygon, DEGREES, f"EPSG:{epsg}")
    shapely.prepare(placed)
    if not np.isfinite(placed.bounds).all():
        raise BadRecipe(f"a region over {polygon.bounds} has no place in EPSG:{epsg}\ngive regions in longitude and latitude, each within some degrees")
    left, bottom, right, top = (int(edge // size_m) for edge in placed.bounds)
    if (right - left + 1) * (top - bottom + 1) > MOST_CELLS:
        raise BadRecipe(f"a region over {polygon.bounds} takes more than {MOST_CELLS} areas of {size_m} m\ncut it into several, or make areas larger")
    cells = [(column, row) for column in range(left, right + 1) for row in range(bottom, top + 1)]
    cores = [box(column * size_m, row * size_m, (column + 1) * size_m, (row + 1) * size_m) for column, row in cells]
    return [cell for cell, core in zip(cells, cores, strict=True) if placed.intersects(core) and placed.intersection(core).area > 1]
