"""Statistics of every scene of a table: multispectral, pan, and the two together, pansharpened."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray

from dione.base import stack as stacks
from dione.base.errors import BadRecipe, BadValues, DioneError
from dione.base.windows import Window
from dione.prepare.reference import statistics
from dione.prepare.reference.brightness import CloudRule, cloudy
from dione.prepare.reference.interpolate import nearest
from dione.prepare.reference.pansharpen import METHODS, covering, pansharpen
from dione.prepare.reference.statistics import Clouds, Numbers

CACHE_BYTES = 512 * 2**20
"""GDAL keeps at most this much of a raster; its default is 5 % of the machine's memory."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Opener:
    """How the rows of a table are read; `dione.sources` knows."""

    numbers: Callable[[Row], Numbers]
    stack: Callable[[Row], xr.Dataset]


@dataclass(frozen=True)
class Made:
    """Rows with their new columns, and what failed: path and why."""

    rows: tuple[dict[str, Any], ...]
    failed: tuple[tuple[str, str], ...]


def add(
    rows: Iterable[Row],
    opener: Opener,
    *,
    rule: CloudRule = CloudRule(),
    sharpen: str | None = "gsa",
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Made:
    """The rows with the columns of `statistics.columns`; those of the pansharpened scene stand in the multispectral row.

    sharpen: by which method, or None to leave it out. A scene that fails keeps its rows as they were, stops no other, and
    is told with the reason. Clouds are found on the multispectral raster, for all three.
    """
    scenes: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        scenes[row["scene"]].append(row)
    made, failed = [], []
    for done, parts in enumerate(scenes.values()):
        progress("scenes", done, len(scenes))
        by_kind = {row["kind"]: row for row in parts}
        try:
            with rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES):
                new = _scene(by_kind, opener, rule, sharpen)
        except DioneError as error:
            failed.append((str(by_kind.get("ms", parts[0])["raster"]), str(error)))
            new = {}
        made += [{**row, **new.get(row["kind"], {})} for row in parts]
    progress("scenes", len(scenes), len(scenes))
    return Made(tuple(made), tuple(failed))


def method(name: str) -> str | None:
    """A method of pansharpening by the name that a person gives; None for "no". Raises BadRecipe."""
    if name not in (*METHODS, "no"):
        raise BadRecipe(f"no pansharpening is called '{name}'; there are {', '.join(METHODS)}, or no")
    return None if name == "no" else name


def _scene(rows: Mapping[str, Row], opener: Opener, rule: CloudRule, sharpen: str | None) -> dict[str, dict[str, Any]]:
    """New columns for the rows of one scene, by kind."""
    if rows["ms"]["blue_unit"] != "radiance":
        needs = 'go on without statistics (a pipeline by statistics = false), and build with clouds = "csmask" or "no"'
        raise BadValues(f"the raster holds reflectance, and both the cloud rule and these statistics are told in radiance\n{needs}")
    colours = opener.numbers(rows["ms"])
    own = statistics.own_clouds(colours, rule)
    counted = statistics.tally(colours, own)
    new = {"ms": statistics.columns(counted, colours, rule)}
    if "pan" not in rows:
        return new
    pan = opener.numbers(rows["pan"])
    below = clouds_below(colours, own, opener.stack(rows["ms"]), opener.stack(rows["pan"]))
    new["pan"] = statistics.columns(statistics.tally(pan, below), pan, rule, cloud=counted.cloud)
    if sharpen:
        ms, pan_stack = opener.stack(rows["ms"]), opener.stack(rows["pan"])
        sharp = SharpNumbers(pansharpen(ms, pan_stack, method=sharpen, clouds=lambda part: np.asarray(cloudy(part, rule).values)), colours)
        new["ms"] |= statistics.columns(statistics.tally(sharp, below), sharp, rule, cloud=counted.cloud, prefix="sharp_")
    return new


def clouds_below(colours: Numbers, own: Clouds, ms: xr.Dataset, pan: xr.Dataset) -> Clouds:
    """The clouds of the multispectral raster on pan's grid."""
    coarse, fine = stacks.grid_of(ms), stacks.grid_of(pan)

    def cloud(window: Window, _: NDArray[Any]) -> NDArray[np.bool_]:
        here = covering(fine, coarse, window, margin=1)
        if here is None:
            return np.zeros(window.shape, bool)
        return nearest(own(here, colours.read(here)[0]), coarse[here.slices], fine[window.slices])

    return cloud


@dataclass(frozen=True)
class SharpNumbers:
    """A pansharpened Stack as digital numbers of the multispectral raster."""

    sharp: xr.Dataset
    colours: Numbers

    @property
    def shape(self) -> tuple[int, int]:
        return self.sharp.sizes["y"], self.sharp.sizes["x"]

    @property
    def names(self) -> tuple[str, ...]:
        return self.colours.names

    @property
    def gain(self) -> NDArray[np.float64]:
        return self.colours.gain

    @property
    def bias(self) -> NDArray[np.float64]:
        return self.colours.bias

    def read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        part = self.sharp.isel(time=0, y=window.slices[0], x=window.slices[1])
        radiance = part["reflectance"].values * self.sharp["white"].values[0][:, None, None].astype(np.float32)
        numbers = (radiance - self.bias[:, None, None]) / self.gain[:, None, None]
        return np.clip(np.round(numbers), 0, 65_535).astype(np.uint16), part["valid"].values
