"""Normalisation counted from a store in one pass: of each group, and of all, of both sensors.

What is kept are counts of digital numbers, a ten-thousandth of reflectance each, by group and band. They add up over shards,
workers and machines; mean, median, deviation and percentiles all follow from them.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dione.base.bands import BANDS
from dione.base.errors import BadRecipe, NotFound
from dione.base.machine.workers import each
from dione.patches import store
from dione.patches.location import Location
from dione.patches.older.counts import NUMBERS, Counts, moments, places, reflectance

ALL = "all"
PERCENTILES = (1, 99)
Progress = Callable[[str, int, int], None]


def _zeros() -> Counts:
    return np.zeros((len(BANDS), NUMBERS), np.int64)


@dataclass
class Counted:
    """Pixels of each digital number (band, number), by group."""

    coarse: defaultdict[str, Counts] = field(default_factory=lambda: defaultdict(_zeros))
    """Sentinel-2, where it was seen clear."""
    sharp: defaultdict[str, Counts] = field(default_factory=lambda: defaultdict(_zeros))

    def __add__(self, other: "Counted") -> "Counted":
        made = Counted()
        for name in ("coarse", "sharp"):
            for part in (self, other):
                for group, counted in getattr(part, name).items():
                    getattr(made, name)[group] += counted
        return made


def scaling(opened: store.Store, *, by: str = "site", split: str | None = "train", workers: int = 1, progress: Progress = lambda *_: None) -> dict[str, Any]:
    """{group: {"sentinel2": {"mean": [blue, …], "median", "std", "p1", "p99", "pixels"}, "reference": …}}, groups and ALL.

    by: the column that tells groups. split: whose patches count; None for all. workers: processes; the result is the same.
    Raises BadRecipe for a column that is not there, NotFound where no patch counts.
    """
    if by not in opened.index.column_names:
        raise BadRecipe(f"{opened.path} has no column '{by}'; it has {', '.join(sorted(opened.index.column_names))}")
    rows = opened.rows(split=split) if split else opened.rows()
    if not len(rows):
        raise NotFound(
            f"{opened.path} has no patch in split '{split}'; it has {sorted(set(opened.index['split'].to_pylist()))}\n"
            "divide it otherwise, by `dione dataset split`, or by [split] in the recipe of `dione run`"
        )
    spans = list(opened.spans())
    tasks = [(opened.path, span, rows[(rows >= span.start) & (rows < span.stop)], by) for span in spans]
    total = Counted()
    for done, part in enumerate(each(_counted, tasks, workers=workers), 1):
        total += part
        progress("scaling", done, len(spans))
    return finished(total)


def finished(counted: Counted) -> dict[str, Any]:
    """Figures from counts, of each group and of all together; a group that is called so itself is `all alone`."""
    groups = tuple({**_named(part), ALL: sum(part.values(), _zeros())} for part in (counted.coarse, counted.sharp))
    return {group: {"sentinel2": _figures(coarse), "reference": _figures(groups[1].get(group, _zeros()))} for group, coarse in sorted(groups[0].items())}


def _named(groups: dict[str, Counts]) -> dict[str, Counts]:
    return {f"{ALL} alone" if name == ALL else name: counted for name, counted in groups.items()}


def count(path: Location, span: slice, rows: NDArray[np.int64], by: str) -> Counted:
    """One shard's part."""
    opened, made = store.read(path), Counted()
    lr, valid, hr = (np.asarray(part[span]) for part in (opened.lr, opened.valid, opened.hr))
    groups = opened.index[by].slice(span.start, span.stop - span.start).to_pylist()
    for at in rows - span.start:
        _add(made.coarse[str(groups[at])], np.moveaxis(lr[at], 1, 0)[:, valid[at]])
        _add(made.sharp[str(groups[at])], hr[at].reshape(len(BANDS), -1))
    return made


def _counted(task: tuple[Location, slice, NDArray[np.int64], str]) -> Counted:
    return count(*task)


def _add(counted: Counts, numbers: NDArray[Any]) -> None:
    for band, values in enumerate(places(numbers)):
        counted[band] += np.bincount(values, minlength=NUMBERS)


def _figures(counted: Counts) -> dict[str, Any]:
    """Nothing but the number of pixels where there are none."""
    pixels = int(counted[0].sum())
    if not pixels:
        return {"pixels": 0}
    found = moments(counted)
    ranks = counted.cumsum(1)
    ends = {f"p{percent}": [float(reflectance(np.searchsorted(row, percent / 100 * row[-1]))) for row in ranks] for percent in PERCENTILES}
    return {"mean": list(found.mean), "median": list(found.median), "std": list(found.std), **ends, "pixels": pixels}
