"""Patches scored by the workers of a Dask cluster."""

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from distributed import Client, LocalCluster

import dione
from dione.base.errors import BadRecipe
from dione.evaluation import shelf
from dione.testing import landscape, series

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # distributed leaves sockets to the collector
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def workers() -> Iterator[LocalCluster]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers have it
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", host="127.0.0.1") as local:
        yield local
    torch.set_num_threads(before)


def test_a_cluster_gives_the_same_scores_as_one_machine_though_a_worker_is_lost(workers: LocalCluster, opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "BATCH", 3)
    how = {"against": ("bicubic", "nearest"), "dates": (1, 3), "align_px": 2}
    alone = dione.evaluate("bicubic-median", str(opened.path), **how)
    killed: list[int] = []

    def killing(_: str, done: int, total: int) -> None:
        if not killed:
            with Client(workers.scheduler_address) as client:
                killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    many = dione.evaluate("bicubic-median", str(opened.path), **how, scheduler=workers.scheduler_address, progress=killing)
    assert killed and many.summary == alone.summary
    for name, values in alone.found.rows.sums.items():
        assert np.array_equal(many.found.rows.sums[name], values, equal_nan=True), name


def test_a_series_is_scored_here() -> None:
    with pytest.raises(BadRecipe, match="leave --scheduler out"):
        dione.evaluate("bicubic", series(landscape((64, 64)), days=1).stack, dates=[1], scheduler="tcp://127.0.0.1:1")
