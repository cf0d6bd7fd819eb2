"""Where: a Stack cropped to an area, and how much of it each date sees."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.features import geometry_mask
from shapely.errors import ShapelyError
from shapely.geometry import box, mapping, shape
from shapely.geometry.base import BaseGeometry
from xarray.backends import BackendArray
from xarray.core.indexing import ExplicitIndexer, IndexingSupport, LazilyIndexedArray, explicit_indexing_adapter

from dione.base import stack as stacks
from dione.base.errors import BadGrid, BadRecipe, NotFound
from dione.base.windows import Window, lattice

EXACT_PX = 2048 * 2048
"""Areas up to this many pixels are looked at whole."""
SAMPLE_SIDE, SAMPLES = 256, 8
"""Larger ones in SAMPLES × SAMPLES windows of this side, evenly spread."""

DEGREES = "EPSG:4326"
NEAR_PX = 1e-6

Area = Sequence[float] | Mapping[str, Any]
"""(west, south, east, north) in degrees, or a GeoJSON geometry, feature or collection in longitude and latitude."""


def clear_fractions(stack: xr.Dataset) -> list[float]:
    """The fraction of the area seen clear on each date, 0–1; outside of a cropped polygon nothing counts.

    Exact up to EXACT_PX; from a regular sample of windows above.
    """
    size = stack.sizes["y"], stack.sizes["x"]
    windows = list(lattice(size, 1024)) if size[0] * size[1] <= EXACT_PX else sample(size)
    clear, seen = np.zeros(stack.sizes["time"]), 0
    for window in windows:
        rows, columns = window.slices
        part = stack.isel(y=rows, x=columns)
        inside = part["inside"].values if "inside" in part.coords else np.ones(window.shape, bool)
        clear += (part["valid"].values & inside).sum((1, 2))
        seen += int(inside.sum())
    return [float(fraction) for fraction in clear / max(seen, 1)]


def sample(scene: tuple[int, int], *, side: int = SAMPLE_SIDE, count: int = SAMPLES) -> list[Window]:
    """At most count × count windows of at most side × side pixels, evenly spread over a scene, corners included."""
    tops, lefts = (np.linspace(0, max(length - side, 0), min(count, -(-length // side))).astype(int) for length in scene)
    return [Window(int(top), int(left), min(int(top) + side, scene[0]), min(int(left) + side, scene[1])) for top in tops for left in lefts]


def parse(text: str) -> Area:
    """An area as a person writes it: 'west,south,east,north' in degrees, or the name of a GeoJSON file.

    Raises NotFound, BadRecipe.
    """
    numbers = text.replace(",", " ").split()
    if len(numbers) == 4:
        try:
            return tuple(float(number) for number in numbers)
        except ValueError:
            pass
    path = Path(text)
    try:
        read = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise NotFound(f"area '{text}' is neither west,south,east,north in degrees nor a GeoJSON file that can be read: {error.strerror}") from error
    except ValueError as error:
        raise BadRecipe(f"{text} is not GeoJSON: {error}\nneeds a geometry, feature or collection in longitude and latitude") from error
    if not isinstance(read, dict):
        raise BadRecipe(f"{text} is not GeoJSON: it holds a {type(read).__name__}, needs a geometry, feature or collection")
    return read


def crop(stack: xr.Dataset, area: Area) -> xr.Dataset:
    """The part of a Stack that covers an area, whole pixels; outside a polygon nothing is valid.

    A polygon is kept as the coordinate `inside` (y, x), so that fractions are of the polygon.
    Raises NotFound when they do not overlap, BadRecipe for an area that is none, BadGrid for a Stack without CRS.
    """
    grid = stacks.grid_of(stack)
    if grid.crs is None:
        raise BadGrid("an area in degrees cannot be found in a scene without a CRS\ngive the files one first, e.g. gdal_edit -a_srs EPSG:32631 FILE")
    wanted = _geometry(area)
    placed = _reprojected(wanted, DEGREES, str(grid.crs))
    window = _window(grid, placed)
    if window is None:
        scene = _reprojected(box(*grid.boundingbox.bbox), str(grid.crs), DEGREES)
        raise NotFound(f"the area {_words(wanted)} does not touch the scene, which covers {_words(scene)} (west, south, east, north)")
    rows, columns = window.slices
    part = stack.isel(y=rows, x=columns)
    return _within(part, placed) if isinstance(area, Mapping) else part


def _geometry(area: Area) -> BaseGeometry:
    """The area in longitude and latitude; raises BadRecipe when it is none."""
    if not isinstance(area, Mapping):
        if len(area) != 4 or not np.isfinite(area).all() or area[0] >= area[2] or area[1] >= area[3] or max(map(abs, area[1::2])) > 90:
            raise BadRecipe(f"area is {tuple(area)}, needs west,south,east,north in degrees, west below east, south below north")
        west, south, east, north = map(float, area)
        return box(west, south, east, north)
    try:
        made = shapely.union_all([shape(one) for one in _geometries(area)])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, ShapelyError) as error:
        raise BadRecipe(f"the area is no GeoJSON geometry: {type(error).__name__} {error}") from error
    if made.area == 0 or max(map(abs, made.bounds[1::2])) > 90:
        raise BadRecipe(f"the area is a {made.geom_type} over {made.bounds}; needs a polygon in longitude and latitude")
    return made


def _geometries(area: Mapping[str, Any]) -> list[Any]:
    """The geometries in a GeoJSON object of any kind."""
    if area["type"] == "FeatureCollection":
        return [feature["geometry"] for feature in area["features"]]
    return [area["geometry"] if area["type"] == "Feature" else area]


def _reprojected(geometry: BaseGeometry, source: str, target: str) -> BaseGeometry:
    """The geometry in another CRS; edges are cut into a hundred first, since they bend."""
    turn = Transformer.from_crs(source, target, always_xy=True).transform
    west, south, east, north = geometry.bounds
    fine = shapely.segmentize(geometry, max(east - west, north - south) / 100)
    return shapely.transform(fine, lambda points: np.column_stack(turn(points[:, 0], points[:, 1])))


def _window(grid: GeoBox, placed: BaseGeometry) -> Window | None:
    """The whole pixels that the geometry touches, or None."""
    west, south, east, north = placed.bounds
    if not np.isfinite([west, south, east, north]).all():
        return None
    inverse = ~grid.affine
    (left, top), (right, bottom) = inverse * (west, north), inverse * (east, south)
    # A border that coincides with a pixel's edge, up to rounding, takes no further pixel.
    window = Window(
        max(int(np.floor(top + NEAR_PX)), 0),
        max(int(np.floor(left + NEAR_PX)), 0),
        min(int(np.ceil(bottom - NEAR_PX)), grid.shape[0]),
        min(int(np.ceil(right - NEAR_PX)), grid.shape[1]),
    )
    return window if min(window.shape) > 0 else None


def _within(part: xr.Dataset, placed: BaseGeometry) -> xr.Dataset:
    """Nothing valid outside; every pixel that the geometry touches is inside."""
    grid = stacks.grid_of(part)
    inside: NDArray[np.bool_] = geometry_mask([mapping(placed)], grid.shape, grid.affine, all_touched=True, invert=True)
    if not inside.any():
        raise NotFound("the area does not touch the scene: only their bounding boxes overlap")
    if "inside" in part.coords:
        inside &= part["inside"].values
    if part["valid"].chunks is None:
        valid: Any = (part["valid"].dims, LazilyIndexedArray(Inside(part["valid"].variable, inside)))
    else:
        valid = part["valid"] & xr.DataArray(inside, dims=("y", "x"))
    return part.assign(valid=valid).assign_coords(inside=(("y", "x"), inside))


class Inside(BackendArray):
    """`valid` (time, y, x) where it is `inside` (y, x), joined when read, so that a lazy Stack stays lazy."""

    def __init__(self, valid: xr.Variable, inside: NDArray[np.bool_]) -> None:
        self.valid, self.inside = valid, xr.Variable(("y", "x"), inside)
        self.shape, self.dtype = valid.shape, valid.dtype

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._pick)

    def _pick(self, key: tuple[Any, ...]) -> NDArray[np.bool_]:
        return np.asarray(self.valid[key].values & self.inside[key[1:]].values)


def _words(geometry: BaseGeometry) -> str:
    return ", ".join(f"{edge:.4f}" for edge in geometry.bounds)
