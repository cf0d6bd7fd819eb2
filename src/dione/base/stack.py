"""The Stack: what is carried from room to room. Its form is written out in docs/stack.md."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

from dione.base.bands import BANDS
from dione.base.errors import BadGrid, NotAStack, faults
from dione.base.grid import NEAR_PX, mapped

DIMS = {"reflectance": ("time", "band", "y", "x"), "valid": ("time", "y", "x")}
ADVICE = "write one with dione.open(...) or `dione fetch`; for another grid, `from dione.base import stack; stack.make(...)` (form: docs/stack.md)"
MOST_SIDE = 20_000_000
"""Pixels: of 2.5 m, more than once round the earth. Each has a coordinate in memory."""
VERSIONS = "versions"
"""What the `encoding` of a Stack read from files tells: which state of them. No note that travels along to people, or is kept."""
OF_NUMBERS = (
    "whole numbers become reflectance as (numbers * scale + offset).astype('float32'), Sentinel-2's L2A by 0.0001 and, "
    "since baseline 04.00, -0.1; a Zarr store may tell both as the attributes scale_factor and add_offset"
)
OF_MASKED = "where() makes numbers of it: leave places out by stack.assign(valid=stack.valid & mask)"
ONE_DATE = "take one date as isel(time=[0]) or sel(time=slice('2024-05-06', '2024-05-06'))"
DTYPES = {"reflectance": np.dtype("float32"), "valid": np.dtype("bool")}
OF_SIGMA = {"long_name": "1σ of reflectance", "units": "1"}
OF_SUPPORT = {
    "long_name": "where detail comes from",
    "flag_values": np.arange(4, dtype=np.uint8),
    "flag_meanings": "nothing measured confirmed_by_other_dates learned",
}
OF_SEEN = {"long_name": "seen clear on the date itself; elsewhere, where valid, filled from others"}
"""What the variables of a result tell of themselves, for plots and netCDF (CF conventions)."""


def make(
    reflectance: Any, valid: Any, times: Sequence[Any], grid: GeoBox, *, items: Sequence[str] = (), bands: Sequence[str] = BANDS, **attrs: str
) -> xr.Dataset:
    """A Stack from plain (or dask) arrays.

    reflectance: (time, band, y, x) float32, 1.0 = 100 %, bands blue, green, red, nir; or PAN alone, if `bands` says so.
    valid: (time, y, x) bool, True = seen clear.
    times: UTC, ascending. items: what each date was read from. attrs: notes that travel along (source, radiometry, ...).
    Raises NotAStack (also for a date before 1678 or after 2261), BadGrid (a CRS of no map).
    """
    coords: dict[Any, Any] = {
        "time": ("time", _moments(times)),
        "band": ("band", list(bands)),
        "item": ("time", np.array(list(items) or [""] * len(times), dtype=str)),
        **_grid_coords(grid),
    }
    stack = xr.Dataset({"reflectance": (DIMS["reflectance"], reflectance), "valid": (DIMS["valid"], valid)}, coords, attrs)
    return check(stack, bands=tuple(bands))


def _moments(times: Sequence[Any]) -> np.ndarray:
    """In nanoseconds, of which 64 bits hold 584 years: NumPy makes another date of one beyond, without a word. Raises NotAStack."""
    told, made = np.array(times, dtype="datetime64[us]"), np.array(times, dtype="datetime64[ns]")
    if wrong := [str(time) for time in told[(made.astype("datetime64[us]") != told) & ~np.isnat(told)]]:
        raise NotAStack(f"a date of {wrong[0]} cannot be: needs one from 1678 to 2261\ncorrect what the series says of its dates, or leave that one out")
    return made


def with_result(sharp: xr.Dataset, sigma: Any, support: Any = None, seen: Any = None) -> xr.Dataset:
    """A sharpened Stack with its 1σ (time, band, y, x) and, as far as they are known, where the detail comes from and what each date saw itself (time, y, x)."""
    told = {"support": (DIMS["valid"], support, OF_SUPPORT), "seen": (DIMS["valid"], seen, OF_SEEN)}
    made = sharp.assign(sigma=(DIMS["reflectance"], sigma, OF_SIGMA))
    return made.assign({name: variable for name, variable in told.items() if variable[1] is not None})


def _grid_coords(grid: GeoBox) -> dict[Any, Any]:
    """Pixel-centre coordinates and the CRS, with the exact affine kept as GDAL writes it.

    odc-geo's own names follow the CRS (latitude, longitude); in a Stack they are always y and x.
    """
    rows, columns = mapped(grid, "the grid of a stack").shape
    if max(rows, columns) > MOST_SIDE:
        raise BadGrid(f"a scene of {rows}×{columns} px goes more than once round the earth: what tells its size is wrong\ncorrect it, or name an --area")
    a = grid.affine
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* lost in conversion to CF", UserWarning)  # as of Switzerland's grid: crs_wkt keeps all
        named = xr_coords(grid, dims=("y", "x"), always_yx=True) if grid.crs is not None else {}
    reference = named["spatial_ref"] if "spatial_ref" in named else xr.DataArray(0)
    reference.attrs["GeoTransform"] = " ".join(repr(float(v)) for v in a.to_gdal())
    y = a.f + a.e * (np.arange(rows) + 0.5)
    x = a.c + a.a * (np.arange(columns) + 0.5)
    return {"y": ("y", y), "x": ("x", x), "spatial_ref": ((), reference.values, reference.attrs)}


def grid_of(stack: xr.Dataset) -> GeoBox:
    """The Stack's pixel grid; exact, also for a single pixel, a part, or no CRS."""
    stored = Affine.from_gdal(*(float(v) for v in stack["spatial_ref"].attrs["GeoTransform"].split()))
    # A part of a Stack keeps the whole's GeoTransform: count pixels from it, so that the corner stays exact.
    column = round((float(stack["x"][0]) - stored.c) / stored.a - 0.5)
    row = round((float(stack["y"][0]) - stored.f) / stored.e - 0.5)
    crs = stack["spatial_ref"].attrs.get("crs_wkt") or None
    return GeoBox((stack.sizes["y"], stack.sizes["x"]), stored * Affine.translation(column, row), crs)


def check(stack: Any, name: str = "this dataset", *, bands: tuple[str, ...] = BANDS) -> xr.Dataset:
    """The Stack itself if it keeps the contract; otherwise NotAStack with every fault at once.

    A panchromatic Stack is one only where it is asked for (`bands=PAN`), so that none is sharpened by mistake.
    """
    if not isinstance(stack, xr.Dataset):
        raise NotAStack(f"a stack is an xarray.Dataset, found a {type(stack).__name__}\n{ADVICE}")
    wrong = [f"no variable '{v}'; found {sorted(map(str, stack.data_vars))}" for v in DIMS if v not in stack.data_vars]
    for variable in DIMS.keys() & set(stack.data_vars):
        array = stack[variable]
        if array.dims != DIMS[variable]:
            wrong.append(f"'{variable}' has dims {array.dims}, needs {DIMS[variable]}")
        if array.dtype != DTYPES[variable]:
            known = {("reflectance", "i"): OF_NUMBERS, ("reflectance", "u"): OF_NUMBERS, ("valid", "f"): OF_MASKED}.get((variable, array.dtype.kind))
            wrong.append(f"'{variable}' is {array.dtype}, needs {DTYPES[variable]}{f'; {known}' if known else ''}")
    if "band" in stack.coords and tuple(map(str, np.atleast_1d(stack["band"].values))) != bands:
        wrong.append(f"bands are {list(map(str, np.atleast_1d(stack['band'].values)))}, need {list(bands)}")
    wrong += [f"no coordinate '{c}'" for c in ("time", "band", "y", "x", "spatial_ref", "item") if c not in stack.coords]
    if "time" in stack.coords and not stack["time"].dims:
        wrong.append(f"one date alone has lost its dimension: {ONE_DATE}")
    elif "time" in stack.coords:
        times = np.atleast_1d(stack["time"].values)
        if not np.issubdtype(times.dtype, np.datetime64) or np.isnat(times).any():
            wrong.append(f"'time' is {times.dtype}, needs datetime64 without gaps")
        elif len(times) == 0 or (np.diff(times.astype("datetime64[s]")) <= np.timedelta64(0)).any():
            wrong.append(f"{len(times)} times, need at least one, ascending, no two within a second")  # labels (base/when.py) tell seconds
    if {"time", "item"} <= set(stack.coords) and stack["time"].dims and stack["item"].dims != ("time",):
        wrong.append(f"'item' has dims {stack['item'].dims}, needs ('time',): {ONE_DATE}")
    if "spatial_ref" in stack.coords:
        wrong += _misplaced(stack, stack["spatial_ref"].attrs.get("GeoTransform"))
    if 0 in stack.sizes.values():
        wrong.append(f"an empty dimension: {dict(stack.sizes)}")
    if wrong:
        raise NotAStack(faults(f"{name} is not a stack", wrong, ADVICE))
    return stack


def _misplaced(stack: xr.Dataset, transform: object) -> list[str]:
    """What is wrong with where the Stack says that it lies: `grid_of` takes y and x to be pixels of the GeoTransform, one after the other."""
    if not _is_transform(transform):
        return ["'spatial_ref' carries no GeoTransform of six numbers"]
    stored = Affine.from_gdal(*map(float, str(transform).split()))
    sides = {"y": (stored.f, stored.e), "x": (stored.c, stored.a)}
    return [f"'{side}' {fault}" for side, (start, step) in sides.items() if side in stack.coords and (fault := _off(stack[side].values, start, step))]


def _off(centres: np.ndarray, start: float, step: float) -> str:
    """How these centres differ from pixels that follow one another from some whole pixel on; empty if they do not."""
    if centres.ndim != 1 or not centres.size:
        return ""  # told as a dimension
    if not np.issubdtype(centres.dtype, np.number):
        return f"is {centres.dtype}, needs numbers"
    at = (centres - start) / step - 0.5
    if (np.abs(at - np.round(at[0]) - np.arange(len(at))) <= NEAR_PX).all():
        return ""
    steps = np.diff(at)
    odd = steps[~(np.abs(steps - 1) <= NEAR_PX)]
    if odd.size:
        return f"goes on by {odd[0]:.4g} px of the GeoTransform, needs 1 from each to the next: flipped, thinned out or with gaps it lies on another grid"
    return f"stands {abs(at[0] - np.round(at[0])):.3g} px beside the pixels of the GeoTransform; moved, it lies on another grid"


def _is_transform(text: object) -> bool:
    """Whether this is six finite numbers, as GDAL writes them, with pixels of some size."""
    try:
        numbers = [float(part) for part in text.split()] if isinstance(text, str) else []
    except ValueError:
        return False
    return len(numbers) == 6 and bool(np.isfinite(numbers).all()) and numbers[1] != 0 != numbers[5]
