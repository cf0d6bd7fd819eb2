"""Batches for training: random patches, a random number of dates, turned and mirrored at random, and more if asked for."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from dione.patches import augment as augments
from dione.patches.augment import AugmentConfig
from dione.patches.shards import SHARD
from dione.patches.store import PER_UNIT, Pixels, Store


@dataclass(frozen=True)
class Batch:
    """What a network takes and what it should give."""

    lr: Float[Tensor, "b t c h w"]
    valid: Bool[Tensor, "b t h w"]
    hr: Float[Tensor, "b c zh zw"]
    rows: Int[Tensor, " b"]
    """Which of the patches drawn from these are."""


class Patches:
    """Rows of a store, held in memory as digital numbers."""

    def __init__(self, store: Store, rows: NDArray[np.int64]):
        keep = np.zeros(store.lr.shape[0], bool)
        keep[rows] = True
        self.lr, self.valid, self.hr = (torch.from_numpy(_rows(array, keep)) for array in (store.lr, store.valid, store.hr))

    def __len__(self) -> int:
        return len(self.lr)

    def batch(self, rows: Tensor, dates: int | None = None) -> Batch:
        """These patches with their first `dates` dates (all by default), as reflectance."""
        lr, valid, hr = self.lr[rows, :dates], self.valid[rows, :dates], self.hr[rows]
        return Batch(lr.float() / PER_UNIT, valid, hr.float() / PER_UNIT, rows)

    def draw(self, size: int, dates: int, generator: torch.Generator, augment: AugmentConfig = AugmentConfig()) -> Batch:
        """A random batch: `dates` of each patch's dates (the target always), augmented."""
        rows = torch.randint(len(self), (size,), generator=generator)
        batch = self.batch(rows)
        picked = torch.rand(size, self.lr.shape[1] - 1, generator=generator).argsort(1)[:, : dates - 1] + 1
        picked = picked if augment.order == "random" else picked.sort(1).values
        picked = torch.cat([torch.zeros(size, 1, dtype=torch.long), picked], 1)
        own = torch.arange(size)[:, None]
        turn = int(torch.randint(8, (), generator=generator))
        parts = batch.lr[own, picked], batch.valid[own, picked], batch.hr
        lr, valid, hr = (_turned(part, turn if augment.turns else 0) for part in parts)
        lr, hr = augments.brightness(lr, hr, augment, generator)
        hr = augments.moved(augments.matched(hr, lr[:, 0], valid[:, 0]) if augment.match_histograms else hr, augment, generator)
        return Batch(lr, valid, hr, rows)


def _rows(array: Pixels, keep: NDArray[np.bool_]) -> NDArray[Any]:
    """The kept rows of a Zarr array, read shard by shard."""
    step = int((array.shards or (SHARD,))[0])
    return np.concatenate([np.asarray(array[start : start + step])[keep[start : start + step]] for start in range(0, len(keep), step)])


def _turned(x: Tensor, turn: int) -> Tensor:
    """One of the eight symmetries of a square: a quarter turn `turn % 4` times, mirrored from 4 on."""
    x = torch.rot90(x, turn % 4, (-2, -1))
    return (x.flip(-1) if turn >= 4 else x).contiguous()
