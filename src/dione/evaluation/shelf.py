"""Cases from a patch store: the test shelf. Patches that no training saw, a shard at a time."""

from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from dione.base.bands import BANDS
from dione.base.errors import BadModel, BadSource, NotFound
from dione.evaluation.cases import Cases, Made, Models, enough, scored
from dione.patches.store import PER_UNIT, Store
from dione.prediction.windows.engine import EXACT

BATCH = 64
ALL = "all"
"""In place of a split: every patch that is kept."""
KNOWN = "make the store of patches whose truth is known everywhere"
BORDER_PX = 1
"""Coarse pixels on every side that are not scored."""


@dataclass(frozen=True)
class Shelf:
    """Rows of a store."""

    store: Store
    rows: NDArray[np.int64]
    split: str

    @property
    def facts(self) -> dict[str, object]:
        return {"dataset": str(self.store.path), "split": self.split, "patches": len(self.rows)}

    @property
    def most_dates(self) -> int:
        return int(self.store.lr.shape[1])

    @property
    def most_patches(self) -> int:
        return len(self.rows)

    def cases(self, models: Models, dates: int, *, only: Set[str] | None = None) -> Iterator[Cases]:
        for rows in self.batches(only):
            yield from self.batch(models, dates, rows)

    def batches(self, only: Set[str] | None = None) -> list[NDArray[np.int64]]:
        """The rows (or those patches), BATCH at a time and never from two shards: what is worked out together, here or elsewhere."""
        rows = self.rows if only is None else self.rows[np.isin(self.rows.astype(str), list(only))]
        shards = (rows[(rows >= span.start) & (rows < span.stop)] for span in self.store.spans())
        return [here[start : start + BATCH] for here in shards for start in range(0, len(here), BATCH)]

    def batch(self, models: Models, dates: int, rows: NDArray[np.int64]) -> Iterator[Cases]:
        """The cases of some rows, from at most so many dates."""
        span = slice(int(rows.min()), int(rows.max()) + 1)
        lr, valid, hr = (np.asarray(part[span])[rows - span.start] for part in (self.store.lr, self.store.valid, self.store.hr))
        yield from self._batch(models, rows, *(torch.from_numpy(part) for part in (lr[:, :dates], valid[:, :dates], hr)))

    def _batch(self, models: Models, rows: NDArray[np.int64], lr: torch.Tensor, valid: torch.Tensor, hr: torch.Tensor) -> Iterator[Cases]:
        """Those of these rows whose target saw enough, if any."""
        zoom = hr.shape[-1] // lr.shape[-1]
        seen = scored(valid[:, 0], zoom=zoom, border=BORDER_PX)
        kept = enough(valid[:, 0], seen)
        if not kept.any():
            return
        lr, valid, hr, seen = lr[kept].float() / PER_UNIT, valid[kept], hr[kept].float() / PER_UNIT, seen[kept]
        if unknown := [int(row) for row, whole in zip(rows[kept.numpy()], hr.isfinite().all((1, 2, 3)), strict=True) if not whole]:
            raise BadSource(f"the truth of patch {', '.join(map(str, unknown[:5]))} of {self.store.path} has values that are not finite\n{KNOWN}")
        made = {name: Made(*EXACT.run(resolver, lr, valid)) for name, resolver in models.items()}
        yield Cases(self._keys(rows[kept.numpy()], valid), lr[:, 0], hr, seen, made)

    def _keys(self, rows: NDArray[np.int64], valid: torch.Tensor) -> dict[str, NDArray[np.generic]]:
        index = self.store.index.select(["site", "place", "sensor"]).take(rows)
        facts: dict[str, NDArray[np.generic]] = {name: np.array(index[name].to_pylist(), str) for name in index.column_names}
        hidden = 1 - valid.float().mean((1, 2, 3)).double().numpy()
        return {"patch": rows.astype(str), **facts, "day": np.full(len(rows), ""), "dates": np.full(len(rows), valid.shape[1]), "hidden": hidden}


def shelf(store: Store, models: Models, *, split: str = "test") -> Shelf:
    """A split of a store, found fit for these models. Raises NotFound for an empty split, BadSource for other bands, BadModel for another zoom."""
    rows = store.rows() if split == ALL else store.rows(split=split)
    if not len(rows):
        raise NotFound(
            f"{store.path} has no patch in split '{split}'; it has {sorted(set(store.index['split'].to_pylist()))}\nname one of these with --split, or all"
        )
    if tuple(store.about["bands"]) != BANDS:
        raise BadSource(f"{store.path} holds the bands {store.about['bands']}, needs {list(BANDS)}\nmake a store of these bands")
    wrong = [f"{name} enlarges {resolver.zoom} times" for name, resolver in models.items() if resolver.zoom != store.about["zoom"]]
    if wrong:
        raise BadModel(f"{'; '.join(wrong)}; the patches of {store.path} need {store.about['zoom']} times\nuse a model and a store of one zoom")
    return Shelf(store, rows, split)
