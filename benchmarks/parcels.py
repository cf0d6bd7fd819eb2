"""Whether the mean of a parcel, and the change of a pixel, are as sure as is told: real series brought to pixels four times larger, the series itself as truth.

    python benchmarks/parcels.py SERIES ... [--correlation-m 4] [--clouds 0.3]

Squares of several sides are drawn at random on each date, in its pixels of 2.5 m if the input's were 10 m, and shared out by
whether the date saw the ground or others filled it: `--clouds` hides so much of each target. Of the mean of NDVI:

held      how often the truth lies within ± 1.645 σ of it, 0.9 if σ is right
wider     how many times larger σ is than the error, as root mean squares

And of the difference between dates that follow one another, by pixel: `held`; how many are flagged, and of these the share
whose NDVI hardly changed (less than 0.03); and which share is flagged of those that changed by more than 0.2.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

import dione
from dione import testing
from dione.analysis.change import LESS, MORE, change
from dione.analysis.parcels import Parcels
from dione.analysis.zonal import ZonalRule, zonal
from dione.base import stack as stacks
from dione.base import when
from dione.evaluation.lower import coarser, drawn_shifts
from dione.prediction.files.form import SCALE

ZOOM, BORDER_PX, SIDES_PX, COUNT, NOISE = 4, 12, (1, 4, 10, 20, 40), 40, 0.001
HARDLY, MUCH, CLOUD_PX = 0.03, 0.2, 6
Array = NDArray[np.float32]


def sharpened(whole: xr.Dataset, clouds: float, seed: int) -> tuple[xr.Dataset, Array]:
    """Every date that saw most of the scene, sharpened from the series with some noise and shifts, and its true NDVI."""
    shifts, rng, made, truth = drawn_shifts(whole.sizes["time"], shift_px=0.2, seed=seed), np.random.default_rng(seed), [], []
    for target in np.flatnonzero(whole["valid"].values.mean((1, 2)) > 0.9):
        moved = np.where(np.arange(len(shifts))[:, None] == target, 0, shifts)
        low = coarser(whole, zoom=ZOOM, shifts=moved)
        valid, smooth = low["valid"].values.copy(), ndimage.gaussian_filter(rng.standard_normal(low["valid"].shape[1:]), CLOUD_PX)
        valid[target] &= smooth <= np.quantile(smooth, 1 - clouds)
        seen = low["reflectance"].values + NOISE * rng.standard_normal(low["reflectance"].shape).astype(np.float32)
        series = stacks.make(seen, valid, list(low["time"].values), testing.grid_at(valid.shape[1:]))
        made.append(dione.predict(series, target=low["time"].values[target], max_cloud=1.0))
        truth.append(ndvi(whole["reflectance"].values[target, :, : valid.shape[1] * ZOOM, : valid.shape[2] * ZOOM]))
        truth[-1][~np.kron(low["valid"].values[target], np.ones((ZOOM, ZOOM), bool))] = np.nan
    return xr.concat(made, "time"), np.stack(truth)


def ndvi(image: Array) -> Array:
    """Of reflectance as a file keeps it: at least one digital number."""
    red, nir = np.maximum(image[2:4], np.float32(SCALE))
    return np.asarray((nir - red) / (nir + red), np.float32)


def parcels(sharp: xr.Dataset, truth: Array, rule: ZonalRule, seed: int) -> Iterator[tuple[str, int, float, float]]:
    """Of each square that is wholly trusted, and wholly seen or wholly filled: which, its side, the error of its mean, and what was told of it."""
    rng, affine = np.random.default_rng(seed), stacks.grid_of(sharp).affine
    for date, side in ((date, side) for date in range(len(truth)) for side in SIDES_PX):
        corners = [tuple(int(rng.integers(BORDER_PX, length - BORDER_PX - side)) for length in truth.shape[1:]) for _ in range(COUNT)]
        boxes = [shapely.box(*(affine * (left, top + side)), *(affine * (left + side, top))) for top, left in corners]
        told = zonal(sharp.isel(time=[date]), Parcels(tuple(boxes), {}, str(stacks.grid_of(sharp).crs)), rule).columns.values()
        for (top, left), mean, sigma, count in zip(corners, *list(told)[:3], strict=True):
            there = date, slice(top, top + side), slice(left, left + side)
            own, true = sharp["seen"].values[there].mean(), float(truth[there].mean())
            if count == side**2 and own in (0, 1) and np.isfinite(true):
                yield "seen" if own else "filled", side, mean - true, sigma


def changes(sharp: xr.Dataset, truth: Array) -> dict[str, float]:
    """Of the pixels of all dates that follow one another."""
    labels, found = when.labels(sharp), []
    for at in range(len(truth) - 1):
        made, true = change(sharp, labels[at], labels[at + 1]), truth[at + 1] - truth[at]
        there = np.isfinite(made["z"].values) & np.isfinite(true)
        flagged = np.isin(made["flag"].values, (MORE, LESS))
        found.append(np.stack([np.abs(made["difference"].values - true) / made["sigma"].values, flagged, np.abs(true)])[:, there])
    z, flagged, true = np.concatenate(found, 1)
    shares = {
        "held": z <= 1.645,
        "flagged": flagged,
        "of the flagged hardly changed": true[flagged > 0] < HARDLY,
        "flagged of much changed": flagged[true > MUCH],
    }
    return {name: round(float(share.mean()), 4) for name, share in shares.items() if share.size}


def measured(folder: str, rule: ZonalRule, clouds: float, seed: int = 3) -> dict[str, object]:
    sharp, truth = sharpened(dione.open(folder).compute(), clouds, seed)
    rows = defaultdict(list)
    for kind, side, error, sigma in parcels(sharp, truth, rule, seed):
        rows[kind, side].append((error, sigma))
    told: dict[str, object] = {"series": folder.rstrip("/").rpartition("/")[2], "change": changes(sharp, truth)}
    for (kind, side), pairs in sorted(rows.items()):
        error, sigma = np.transpose(pairs)
        held, wider = (np.abs(error) <= 1.645 * sigma).mean(), np.sqrt(np.square(sigma).mean() / np.square(error).mean())
        told[f"{kind}, {side} × {side} px"] = {"n": len(pairs), "held": round(float(held), 3), "wider": round(float(wider), 1)}
    return told


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("series", nargs="+")
    given.add_argument("--correlation-m", type=float, default=ZonalRule().correlation_m)
    given.add_argument("--clouds", type=float, default=0.0)
    asked = given.parse_args()
    for folder in asked.series:
        print(json.dumps(measured(folder, ZonalRule(correlation_m=asked.correlation_m), asked.clouds), indent=1))
