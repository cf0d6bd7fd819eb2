"""The training and the validation patches of a store, with the place of each."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dione.base.bands import BANDS
from dione.base.errors import BadBands, BadSource
from dione.patches.dataset import Batch, Patches
from dione.patches.store import Store


@dataclass(frozen=True)
class Part:
    """One split of a store, in memory."""

    patches: Patches
    places: tuple[str, ...]
    """Site and place of each patch."""
    rows: tuple[int, ...]
    """Of the store, of each patch."""

    def __len__(self) -> int:
        return len(self.rows)

    def spread(self, limit: int) -> Tensor:
        """Up to `limit` patches, evenly over the part."""
        return torch.linspace(0, len(self) - 1, min(limit, len(self))).long()

    def by_place(self, limit: int) -> dict[str, Tensor]:
        """Patches of each place, the same number at most of each, about `limit` in all."""
        names, member = np.unique(self.places, return_inverse=True)
        most = max(1, limit // len(names))
        return {str(name): torch.from_numpy(np.flatnonzero(member == number)[:most]) for number, name in enumerate(names)}

    def named(self, batch: Batch, which: list[int]) -> list[str]:
        """Row and place of these patches of a batch drawn from here."""
        return [f"row {self.rows[at]}, {self.places[at]}" for at in batch.rows[which].tolist()]


def open_parts(store: Store, splits: tuple[str, ...] = ("train", "validation")) -> dict[str, Part]:
    """The splits of a store; raises BadSource with those that are empty."""
    rows = {split: store.rows(split=split) for split in splits}
    empty = [split for split in splits if not len(rows[split])]
    if empty:
        raise BadSource(
            f"{store.path} has no patch for {' and '.join(empty)}\ndivide it otherwise, by `dione dataset split`, or by [split] in the recipe of `dione run` or `dione dataset simulate`"
        )
    return {split: Part(Patches(store, kept), _places(store, kept), tuple(kept.tolist())) for split, kept in rows.items()}


def fits(store: Store, bands: int, zoom: int) -> None:
    """Raises BadBands or BadSource where the store's bands or zoom are not what a network for `bands` and `zoom` takes."""
    held = tuple(store.about.get("bands", ()))
    if held != BANDS or len(held) != bands:
        raise BadBands(
            f"{store.path} holds the bands {list(held)}; the network takes {bands}, dione's {list(BANDS)}\nmake the store again from imagery with these"
        )
    pixels = store.hr.shape[-1] / store.lr.shape[-1]
    if zoom != pixels:
        raise BadSource(
            f"{store.path} holds patches {pixels:g} times finer than their input; the network makes them {zoom} times finer\n"
            f"train with net.config.zoom = {pixels:g}, or on a store of zoom {zoom}"
        )


def _places(store: Store, rows: np.ndarray) -> tuple[str, ...]:
    facts = store.index.select(["site", "place"]).take(rows)
    return tuple(f"{site}/{place}" for site, place in zip(facts["site"].to_pylist(), facts["place"].to_pylist(), strict=True))
