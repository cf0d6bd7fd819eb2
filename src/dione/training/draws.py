"""What each step learns from: drawn from (seed, rank, step) alone, and made ready while the step before is at work.

A run that goes on from a step draws what it would have drawn, with no state to keep; each process draws its own.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np
import torch

from dione.patches.dataset import Batch, Patches
from dione.training.config import TrainConfig


class Draws:
    """Batches in order; the next one is drawn in a thread. `waited` adds up the seconds that `take` had to wait."""

    def __init__(self, patches: Patches, config: TrainConfig, *, rank: int = 0):
        self.patches, self.config, self.rank = patches, config, rank
        self.waited = 0.0
        self._next: tuple[int, Future[Batch]] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="draws")

    def take(self, step: int) -> Batch:
        """The batch of `step`."""
        began = time.monotonic()
        coming = self._next[1] if self._next and self._next[0] == step else self._thread.submit(self.draw, step)
        batch = coming.result()
        self.waited += time.monotonic() - began
        self._next = (step + 1, self._thread.submit(self.draw, step + 1))
        return batch

    def draw(self, step: int) -> Batch:
        """Drawn anew: the same number of dates in every process, so that none waits for another, but patches of its own."""
        shared, own = generator(self.config.seed, step), generator(self.config.seed, step, self.rank + 1)  # a zero at the end changes no seed
        dates = self.config.dates[int(torch.randint(len(self.config.dates), (), generator=shared))]
        return self.patches.draw(self.config.batch, dates, own, self.config.augment)

    def __enter__(self) -> "Draws":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._thread.shutdown(cancel_futures=True)


def generator(*seed: int) -> torch.Generator:
    """A generator of its own for these numbers."""
    return torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1)))
