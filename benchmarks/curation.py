"""What the presets of `dione dataset curate` keep of spoilt references: faults planted in real imagery, whose pixels stand for such of 2.5 m.

    python benchmarks/curation.py IMAGE_OR_SERIES ... [--count 40] [--apart-days 0 100]

Each date is brought to pixels four times larger, with some noise: Sentinel-2. Of up to `--count` patches of each image or series, itself is the
right reference, and spoilt the wrong one. Where a series has other dates so many days away (`--apart-days`), these are references too, given the
colours of the target as `dione dataset build` does (8-bit pictures have to be made integers of reflectance
× 10000 before: `rio convert --dtype uint16 --scale-ratio 16`, say). A line for each kind of reference: how many, and which share each preset keeps.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

import dione
from dione import testing
from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.errors import NothingClear
from dione.evaluation.lower import coarser
from dione.patches import curate
from dione.patches.expression import chosen
from dione.prepare.reference.harmonise import harmonise

ZOOM, SIDE_PX, NOISE, LIMIT_PX, SHOWN = 4, 32, 0.001, 3.0, ("prior-art", "agreeing")
Array = NDArray[np.float32]
Fault = Callable[[Array, np.random.Generator], Any]


@dataclass(frozen=True)
class Patch:
    """A target (band, y, x), its right reference, and where it lies: source, rows and columns of 10 m."""

    target: Array
    sharp: Array
    at: tuple[str, int, int]

    def apart(self, other: "Patch") -> bool:
        """Whether they show no common ground."""
        return self.at[0] != other.at[0] or max(abs(a - b) for a, b in zip(self.at[1:], other.at[1:], strict=True)) >= SIDE_PX


def blob(image: Array, share: float, rng: np.random.Generator) -> NDArray[Any]:
    """0 … 1 (y, x), soft at its edges, 1 over about a share of the image."""
    smooth = ndimage.gaussian_filter(rng.standard_normal(image.shape[1:]), 15)
    return np.asarray(ndimage.gaussian_filter((smooth > np.quantile(smooth, 1 - share)).astype(float), 2))


def under(share: float, shade: float, light: float) -> Fault:
    """Part of the image under something that takes a share of its light and adds some of its own."""

    def spoilt(image: Array, rng: np.random.Generator) -> Any:
        there = blob(image, share, rng)
        return image * (1 - shade * there) + light * there

    return spoilt


def moved(south_px: float, east_px: float) -> Fault:
    return lambda image, _: ndimage.shift(image, (0, south_px, east_px), order=1, mode="mirror")


def blurred(metres: float) -> Fault:
    return lambda image, _: ndimage.gaussian_filter(image, (0, *(metres * ZOOM / 10,) * 2))


FAULTS: dict[str, Fault] = {
    "right": lambda image, _: image,
    "5 m out of place, with other noise, 3 % brighter": lambda image, rng: moved(2, -1)(image, rng) * 1.03 + 0.003 * rng.standard_normal(image.shape),
    "cloud over a twentieth": under(0.05, 1, 0.6),
    "cloud over three tenths": under(0.3, 1, 0.6),
    "thin cloud over three tenths": under(0.3, 0.3, 0.15),
    "shadow over three tenths": under(0.3, 0.6, 0),
    "blurred by a Gaussian of 10 m": blurred(10),
    "blurred by a Gaussian of 20 m": blurred(20),
    "flat": lambda image, _: np.broadcast_to(image.mean((1, 2), keepdims=True), image.shape),
    "30 m out of place": moved(12, 0),
    "58 m out of place": moved(12, -20),
    "contrast turned round": lambda image, _: 2 * image.mean((1, 2), keepdims=True) - image,
}


def patches(name: str, whole: xr.Dataset, count: int, apart_days: tuple[float, float], rng: np.random.Generator) -> Iterator[tuple[str, Patch, Array]]:
    """(kind, patch, reference): each patch with itself (kind ''), and with what another date shows there."""
    height, width = (whole.sizes[axis] // ZOOM for axis in ("y", "x"))
    part = whole.isel(y=slice(height * ZOOM), x=slice(width * ZOOM))
    grid = grids.finer(testing.grid_at((height, width)), ZOOM)
    fine = stacks.make(part["reflectance"].values, part["valid"].values, list(part["time"].values), grid)
    low = coarser(fine, zoom=ZOOM)
    low = low.assign(reflectance=low["reflectance"] + NOISE * rng.standard_normal(low["reflectance"].shape).astype(np.float32))
    corners = list(product(*(range(0, side - SIDE_PX + 1, SIDE_PX // 2) for side in (height, width))))
    times = fine["time"].values

    def cut(date: int, reference: Array, seen: NDArray[np.bool_]) -> Iterator[tuple[Patch, Array]]:
        for at in rng.permutation(len(corners)):
            (y, x), sharp = corners[at], fine["reflectance"].values[date]
            rows, columns = slice(y, y + SIDE_PX), slice(x, x + SIDE_PX)
            there = slice(y * ZOOM, (y + SIDE_PX) * ZOOM), slice(x * ZOOM, (x + SIDE_PX) * ZOOM)
            if low["valid"].values[date, rows, columns].all() and seen[there].all():
                yield Patch(low["reflectance"].values[date, :, rows, columns], sharp[:, *there], (name, y, x)), reference[:, *there]

    share = -(-count // len(times))
    for date in range(len(times)):
        for _, (patch, right) in zip(range(share), cut(date, fine["reflectance"].values[date], fine["valid"].values[date]), strict=False):
            yield "", patch, right
        away = np.abs(times - times[date]) / np.timedelta64(1, "D")
        for other in np.flatnonzero((away >= apart_days[0]) & (away <= apart_days[1]) & (np.arange(len(times)) != date)):
            try:
                made = harmonise(fine.isel(time=[other]), low.isel(time=[date]))
            except NothingClear:
                continue
            for _, (patch, given) in zip(range(share), cut(date, made["reflectance"].values[0], made["valid"].values[0]), strict=False):
                yield "of the same place {:g} to {:g} days away".format(*apart_days), patch, given


def kept(pairs: list[tuple[Array, Any]]) -> dict[str, float]:
    """Which share of (target, reference) each preset keeps."""
    units, rows = torch.tensor([[curate.CENTRE, curate.SPREAD]]), []
    for at in range(0, len(pairs), curate.BATCH):
        some = pairs[at : at + curate.BATCH]
        target, hr = (torch.from_numpy(np.stack([pair[side] for pair in some]).astype(np.float32)) for side in (0, 1))
        valid = torch.ones(len(some), 2, SIDE_PX, SIDE_PX, dtype=torch.bool)
        rows += curate.statistics(target, hr, valid, units.expand(len(some), -1, -1), limit_px=LIMIT_PX)
    table = pa.Table.from_pylist(rows)
    asked = {name: [condition for condition in curate.PRESETS[name] if condition != "not shadow"] for name in SHOWN}
    return {name: float(np.all([chosen(table, each) for each in conditions], axis=0).mean()) for name, conditions in asked.items()}


def measured(drawn: list[tuple[str, Patch, Array]], seed: int = 3) -> dict[str, list[tuple[Array, Any]]]:
    """Pairs of target and reference, by kind."""
    rng, made = np.random.default_rng(seed), defaultdict(list)
    right = [patch for kind, patch, _ in drawn if not kind]
    for (fault, spoil), patch in product(FAULTS.items(), right):
        made[fault].append((patch.target, spoil(patch.sharp, rng)))
    for patch in right:
        if others := [one for one in right if one.apart(patch)]:
            made["of other land"].append((patch.target, others[rng.integers(len(others))].sharp))
    for kind, patch, given in drawn:
        if kind:
            made[kind].append((patch.target, given))
    return made


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("sources", nargs="+")
    given.add_argument("--count", type=int, default=40, help="patches of each image or series, at the most")
    given.add_argument("--bands", type=lambda text: text.split(","), help="in the files' order, where they do not tell")
    given.add_argument("--apart-days", nargs=2, type=float, default=[0, 100])
    asked, rng = given.parse_args(), np.random.default_rng(2)
    opened = ((name, dione.open(name, align=True, bands=asked.bands).compute()) for name in asked.sources)
    drawn = [each for name, whole in opened for each in patches(name, whole, asked.count, asked.apart_days, rng)]
    print(f"| reference | patches | {' | '.join(SHOWN)} |\n|---|---|{'---|' * len(SHOWN)}")
    for kind, pairs in measured(drawn).items():
        print(f"| {kind} | {len(pairs)} | {' | '.join(f'{share:.0%}' for share in kept(pairs).values())} |", flush=True)
