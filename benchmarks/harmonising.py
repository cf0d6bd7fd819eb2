"""How much of its contrast a harmonised reference keeps, between dates of one place and under clouds that no mask shows.

    python benchmarks/harmonising.py SERIES ... [--apart-days 0 200] [--count 24] [--noise 0.001]

A series' pixels stand for such of 2.5 m. One date, brought to pixels four times larger with some noise, is Sentinel-2; another, so many days
away, or the same one, is the reference, with another gain and offset in each band.

alike     correlation of what the two dates show beyond Sentinel-2's pixels, mean over bands; the median over pairs
kept      deviation of that in the harmonised reference, over that in the date itself, mean over bands: 1 if all contrast is kept; the median
fewest    the same of the pair in which least is kept
clouds    of references of the same date, share of the area that opaque clouds cover: kept of what is clear
"""

import argparse
import json

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

import dione
from dione import testing
from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.errors import NothingClear
from dione.evaluation.lower import coarser
from dione.prepare.reference.harmonise import METHODS, harmonise
from dione.prepare.reference.interpolate import cubic, mean
from dione.prepare.sharpness import NOISE

ZOOM, ENOUGH_PX, RIM_PX = 4, 2000, 12
CLOUDS, CLOUD_PX, CLOUD = (0.0, 0.05, 0.15, 0.3), 25, 0.6
GAIN, OFFSET = np.array([[1.3, 1.2, 1.1, 0.8], [-0.05, -0.03, 0.01, 0.02]])[..., None, None]
"""Of Sentinel-2 over the reference."""


def beyond(image: NDArray[np.floating], valid: NDArray[np.bool_], whole: xr.Dataset, low: xr.Dataset) -> NDArray[np.float32]:
    """What an image (band, y, x) shows beyond the pixels of Sentinel-2."""
    fine, coarse = stacks.grid_of(whole), stacks.grid_of(low)
    return np.asarray(image - cubic(mean(image.astype(np.float32), valid, fine, coarse)[0], coarse, fine))


def pair(whole: xr.Dataset, low: xr.Dataset, target: int, other: int, method: str, cloud: float, rng: np.random.Generator) -> tuple[float, float] | None:
    """(alike, kept) of a target and the reference of another date; None where too little is clear."""
    image, valid = whole["reflectance"].values[other], whole["valid"].values[other]
    smooth = ndimage.gaussian_filter(rng.standard_normal(valid.shape), CLOUD_PX)
    opaque = ndimage.gaussian_filter((smooth > np.quantile(smooth, 1 - cloud)).astype(float), 4) if cloud else np.zeros(valid.shape)
    given = (image * (1 - opaque) + CLOUD * opaque - OFFSET) / GAIN
    reference = whole.isel(time=[other])
    reference = reference.assign(reflectance=(stacks.DIMS["reflectance"], given[None].astype(np.float32)))
    try:
        made = harmonise(reference, low.isel(time=[target]), method=method)["reflectance"].values[0]
    except NothingClear:
        return None
    there = ndimage.binary_erosion(valid & whole["valid"].values[target] & (opaque < 0.01), iterations=RIM_PX)
    if there.sum() < ENOUGH_PX:
        return None
    parts = ((whole["reflectance"].values[target], whole["valid"].values[target]), (image, valid), (made, valid))
    ours, theirs, after = (beyond(*part, whole, low)[:, there] for part in parts)
    alike = np.mean([np.corrcoef(one, two)[0, 1] for one, two in zip(ours, theirs, strict=True)])
    return float(alike), float((after.std(1) / ours.std(1)).mean())


def measured(series: xr.Dataset, method: str, apart_days: tuple[float, float], count: int, noise: float, seed: int = 5) -> dict[str, object]:
    """The scores of one series."""
    rng, (height, width) = np.random.default_rng(seed), (series.sizes[axis] // ZOOM for axis in ("y", "x"))
    part = series.isel(y=slice(height * ZOOM), x=slice(width * ZOOM))
    grid = grids.finer(testing.grid_at((height, width)), ZOOM)
    whole = stacks.make(part["reflectance"].values, part["valid"].values, list(part["time"].values), grid)
    low = coarser(whole, zoom=ZOOM)
    low = low.assign(reflectance=low["reflectance"] + noise * rng.standard_normal(low["reflectance"].shape).astype(np.float32))
    days = np.abs(whole["time"].values[:, None] - whole["time"].values) / np.timedelta64(1, "D")
    pairs = [(a, b) for a, b in np.argwhere((days >= apart_days[0]) & (days <= apart_days[1])) if a != b]
    drawn = (pair(whole, low, *pairs[at], method, 0.0, rng) for at in rng.permutation(len(pairs))[:count])
    found = np.array([each for each in drawn if each])
    told: dict[str, object] = {"pairs": len(found)}
    if len(found):
        told |= {
            "alike": round(float(np.median(found[:, 0])), 2),
            "kept": round(float(np.median(found[:, 1])), 2),
            "fewest": round(float(found[:, 1].min()), 2),
        }
    dates = rng.permutation(whole.sizes["time"])[:count]
    for cloud in CLOUDS:
        same = [each[1] for each in (pair(whole, low, date, date, method, cloud, rng) for date in dates) if each]
        if same:
            told[f"clouds over {cloud:g}"] = {"dates": len(same), "kept": round(float(np.median(same)), 2), "fewest": round(min(same), 2)}
    return told


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("series", nargs="+")
    given.add_argument("--bands", type=lambda text: text.split(","), help="in the files' order, where they do not tell")
    given.add_argument("--apart-days", nargs=2, type=float, default=[0, 200])
    given.add_argument("--count", type=int, default=24, help="pairs of each series, at the most")
    given.add_argument("--noise", type=float, default=NOISE, help="of Sentinel-2, reflectance")
    given.add_argument("--method", choices=METHODS, default="linear")
    asked = given.parse_args()
    for folder in asked.series:
        series = dione.open(folder, align=True, bands=asked.bands).compute()
        told = measured(series, asked.method, asked.apart_days, asked.count, asked.noise)
        print(json.dumps({"series": folder.rstrip("/").rpartition("/")[2]} | told), flush=True)
