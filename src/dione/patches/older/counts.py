"""The older pipeline's normalisation, counted from a store: moments of each country, percentiles of all.

What is kept are counts of digital numbers, a ten-thousandth of reflectance each, by country and band. They add up over
shards and workers, and mean, median, deviation and percentiles all follow from them.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dione.base.bands import BANDS
from dione.base.errors import BadSource
from dione.patches.older.tables import Moments, Span, Tables
from dione.patches.store import PER_UNIT, Store

LOWEST = -(1 << 14)
"""The least number that is counted: exact values lie below zero too, as those of a scene on its own scale."""
NUMBERS = (1 << 16) - LOWEST
Counts = NDArray[np.int64]
Array = NDArray[np.float64]


def tables(store: Store, *, split: str = "train") -> Tables:
    """Of the pixels of a split that were seen clear. Labels are given Sentinel-2's own span: they are reflectance already.

    Raises BadSource where a country has no such pixel or a band that never changes.
    """
    found: dict[str, Counts] = defaultdict(lambda: np.zeros((len(BANDS), NUMBERS), np.int64))
    for country_, numbers in _pixels(store, split):
        found[country_] += np.stack([np.bincount(band, minlength=NUMBERS) for band in numbers])
    wanted = {country(row) for row in store.index.take(store.rows()).to_pylist()}
    bare = sorted(name for name in wanted if name not in found or not found[name].any() or (np.count_nonzero(found[name], axis=1) < 2).any())
    if bare:
        raise BadSource(f"{store.path} has no clear, changing pixel of split '{split}' for {', '.join(bare)}\nneeded some of every country to normalise with")
    countries = {name: moments(each) for name, each in sorted(found.items())}
    span = percentiles(found, countries)
    return Tables(countries=countries, sentinel=span, reference=span)


def country(facts: dict[str, Any]) -> str:
    """What a patch is normalised with: its country, or its site where none is told."""
    return str(facts.get("country") or facts["site"])


def places(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """Where in Counts each of these digital numbers is counted."""
    return np.clip(np.rint(numbers) - LOWEST, 0, NUMBERS - 1).astype(np.int64)


def reflectance(place: Any) -> Any:
    """Of what is counted at a place."""
    return (place + LOWEST) / PER_UNIT


def moments(counted: Counts) -> Moments:
    """Mean, median and deviation of each band, reflectance."""
    values, total = reflectance(np.arange(NUMBERS)), counted.sum(1)
    mean = counted @ values / total
    deviation = np.sqrt((counted * (values - mean[:, None]) ** 2).sum(1) / total)
    median = [float(reflectance((_at(band, int(n - 1) // 2) + _at(band, int(n) // 2)) / 2)) for band, n in zip(counted, total, strict=True)]
    return Moments.model_validate({"mean": tuple(mean), "median": tuple(median), "std": tuple(deviation)})


def percentiles(counted: dict[str, Counts], countries: dict[str, Moments]) -> Span:
    """1st and 99th percentile of (reflectance − median) / deviation over all countries, by rank."""
    low: list[float] = []
    high: list[float] = []
    for band in range(len(BANDS)):
        values = np.concatenate([(reflectance(np.arange(NUMBERS)) - of.median[band]) / of.std[band] for of in countries.values()])
        weights = np.concatenate([counted[name][band] for name in countries])
        order = np.argsort(values, kind="stable")
        ranks = weights[order].cumsum()
        for kept, share in ((low, 0.01), (high, 0.99)):
            kept.append(float(values[order][np.searchsorted(ranks, share * ranks[-1])]))
    return Span.model_validate({"p1": tuple(low), "p99": tuple(high)})


def _at(counted: Counts, rank: int) -> int:
    return int(np.searchsorted(counted.cumsum(), rank + 1))


def _pixels(store: Store, split: str) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """(band, pixel) where the digital numbers of each patch of a split are counted, those seen clear."""
    kept = set(store.rows(split=split).tolist())
    for span in store.spans():
        rows = store.index.slice(span.start, span.stop - span.start).to_pylist()
        lr, valid = (np.asarray(part[span]) for part in (store.lr, store.valid))
        for at, facts in enumerate(rows):
            if span.start + at in kept:
                seen = np.moveaxis(lr[at], 1, 0)[:, valid[at]]
                yield country(facts), places(seen)
