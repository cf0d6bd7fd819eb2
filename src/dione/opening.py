"""From a place and a period to a Stack: opened and cut to what is wanted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import xarray as xr

from dione.base import period, when
from dione.base.errors import BadRecipe
from dione.prepare import naming, spectral
from dione.prepare.area import crop
from dione.prepare.csmask import Level, without_clouds
from dione.prepare.select import between
from dione.sources import open as open_source


@runtime_checkable
class Geometry(Protocol):
    """A geometry of shapely, geopandas or any library that speaks GeoJSON."""

    @property
    def __geo_interface__(self) -> Mapping[str, Any]: ...


Place = str | Path | tuple[float, ...] | list[float] | Mapping[str, Any] | Geometry


def open(
    source: str | Path,
    *,
    area: Place | None = None,
    size_m: float | None = None,
    dates: when.Date | tuple[when.Date | None, when.Date | None] | slice | None = None,
    find_clouds: Level | None = None,
    as_sentinel2a: bool = False,
    **options: Any,
) -> xr.Dataset:
    """A Sentinel-2 series as a Stack: reflectance (time, band, y, x), 1.0 = 100 %, and valid (time, y, x); see docs/stack.md.

    source: a folder of GeoTIFFs, a pattern, a `.zarr` Stack, an EOPatch folder, `.SAFE` products, what `dione predict` wrote;
        or an archive: `stac:earth-search`, `stac:URL#collection`, `sentinelhub:PROFILE`.
    area: (latitude, longitude) with `size_m`; (west, south, east, north) in degrees; GeoJSON, or whatever has a
        `__geo_interface__`; a tile, WKT or vector file as text.
    size_m: side of the square around a point, metres.
    dates: first and last day, both included: "2024-05/2024-08", "2024-05-01/2024-08-31", one date, or two texts or dates or
        a slice of them, of which one may be None.
    find_clouds: "l1c" or "l2a", where a source has no cloud mask: find clouds with ukis-csmask (extra `clouds`).
    as_sentinel2a: green and red of Sentinel-2B as Sentinel-2A's bands see them (`dione.prepare.spectral`).
    options: what files do not tell; those of `dione.sources.geotiff.open`, `eopatch.open`, `stac.open`.

    Only headers and metadata are read now, pixels when they are asked for.
    Raises NotFound, BadRecipe (an area or period that is none), NotAStack, BadSource and its kinds.

    >>> import dione, pathlib, tempfile
    >>> from dione.testing import landscape, series, write_geotiffs
    >>> folder = write_geotiffs(series(landscape((24, 24))).stack, pathlib.Path(tempfile.mkdtemp()))
    >>> stack = dione.open(folder, dates="2024-05-01/2024-05-11")
    >>> dict(stack.sizes)
    {'time': 3, 'band': 4, 'y': 24, 'x': 24}
    """
    if area is None and size_m is not None:
        raise BadRecipe(f"a size of {size_m:g} m is given, and no area\ngive a point as well, --area latitude,longitude, or leave --size out")
    where = None if area is None else naming.area_of(area, size_m=size_m)
    span = None if dates is None else _span(dates)
    stack = open_source(source, area=where, dates=span, **options)
    if span:
        stack = between(stack, *span)
    if where is not None:
        stack = crop(stack, where)
    if as_sentinel2a:
        stack = spectral.as_sentinel2a(stack)
    if find_clouds:
        stack = without_clouds(stack, level=find_clouds).drop_vars("clear", errors="ignore").assign_attrs({"clouds": "found by ukis-csmask"})
    return stack


def _span(dates: when.Date | tuple[when.Date | None, ...] | slice) -> tuple[str, str]:
    """First and last day. Raises BadRecipe."""
    if isinstance(dates, when.Date):
        return period.parse(dates if isinstance(dates, str) else when.named(dates)[:10])
    sides = (dates.start, dates.stop) if isinstance(dates, slice) else dates
    return period.whole(tuple(side if side is None or isinstance(side, str) else when.named(side)[:10] for side in sides))
