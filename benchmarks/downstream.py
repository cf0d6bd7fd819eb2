"""What a sharpened image is worth to those who use it: edges, an index, parcels and change, beside 10 m and bicubic, as a table.

    python benchmarks/downstream.py [--store runs/patches --site santa_monica] [--series FOLDER ...] [--made-up 12]

Truth is sharp imagery, or a real series that was brought to pixels four times larger; none of it was trained on. Of NDVI,
on the truth's own grid, the border left out:

edges     F1 of its edges against the truth's, one pixel of tolerance (dione/measure/edges.py)
index     root mean square error
parcels   root mean square error of a parcel's mean; parcels are the truth's own fields of 6 to 160 pixels (below 0.1 ha
          of 2.5 m pixels), and those larger
change    root mean square error of the difference between two dates that follow one another (series only)

Each number is the mean over places, of a series over dates; `nearer` is the share of them where sharpening beats bicubic.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

import dione
from dione import testing
from dione.analysis.boundaries import SCHARR, fields
from dione.base import stack as stacks
from dione.base import when
from dione.evaluation.lower import coarser
from dione.measure.edges import edges
from dione.nets.resolver import load
from dione.patches import store as stores
from dione.prediction.files.form import SCALE
from dione.prediction.memory import painted
from dione.prepare.select import choose

WAYS = {"10 m": "nearest", "bicubic": "bicubic", "sharpened": "setsr-s"}
BORDER_PX, SMALL_PX, CALM = 4, (6, 160), 0.0075
"""CALM: NDVI a pixel below which ground is one parcel."""
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """One date: a series as the sensor saw it, and what its target really was."""

    group: str
    low: xr.Dataset
    target: int
    truth: Image
    """(4, y, x)."""
    valid: NDArray[np.bool_]


def patches(path: str, site: str) -> Iterator[Case]:
    """One patch of each place of the site."""
    opened = stores.read(path)
    places = opened.index.column("place").to_pylist()
    first = {places[row]: int(row) for row in reversed(opened.rows(site=site))}
    for row in first.values():
        lr, valid, hr = (np.asarray(part[row]) for part in (opened.lr, opened.valid, opened.hr))
        low = _stack(lr[::-1] / np.float32(stores.PER_UNIT), valid[::-1].astype(bool))
        yield Case(site, low, len(lr) - 1, hr / np.float32(stores.PER_UNIT), np.repeat(np.repeat(valid[0], 4, 0), 4, 1).astype(bool))


def series(folder: str) -> Iterator[Case]:
    """Every date of a real series that saw all of the area."""
    whole = dione.open(folder).compute()
    low = coarser(whole)
    rows, columns = low.sizes["y"] * 4, low.sizes["x"] * 4
    for choice in choose(low, target="all", views=8, max_cloud=0.3):
        truth = whole.isel(time=choice.target, y=slice(rows), x=slice(columns))
        yield Case(
            folder.rstrip("/").rpartition("/")[2],
            low,
            choice.target,
            truth["reflectance"].values,
            np.repeat(np.repeat(low["valid"].values[choice.target], 4, 0), 4, 1),
        )


def made_up(count: int) -> Iterator[Case]:
    """Fields drawn by the test world: sharp edges, no texture that a network could know."""
    for seed in range(count):
        made = testing.series(testing.landscape((32, 32), seed=seed), days=8, seed=seed)
        yield Case("made up", made.stack, 7, made.truth[-1], np.ones(made.truth.shape[-2:], bool))


def _stack(reflectance: Image, valid: NDArray[np.bool_]) -> xr.Dataset:
    times = [np.datetime64("2024-05-01") + 5 * date for date in range(len(valid))]
    return stacks.make(reflectance, valid, times, testing.grid_at(valid.shape[1:]))


def ndvi(image: Image) -> Image:
    """Of reflectance as a file keeps it: at least one digital number."""
    red, nir = np.maximum(image[2:4], np.float32(SCALE))
    return np.asarray((nir - red) / (nir + red), np.float32)


@torch.inference_mode()
def results(case: Case, views: int = 8) -> dict[str, Image]:
    """NDVI of the target by each way."""
    day = when.days(case.low)[case.target]
    (choice,) = choose(case.low, target=day, views=views, max_cloud=1.0)
    return {way: ndvi(painted(case.low, load(model), choice)[0]) for way, model in WAYS.items()}


def seen(case: Case) -> NDArray[np.bool_]:
    inner = np.zeros(case.valid.shape, bool)
    inner[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    return inner & case.valid


def parcels(truth: Image, where: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The truth's own fields, numbered."""
    steep = np.hypot(*(ndimage.convolve(truth, kernel, mode="nearest") for kernel in (SCHARR, SCHARR.T)))
    return fields(steep.astype(np.float32), where, least=CALM, least_px=SMALL_PX[0])


def measured(case: Case, made: dict[str, Image]) -> dict[str, dict[str, float]]:
    """Each measure of each way; NaN where there is nothing to measure."""
    truth, where = ndvi(case.truth), seen(case)
    labels = parcels(truth, where)
    numbers, sizes = np.unique(labels[labels > 0], return_counts=True)
    small = sizes <= SMALL_PX[1]
    means = {way: ndimage.mean(image, labels, numbers) for way, image in (made | {"truth": truth}).items()} if numbers.size else {}
    told: dict[str, dict[str, float]] = {"edges F1": {}, "NDVI": {}, "small parcels": {}, "large parcels": {}}
    for way, image in made.items():
        found = edges(*(torch.from_numpy(one)[None, None] for one in (image, truth)), torch.from_numpy(where)[None])
        told["edges F1"][way] = float((found.true + found.met) / (found.made + found.wanted).clamp_min(1)) if found.wanted else np.nan
        told["NDVI"][way] = rmse((image - truth)[where])
        for name, chosen in (("small parcels", small), ("large parcels", ~small)):
            told[name][way] = rmse((means[way] - means["truth"])[chosen]) if chosen.any() else np.nan
    return told


def rmse(errors: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.square(errors, dtype=np.float64).mean())) if errors.size else np.nan


def scored(cases: Iterator[Case]) -> dict[str, dict[str, float]]:
    """Measure → way → mean, and how often sharpening was nearer to the truth than bicubic."""
    rows: list[dict[str, dict[str, float]]] = []
    before: tuple[Case, dict[str, Image]] | None = None
    for case in cases:
        made = results(case)
        rows.append(measured(case, made))
        if before is not None and before[0].low is case.low:
            where = seen(case) & seen(before[0])
            apart = ndvi(case.truth) - ndvi(before[0].truth)
            rows[-1]["change"] = {way: rmse((made[way] - before[1][way] - apart)[where]) for way in made}
        before = case, made
    return {name: summary(name, [row[name] for row in rows if name in row]) for name in dict.fromkeys(name for row in rows for name in row)}


def summary(measure: str, found: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each way, of how many places, and the share of them where sharpening is nearer to the truth than bicubic."""
    table = np.array([[one[way] for way in WAYS] for one in found])
    table = table[np.isfinite(table).all(1)]
    if not len(table):
        return {"n": 0}
    gain = table[:, 1] - table[:, 2] if measure != "edges F1" else table[:, 2] - table[:, 1]
    return {way: round(float(mean), 4) for way, mean in zip(WAYS, table.mean(0), strict=True)} | {"n": len(table), "nearer": round(float((gain > 0).mean()), 3)}


def lines(told: dict[str, dict[str, dict[str, float]]]) -> Iterator[str]:
    yield f"| of | measure | {' | '.join(WAYS)} | nearer |\n|---|---|{'---|' * len(WAYS)}---|"
    for group, measures in told.items():
        for name, row in measures.items():
            if row["n"]:
                yield f"| {group} | {name} | {' | '.join(f'{row[way]:.4f}' for way in WAYS)} | {100 * row['nearer']:.0f} % of {row['n']} |"


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--store")
    given.add_argument("--site", default="santa_monica")
    given.add_argument("--series", nargs="*", default=[])
    given.add_argument("--made-up", type=int, default=0)
    given.add_argument("--json", action="store_true")
    asked = given.parse_args()
    groups = [made_up(asked.made_up)] * bool(asked.made_up) + [patches(asked.store, asked.site)] * bool(asked.store) + [series(one) for one in asked.series]
    told = {cases[0].group: scored(iter(cases)) for group in groups if (cases := list(group))}
    print(json.dumps(told) if asked.json else "\n".join(lines(told)))
