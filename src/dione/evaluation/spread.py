"""Patches scored by the workers of a Dask cluster: a task is a batch of them, the same as here, so the scores are the same.

    client ──models, once──▶ every worker        worker: reads its patches from the store, gives back rows of sums
       └──────rows of the store──▶ scheduler

The store has to be where every worker reaches it under the same name. In float32 on one thread the sums are the same bit
by bit; a worker that is lost loses the batch it was at, which another takes over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dione.base.errors import BadRecipe, DioneError, faults
from dione.base.machine import scheduler
from dione.evaluation.cases import Models, Source
from dione.evaluation.shelf import Shelf
from dione.evaluation.statistics.measured import Progress, Tallied, words
from dione.evaluation.statistics.measured import tallied as tallied_here
from dione.patches import store


@dataclass(frozen=True)
class Batch:
    """One task."""

    count: int
    """Of dates."""
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Shared:
    """What every task needs."""

    place: str
    split: str
    models: Models
    align_px: float


def tallied(source: Source, models: Models, counts: Sequence[int], align_px: float, address: str, tell: Progress) -> dict[int, list[Tallied]]:
    """By number of dates, in the order of the store. Raises BadRecipe for a series, DioneError for batches that failed."""
    if not isinstance(source, Shelf):
        raise BadRecipe("a series is brought down and scored on this machine\nleave --scheduler out, or score a patch store")
    path = source.store.path
    place = path.address if path.remote else str(Path(path.address).absolute())
    tasks = [Batch(count, rows) for count in counts for rows in source.batches()]
    found: dict[int, list[Tallied]] = {}
    failed: list[str] = []
    with scheduler.connected(address) as client:
        for number, result, why in scheduler.ended(client, score, tasks, shared=Shared(place, source.split, models, align_px)):
            task = tasks[number]
            if why:
                failed.append(f"{words(task.count)}, patches {task.rows.min()} to {task.rows.max()}: {why}")
            else:
                found[number] = result
                tell("patches", sum(len(tasks[at].rows) for at in found), sum(len(one.rows) for one in tasks))
    if failed:
        raise DioneError(faults("batches failed on the cluster", failed[:5], "the store has to be where every worker reaches it under the same name"))
    return {count: [part for at in sorted(found) if tasks[at].count == count for part in found[at]] for count in counts}


def score(batch: Batch, shared: Shared) -> list[Tallied]:
    """What a worker does for a task; none where no target saw enough."""
    torch.set_num_threads(1)
    shelf = Shelf(_opened(shared.place), batch.rows, shared.split)
    with torch.inference_mode():
        return [tallied_here(cases, shared.models, align_px=shared.align_px) for cases in shelf.batch(shared.models, batch.count, batch.rows)]


@lru_cache(1)
def _opened(place: str) -> store.Store:
    return store.read(place)
