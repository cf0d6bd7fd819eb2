"""Cutting patches from kept areas into a store, against a loop that cuts them one at a time, as JSON.

    python benchmarks/building.py [PATCHES [SIZE_PX]]

The loop does what the older pipeline did, in two tasks on single patches: it opens the arrays of an area's EOPatch-like
folder, cuts a patch and writes it as a folder of its own; then opens that folder and writes the sample that is trained on
(.npz). `loop_open` is the same loop with each area's arrays opened once. All three end with the same pixels on disk, and take turns.
Peak memory is that of a process of its own that cuts 100 patches, and of one that cuts PATCHES (10,000 by default).
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

import machine
import numpy as np

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.pairs import larder
from dione.pairs.areas import Area
from dione.pairs.cutting import Cutter
from dione.pairs.larder import Kept, Larder
from dione.pairs.recipe import Sampling
from dione.pairs.visit import Gathered
from dione.patches import store
from dione.patches.older import sample
from dione.prepare import cover
from dione.sources.eopatches import eofolder
from dione.testing import landscape

AREAS, SIDE, DATES, PER_AREA, LOOP, ROUNDS = 3, 240, 8, 140, 140, 5
"""Areas made up, pixels of 10 m on a side, dates, patches of an area; patches that the loops cut; how often all three run, the medians count."""


def made_up(folder: Path) -> list[tuple[Area, Kept]]:
    """Areas of 2.4 km in a larder, and beside it as EOPatch folders."""
    found = []
    for at in range(AREAS):
        area = Area(f"32631-{at:04d}-0000", "site", 32631, at, 0, 2000, 200, {})
        truth = landscape((SIDE, SIDE), seed=at)
        coarse = truth.reshape(4, SIDE, 4, SIDE, 4).mean((2, 4))
        dates = np.stack([coarse * (1 + 0.02 * date) for date in range(DATES)]).astype(np.float32)
        times = [np.datetime64("2024-05-01", "ns") + np.timedelta64(5 * date, "D") for date in range(DATES)]
        seen = np.ones((DATES, SIDE, SIDE), bool)
        series = stacks.make(dates, seen, times, area.grid)
        reference = stacks.make(truth[None], np.ones((1, 4 * SIDE, 4 * SIDE), bool), [times[-1]], grids.finer(area.grid, 4))
        told = {"scene": "made-up", "sensor": "made up", "reference_date": "2024-06-05", "dates": list(range(DATES))[::-1], "local": []}
        land = tuple(cover.counts(cover.classes(coarse), seen[0]).tolist())
        kept = Larder(str(folder / "areas")).keep(Gathered(area, (), series, reference, (told,), land), "key")
        arrays = {"data/S2": np.moveaxis(dates, 1, -1), "mask/IS_VALID": seen[..., None], "data_timeless/HR": np.moveaxis(truth, 0, -1)}
        eofolder.save(folder / "eopatches" / area.name, arrays=arrays, times=times, grid=area.grid)
        found.append((area, kept))
    return found


def cutter(count: int, size: int) -> Cutter:
    return Cutter(Sampling(size_px=size, patches=min(count, PER_AREA)), DATES, 0, np.ones(cover.CLASSES), frozenset())


def patches(areas: list[tuple[Area, Kept]], count: int, size: int) -> Iterator[store.Patch]:
    """As many as wanted; the same areas again and again, read anew each time."""
    left = count
    while left > 0:
        by_name = {kept.name: area for area, kept in areas}
        for kept, read in larder.read(kept for _, kept in areas):
            for patch in cutter(count, size).patches(by_name[kept.name], kept.pairs, read.result()):
                if left > 0:
                    yield patch
                left -= 1


def loop(folder: Path, areas: list[tuple[Area, Kept]], size: int, *, opened: bool) -> float:
    """Seconds a patch of cutting them one at a time."""
    names = ("data/S2", "mask/IS_VALID", "data_timeless/HR")
    rng, began = np.random.default_rng(0), time.perf_counter()
    held: dict[str, dict[str, np.ndarray]] = {}
    for at in range(LOOP):
        source = folder / "eopatches" / areas[at * AREAS // LOOP][0].name
        if not (opened and str(source) in held):
            held = {str(source): {name: np.load(source / f"{name}.npy") for name in names}}
        top, left = rng.integers(20, SIDE - 20 - size, 2)
        rows, columns = slice(top, top + size), slice(left, left + size)
        fine = slice(4 * top, 4 * (top + size)), slice(4 * left, 4 * (left + size))
        cut = {name: array[fine] if name.startswith("data_timeless") else array[:, rows, columns] for name, array in held[str(source)].items()}
        times = [np.datetime64("2024-05-01", "ns") + np.timedelta64(date, "D") for date in range(DATES)]
        patch = folder / f"loop{opened}" / str(at)
        eofolder.save(patch, arrays=cut, times=times, grid=areas[0][0].grid)
        again = {name: np.load(patch / f"{name}.npy") for name in names}
        days = tuple(datetime.fromisoformat(str(time_)[:19]) for time_ in times)
        sample.write(patch / "data.npz", sample.Sample(again[names[0]].astype(np.float64), again[names[2]], days, days[-1], str(at), "none"))
    return (time.perf_counter() - began) / LOOP


def peak_gb(folder: Path, count: int, size: int) -> float:
    """Of a process of its own."""
    ask = [sys.executable, __file__, "--child", str(folder), str(count), str(size)]
    return float(subprocess.run(ask, check=True, capture_output=True, text=True).stdout)


def child(folder: Path, count: int, size: int) -> None:
    """Cut from areas that are there, and print the peak."""
    areas = [Area(f"32631-{at:04d}-0000", "site", 32631, at, 0, 2000, 200, {}) for at in range(AREAS)]
    found = [(area, kept) for area in areas if (kept := Larder(str(folder / "areas")).kept(area))]
    store.write(folder / f"child{count}", patches(found, count, size), {})
    shutil.rmtree(folder / f"child{count}")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def seconds(folder: Path, areas: list[tuple[Area, Kept]], count: int, size: int) -> tuple[float, float, float]:
    """Of a patch: cut into a store, by the loop, and by the loop with its areas open. The disk is idle before each, and nothing stays."""

    def ours() -> float:
        began = time.perf_counter()
        store.write(folder / "store", patches(areas, count, size), {})
        return (time.perf_counter() - began) / count

    found = []
    for run in (ours, *(partial(loop, folder, areas, size, opened=how) for how in (False, True))):
        os.sync()
        found.append(run())
        for made in ("store", "loopFalse", "loopTrue"):
            shutil.rmtree(folder / made, ignore_errors=True)
    return found[0], found[1], found[2]


def main(count: int = 10_000, size: int = 32) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        areas = made_up(folder)
        rounds = [seconds(folder, areas, min(count, 10 * PER_AREA), size) for _ in range(ROUNDS)]
        ours, theirs, opened = np.median(rounds, axis=0)
        bytes_ = (DATES * 4 * 2 + DATES + 4 * 16 * 2) * size**2
        peaks = {str(n): round(peak_gb(folder, n, size), 3) for n in (min(100, count), count)}
        told = {
            "patches_per_s": round(1 / ours, 1),
            "mb_per_s": round(bytes_ / ours / 1e6, 1),
            "ratio": round(theirs / ours, 2),
            "ratio_by_round": [round(theirs / ours, 2) for ours, theirs, _ in rounds],
            "ratio_loop_open": round(opened / ours, 2),
            "peak_gb": peaks,
            "size_px": size,
            "machine": machine.facts(),
        }
        print(json.dumps(told, indent=1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        main(*map(int, sys.argv[1:]))
