"""Scores without sharper imagery: a real series brought to pixels zoom times larger, sharpened back, compared with itself."""

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from dione.base import optics
from dione.base import stack as stacks
from dione.base.errors import BadGrid
from dione.measure.metrics import cpsnr
from dione.nets.resolver import Resolver, load
from dione.prediction.memory import predict

SMALLEST_PX = 16


@dataclass(frozen=True)
class DateGain:
    """One date's cPSNR over bicubic."""

    day: str
    gain_db: float


def coarser(stack: xr.Dataset, *, zoom: int = 4, modulation: float = optics.NYQUIST_MODULATION) -> xr.Dataset:
    """The series as a sensor with pixels zoom times larger would see it; rows and columns that do not fill one are cut off.

    A coarse pixel is valid if all the fine ones in it are. Raises BadGrid for a scene of under SMALLEST_PX coarse pixels.
    """
    rows, columns = stack.sizes["y"] // zoom, stack.sizes["x"] // zoom
    if min(rows, columns) < SMALLEST_PX:
        raise BadGrid(f"{stack.sizes['y']}×{stack.sizes['x']} px leave {rows}×{columns} at {zoom} times the pixel; needs {SMALLEST_PX} each side")
    part = stack.isel(y=slice(rows * zoom), x=slice(columns * zoom)).compute()
    valid = part["valid"].values
    seen = np.where(valid[:, None], part["reflectance"].values, 0)
    down, across = (optics.sampling(n, n * zoom, zoom, modulation=modulation) for n in (rows, columns))
    grid = stacks.grid_of(stack)
    coarse = GeoBox((rows, columns), grid.affine * Affine.scale(zoom), grid.crs)
    whole = valid.reshape(len(valid), rows, zoom, columns, zoom).all((2, 4))
    return stacks.make(
        (down @ seen @ across.T).astype(np.float32), whole, list(stack["time"].values), coarse, items=stack["item"].values.tolist(), source="brought down"
    )


def gains(stack: xr.Dataset, resolver: Resolver, *, views: int = 8) -> list[DateGain]:
    """Gain of `resolver` over bicubic of the target, dB, for every date that is clear throughout."""
    zoom = resolver.zoom
    low = coarser(stack, zoom=zoom)
    clear = [date for date in range(low.sizes["time"]) if bool(low["valid"][date].all())]
    found = []
    for date in clear:
        day = stacks.days(low)[date]
        truth = stack["reflectance"].isel(time=date, y=slice(low.sizes["y"] * zoom), x=slice(low.sizes["x"] * zoom)).values
        scores = [_score(predict(low, model=each, target=day, views=views)["reflectance"].values[0], truth) for each in (resolver, load("bicubic"))]
        found.append(DateGain(day, scores[0] - scores[1]))
    return found


def _score(sr: np.ndarray, hr: np.ndarray) -> float:
    return float(cpsnr(torch.from_numpy(sr)[None], torch.from_numpy(np.ascontiguousarray(hr))[None], border=8)[0])
