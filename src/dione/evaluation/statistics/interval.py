"""Means over places, with the interval that holds them in 95 of 100 resamplings."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap interval."""

    mean: float
    low: float
    high: float
    places: int
    """How many were averaged: those where the value is defined."""

    def plain(self, digits: int) -> dict[str, float]:
        """For JSON."""
        return {"mean": round(self.mean, digits), "low": round(self.low, digits), "high": round(self.high, digits)}


def intervals(values: dict[str, NDArray[np.float64]], sites: NDArray[Any], *, seed: int = 0) -> dict[str, Interval | None]:
    """The interval of each column of `values`, (places,); places where it is NaN are left out, None if that is all.

    Places of a site count alike, and so do sites. What is resampled are sites, then places within each (of one site:
    places alone), so that a claim about places anywhere rests on how many sites there are.
    """
    drawn: dict[bytes, NDArray[np.float64]] = {}
    found: dict[str, Interval | None] = {}
    for name, column in values.items():
        known = np.isfinite(column)
        if not known.any():
            found[name] = None
            continue
        if known.tobytes() not in drawn:
            drawn[known.tobytes()] = weights(sites[known], np.random.default_rng(seed))
        means = drawn[known.tobytes()] @ column[known]
        low, high = np.percentile(means[1:], [2.5, 97.5])
        found[name] = Interval(float(means[0]), float(low), float(high), int(known.sum()))
    return found


def weights(sites: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float64]:
    """(1 + RESAMPLES, places): the weight of each place in the mean, then in each resampling; rows sum to one."""
    names, member = np.unique(sites, return_inverse=True)
    picked = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    made = np.empty((1 + RESAMPLES, len(sites)))
    for site in range(len(names)):
        places = np.flatnonzero(member == site)
        share = 1 / (len(names) * len(places))
        made[0, places] = share
        made[1:, places] = share * rng.multinomial(picked[:, site] * len(places), np.full(len(places), 1 / len(places)))
    return made
