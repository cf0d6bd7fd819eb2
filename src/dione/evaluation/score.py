"""A model against bicubic on patches whose truth is known: statistics per patch, summed by place, compared in pairs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from dione.base.errors import NotFound
from dione.base.files import folder, whole, write_text
from dione.measure.metrics import cpsnr
from dione.nets.resolver import Resolver, load
from dione.patches.dataset import Patches
from dione.patches.store import Store

BATCH = 64
RESAMPLES = 2000


class Row(TypedDict):
    """A line of the summary."""

    site: str
    dates: int
    gain_db: float
    low: float
    high: float
    places: int


@dataclass(frozen=True)
class Interval:
    """A mean over places, with the interval that holds it in 95 of 100 resamplings of places."""

    mean: float
    low: float
    high: float
    places: int


def score(resolver: Resolver, store: Store, *, split: str = "test", dates: Sequence[int] = (1, 2, 4, 8), baseline: str = "bicubic") -> pa.Table:
    """One row a patch and number of dates: site, place, sensor, dates, psnr of the model and of the baseline (cPSNR, dB).

    Patches whose target is clouded are left out, as the baseline has nothing there. Raises NotFound for an empty split.
    """
    rows = store.rows(split=split)
    if not len(rows):
        raise NotFound(f"{store.path} has no patch in split '{split}'; it has {sorted(set(store.index['split'].to_pylist()))}")
    patches, plain = Patches(store, rows), load(baseline)
    facts = store.index.select(["site", "place", "sensor"]).take(rows)
    clear = patches.valid[:, 0].all(-1).all(-1).numpy()
    tables = []
    for count in dates:
        kept = np.flatnonzero(clear)
        pairs = np.concatenate([_pair(resolver, plain, patches, torch.from_numpy(part), count) for part in np.split(kept, range(BATCH, len(kept), BATCH))])
        columns = {"dates": np.full(len(kept), count), "psnr": pairs[:, 0], "baseline": pairs[:, 1]}
        tables.append(pa.table({**{name: facts[name].take(kept) for name in facts.column_names}, **columns}))
    return pa.concat_tables(tables)


def gain(table: pa.Table, *, seed: int = 0, **equal: object) -> Interval:
    """Mean gain over the baseline, dB, of the rows with these values; places count alike, and are what is resampled."""
    keep = np.ones(table.num_rows, bool)
    for column, value in equal.items():
        keep &= np.array(table[column].to_pylist()) == value
    difference = (table["psnr"].to_numpy() - table["baseline"].to_numpy())[keep]
    return interval(difference, np.array([f"{s}/{p}" for s, p in zip(table["site"].to_pylist(), table["place"].to_pylist(), strict=True)])[keep], seed=seed)


def interval(values: NDArray[Any], groups: NDArray[Any], *, seed: int = 0) -> Interval:
    """Mean over groups of their means, and its bootstrap interval."""
    _, member = np.unique(groups, return_inverse=True)
    means = np.bincount(member, values) / np.bincount(member)
    drawn = np.random.default_rng(seed).integers(len(means), size=(RESAMPLES, len(means)))
    low, high = np.percentile(means[drawn].mean(1), [2.5, 97.5])
    return Interval(float(means.mean()), float(low), float(high), len(means))


def line(row: Row) -> str:
    """A row of the summary in words."""
    return f"{row['site']:>16}  {row['dates']} dates  {row['gain_db']:+.2f} dB over bicubic  [{row['low']:+.2f}, {row['high']:+.2f}]  {row['places']} places"


def summary(table: pa.Table) -> list[Row]:
    """Gain by site and number of dates, and the step from one date to the most."""
    rows: list[Row] = []
    for site in sorted(set(table["site"].to_pylist())):
        for count in sorted(set(table["dates"].to_pylist())):
            found = gain(table, site=site, dates=count)
            rows.append(
                {
                    "site": site,
                    "dates": count,
                    "gain_db": round(found.mean, 3),
                    "low": round(found.low, 3),
                    "high": round(found.high, 3),
                    "places": found.places,
                }
            )
    return rows


def write(out: Path, table: pa.Table, rows: list[Row]) -> None:
    """OUT/scores.json, the summary, and OUT/patches.parquet, what it was made from."""
    folder(out)
    with whole(out / "patches.parquet") as partial:
        pq.write_table(table, partial)
    write_text(out / "scores.json", json.dumps(rows, indent=1) + "\n")


@torch.inference_mode()
def _pair(resolver: Resolver, plain: Resolver, patches: Patches, rows: torch.Tensor, count: int) -> NDArray[np.float32]:
    batch = patches.batch(rows, count)
    made = (cpsnr(each.net(batch.lr, batch.valid)[0], batch.hr) for each in (resolver, plain))
    return torch.stack(list(made), 1).numpy()
