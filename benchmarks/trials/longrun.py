"""Long runs: predictions again and again in one process, thousands of small jobs, clocks that jump, two runs into one folder."""

import gc
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from dione.base.machine import workers
from dione.prediction.windows.allocation import resident_bytes
from trials import victims
from trials.processes import finished, started
from trials.record import Row, Size, Trial, tally

FLAT_MB = 40
"""Memory that may come and go between two quarters of a run."""
LEAST = 12
"""Predictions that are looked at, however little time there is."""
DAY_S = 86_400


def apart(name: str, size: Size, folder: Path) -> Iterator[Row]:
    """In a process of its own, whose memory is its own."""
    words = [sys.executable, "-m", "trials.longrun", name, json.dumps(size.__dict__), str(victims.fresh(folder / name))]
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"})
    if ended.returncode:
        raise SystemExit(f"the trial {name} failed:\n{ended.stderr[-3000:]}")
    found = json.loads(ended.stdout.splitlines()[-1])
    yield Row(**{**found, "wrong": tuple(found["wrong"])})


def again(size: Size, folder: Path) -> Row:
    """Predictions of the same series in one process: memory, open files and threads stay flat, and so do the results."""
    predict = _predicting(folder)
    seen: list[tuple[float, int, int]] = []
    with tally() as counted:
        until, first = time.monotonic() + size.minutes * 60, predict()
        while len(seen) < LEAST or time.monotonic() < until:
            counted.tried += 1
            counted.wrong += [] if predict() == first else [f"prediction {counted.tried} differs"]
            gc.collect()
            seen.append((_memory_mb(), len(os.listdir("/proc/self/fd")), threading.active_count()))
        counted.wrong += steady(seen)
        counted.peak_gb = max(memory for memory, _, _ in seen) / 1e3
    memory, files, threads = zip(*seen, strict=True)
    told = f"memory {memory[len(seen) // 4]:.0f} MB after a quarter, {memory[-1]:.0f} MB in the end; files {files[0]} and {files[-1]}; threads {threads[0]} and {threads[-1]}"
    return counted.row("long runs", "predictions in one process", told)


def steady(seen: list[tuple[float, int, int]]) -> list[str]:
    """What grew from the second quarter of a run to its last."""
    quarter = max(len(seen) // 4, 1)
    early, late = (np.array(part).mean(0) for part in (seen[quarter : 2 * quarter], seen[-quarter:]))
    allowed = dict(zip(("memory (MB)", "open files", "threads"), (FLAT_MB, 1, 1), strict=True))
    return [f"{name} grew from {early[at]:.0f} to {late[at]:.0f}" for at, (name, most) in enumerate(allowed.items()) if late[at] - early[at] > most]


def jobs(size: Size, folder: Path) -> Row:
    """Numbers to two worker processes and back: each once, in order, and memory flat."""
    with tally() as counted:
        before, counted.tried = _memory_mb(), size.jobs
        counted.wrong += [f"job {at} gave {made}" for at, made in enumerate(workers.each(abs, range(0, -size.jobs, -1), workers=2)) if made != at]
        counted.peak_gb = _memory_mb() / 1e3
        grown = _memory_mb() - before
        counted.wrong += [f"memory grew by {grown:.0f} MB"] if grown > FLAT_MB else []
    return counted.row("long runs", "small jobs for worker processes", f"{size.jobs / counted.minutes / 60:.0f} a second")


TINY_PX = 32
"""Side of the smallest block, pixels of the input: a tile of the file, which has 128 px at least."""


def blocks(size: Size, folder: Path) -> Row:
    """One target in a tenth as many tiny blocks, stopped in the middle and gone on with: every block once, and memory flat."""
    from dione import testing
    from dione.nets.resolver import load
    from dione.prediction import job
    from dione.prediction.config import PredictConfig

    side = int(np.ceil((size.jobs / 10) ** 0.5))
    stack = testing.series(testing.landscape((32, 32), seed=1), days=1, seed=1).stack
    along = np.arange(TINY_PX * side)
    wide = stack.isel(y=along % 32, x=along % 32).assign_coords(y=stack["y"].values[0] - 10.0 * along, x=stack["x"].values[0] + 10.0 * along)
    config = PredictConfig(precision="float32", device="cpu", views=1, block=TINY_PX)
    told: list[int] = []
    memory: list[float] = []

    def stop(_: str, done: int, total: int) -> None:
        told.append(done)
        if done % 50 == 0:
            memory.append(_memory_mb())
        if done == total // 2 and told.count(done) == 1:
            raise KeyboardInterrupt

    with tally() as counted:
        counted.tried = side**2
        try:
            job.predict_to(wide, folder / "out", resolver=load("nearest"), config=config, progress=stop)
        except KeyboardInterrupt:
            first = len(told)
        job.predict_to(wide, folder / "out", resolver=load("nearest"), config=config, progress=stop)
        counted.wrong += [] if told[-1] == side**2 and told[first] >= side**2 // 2 - 1 else ["blocks were lost or made twice"]
        counted.wrong += [f"memory grew from {memory[0]:.0f} to {memory[-1]:.0f} MB"] if memory and memory[-1] - memory[0] > 4 * FLAT_MB else []
        counted.peak_gb = _memory_mb() / 1e3
    return counted.row("long runs", "blocks of one scene, stopped half way", f"{side**2 / counted.minutes / 60:.0f} a second")


def clocks(size: Size, folder: Path) -> Row:
    """The clock of the day jumps by days, backwards and forwards, whenever somebody looks at it."""
    rng, true = random.Random(size.seed), time.time
    predict = _predicting(folder)
    first = predict()
    with tally() as counted:
        time.time = lambda: true() + rng.uniform(-30, 30) * DAY_S
        try:
            for _ in range(max(size.kills, 2)):
                counted.tried += 1
                counted.wrong += [] if predict() == first else [f"prediction {counted.tried} differs"]
            counted.tried += 1
            counted.wrong += _cached()
        finally:
            time.time = true
    return counted.row("long runs", "clocks that jump by days")


def _cached() -> list[str]:
    """What is kept of an archive stays readable and within its limit when files come from the future and the past."""
    from dione.sources.remote import shelf

    os.environ["DIONE_CACHE_GB"] = "0.00002"
    for number in range(40):
        shelf.put(("clock", number), np.arange(500) + number)
        path = max((shelf.folder() or Path()).glob("??/*.block"), key=lambda file: file.stat().st_ctime_ns)
        os.utime(path, (time.time(), time.time()))
        if shelf.get(("clock", number)) is None:
            return [f"what was kept as number {number} is gone at once"]
    shelf.prune()
    kept = sum(file.stat().st_size for file in (shelf.folder() or Path()).glob("??/*.block"))
    return [] if kept <= 20_000 else [f"{kept} bytes are kept where 20000 may be"]


def two_runs(_: Size, folder: Path) -> Iterator[Row]:
    """A second run into the folder of one that is at work is refused; the first comes to its end."""
    with tally() as counted:
        for number, made in enumerate((victims.predict, victims.fetch, victims.simulate, victims.train)):
            place = folder / f"two-{number}"
            place.mkdir()
            victim, out = made(place), victims.fresh(place / "out")
            counted.tried += 1
            with started(victim.typed(out), place / "first.txt") as first:
                while first.alive and not any(out.rglob("*.lock")):
                    time.sleep(0.005)
                second = finished(victim.typed(out), place / "second.txt") if first.alive else None
                still = first.alive
                ended = first.end()
            counted.peak_gb = max(counted.peak_gb, ended.peak_gb)
            counted.wrong += [f"{victim.name}: the first failed: {ended.said[-300:]}"] if ended.code else []
            if second is not None and still and "another run is writing" not in second.said:
                counted.wrong.append(f"{victim.name}: the second was let in: {second.said[-300:]}")
    yield counted.row("long runs", "two runs into one folder")


def _predicting(folder: Path) -> Callable[[], dict[str, bytes]]:
    """A small prediction into the same folder, anew each time; what it leaves."""
    from dione import open as open_source
    from dione import testing
    from dione.nets.resolver import load
    from dione.prediction import job
    from dione.prediction.config import PredictConfig

    os.environ["DIONE_CACHE"] = str(folder / "cache")
    source = testing.write_geotiffs(testing.series(testing.landscape((48, 60), seed=2), days=3, cloud=0.1, seed=2).stack, folder / "in")
    config = PredictConfig(precision="float32", device="cpu", block=32)

    def predict() -> dict[str, bytes]:
        out = victims.fresh(folder / "out")
        job.predict_to(open_source(str(source)), out, resolver=load("setsr-s"), config=config)
        return victims.files(out)

    return predict


def _memory_mb() -> float:
    """Of this process, now."""
    return resident_bytes() / 1e6


KINDS: dict[str, Callable[[Size, Path], Row]] = {"again": again, "jobs": jobs, "blocks": blocks, "clocks": clocks}
TRIALS: dict[str, Trial] = {**{name: partial(apart, name) for name in KINDS}, "two_runs": two_runs}

if __name__ == "__main__":
    kind, told, place = sys.argv[1:]
    made = KINDS[kind](Size(**json.loads(told)), Path(place))
    print(json.dumps(made.__dict__))
