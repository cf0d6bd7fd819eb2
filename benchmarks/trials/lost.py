"""A worker of a cluster is killed in the middle of a prediction: others take its blocks over, and the pixels are the same."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trials import victims
from trials.machines import Worker, cluster, worker
from trials.processes import Ended, Running, started
from trials.record import Row, Size, Trial, tally
from trials.sameness import EXACT, PATIENT, Way, equal, pixels, read, series_at

BLOCK = ("--block", "16")


def tried(size: Size, folder: Path) -> Iterator[Row]:
    """So many workers lost, each at a moment drawn; a new one comes for each."""
    source = series_at(folder / "series", (64, 80))
    wanted = pixels(source, folder / "wanted", Way("once", block=16))
    rng = np.random.default_rng(size.seed)
    with cluster(folder) as (address, workers), tally() as counted:
        for number in range(max(size.kills // 3, 1)):
            out, moment = victims.fresh(folder / f"lost-{number}"), float(rng.uniform(0, 2))
            with started(["predict", str(source), "-o", str(out / "made"), *EXACT, *BLOCK, "--scheduler", address], out / "said.txt", **PATIENT) as running:
                lose(running, out, workers[0], moment)
                workers[0] = worker(address, folder)
                ended = running.end()
            counted.tried += 1
            counted.peak_gb = max(counted.peak_gb, ended.peak_gb)
            counted.wrong += [f"worker lost {moment:.2f} s after the first block: {fault}" for fault in faults(ended, out, wanted)]
    yield counted.row("faults", "predict on a Dask cluster, a worker killed")


def lose(running: Running, out: Path, one: Worker, moment: float) -> None:
    """Kill a worker so many seconds after the first block is there."""
    while running.alive and not any((out / "made").rglob("*.tif")):
        time.sleep(0.005)
    time.sleep(moment)
    one.kill()
    one.wait()


def faults(ended: Ended, out: Path, wanted: dict[str, np.ndarray]) -> list[str]:
    """What is wrong with what the run left."""
    if ended.code:
        return [f"the run failed: {ended.said[-300:]}"]
    found = read(out / "made")
    return [f"{name} is not the same" for name in sorted({*wanted, *found}) if not equal(wanted.get(name), found.get(name))]


TRIALS: dict[str, Trial] = {"worker": tried}
