"""Rows of statistics that add up: from one image or a thousand, from one machine or many, the same scores are finished.

The idea is that of WeatherBench-X (Rasp et al. 2024): keep sums and counts, divide last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dione.base.storage import parquet

KEYS = ("patch", "site", "place", "sensor", "day", "dates", "model", "hidden")
"""All that a row may be told by; every other column is a sum."""

Keys = dict[str, NDArray[np.generic]]
Sums = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Rows:
    """What is known of n images, places or sites."""

    keys: Keys
    """(n,) each: of what, and how it was made."""
    sums: Sums
    """(n,) or (n, k) each: sums and counts, nothing divided yet."""

    def __len__(self) -> int:
        return len(next(iter(self.keys.values())))

    def take(self, which: NDArray[np.generic]) -> "Rows":
        """These rows, by position or by mask."""
        return Rows({name: values[which] for name, values in self.keys.items()}, {name: values[which] for name, values in self.sums.items()})

    def where(self, **equal: object) -> "Rows":
        """The rows whose keys have these values."""
        keep = np.ones(len(self), bool)
        for name, value in equal.items():
            keep &= self.keys[name] == value
        return self.take(keep)

    def pooled(self, *by: str) -> "Rows":
        """One row for each combination of these keys, in ascending order; what agrees in them is added."""
        ranks = np.stack([np.unique(self.keys[name], return_inverse=True)[1] for name in by], 1)
        _, first, member = np.unique(ranks, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(member.reshape(-1), kind="stable")
        starts = np.searchsorted(member.reshape(-1)[order], np.arange(len(first)))
        sums = {name: np.add.reduceat(values[order], starts) for name, values in self.sums.items()}
        return Rows({name: self.keys[name][first] for name in by}, sums)

    def values(self, key: str) -> list[object]:
        """What a key takes, each once, ascending."""
        return list(np.unique(self.keys[key]).tolist())


def joined(parts: Sequence[Rows]) -> Rows:
    """All rows, one after the other."""
    first = parts[0]
    keys = {name: np.concatenate([part.keys[name] for part in parts]) for name in first.keys}
    return Rows(keys, {name: np.concatenate([part.sums[name] for part in parts]) for name in first.sums})


def write(path: Path, rows: Rows) -> Path:
    """One Parquet row each; sums of several numbers are lists."""
    columns: dict[str, pa.Array] = {name: pa.array(values) for name, values in rows.keys.items()}
    for name, values in rows.sums.items():
        flat = pa.array(values.reshape(-1))
        columns[name] = flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    return parquet.write(path, pa.table(columns), compression="zstd")


def read(path: Path) -> Rows:
    """What `write` wrote."""
    table = parquet.read(path, "table of scores", "make it again with `dione evaluate`")
    keys: Keys = {}
    sums: Sums = {}
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            sums[name] = column.flatten().to_numpy().reshape(len(column), -1)
        elif name in KEYS:
            keys[name] = np.array(column.to_pylist())
        else:
            sums[name] = column.to_numpy()
    return Rows(keys, sums)
