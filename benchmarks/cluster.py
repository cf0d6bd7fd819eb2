"""Blocks on a Dask cluster of two workers of one thread against one worker, on this machine, as JSON.

    python benchmarks/cluster.py [--side 768] [--free]

Painting alone is timed, with workers that have started: what a cluster can share out. Each worker is held to one core, as
batch systems and containers do; with --free one worker alone reads and writes on the other core too. The files of both are compared
byte for byte. Words that go through the scheduler are counted by a test (tests/prediction/test_cluster.py).
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster
from prediction import write_scene

import dione
from dione.nets.resolver import load
from dione.prediction.config import PredictConfig
from dione.prediction.job import predict_to

CONFIG = PredictConfig(block=128)


def warm() -> None:
    """What a worker does once: imports, and the kernels of a first small block."""
    from dione.prediction.memory import predict
    from dione.testing import landscape, series

    predict(series(landscape((32, 32))).stack)


def held(core: int) -> None:
    """All threads of this process on one core."""
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), {core})


def painted(scene: Path, out: Path, workers: int, free: bool) -> tuple[float, list[bytes]]:
    """Seconds from the first block to the last, and the files."""
    told: list[float] = []
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1") as cluster:
        with Client(cluster) as client:
            client.run(warm)
            for worker, core in () if free else zip(client.nthreads(), sorted(os.sched_getaffinity(0)), strict=False):
                client.run(held, core, workers=[worker])
        progress = lambda *_: told.append(time.perf_counter())  # noqa: E731
        made = predict_to(dione.open(scene), out, resolver=load("setsr-s"), config=CONFIG, scheduler=cluster.scheduler_address, progress=progress)
    return told[-1] - told[0], [path.read_bytes() for target in made.targets for path in (target.sr, target.sigma) if path]


def main(side: int, free: bool) -> dict[str, Any]:
    """Both."""
    with tempfile.TemporaryDirectory() as folder:
        scene = write_scene(Path(folder) / "in", side)
        (one, alone), (two, shared) = (painted(scene, Path(folder) / str(workers), workers, free) for workers in (1, 2))
    return {
        "side_px": side,
        "seconds_1": round(one, 1),
        "seconds_2": round(two, 1),
        "times_as_fast": round(one / two, 2),
        "same_bytes": alone == shared,
        "held": not free,
    }


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--side", type=int, default=768)
    given.add_argument("--free", action="store_true")
    asked = given.parse_args()
    print(json.dumps(main(asked.side, asked.free), indent=1))
