"""Change between two dates, flagged only where both are trusted and the difference is more than their uncertainty.

    z = (b − a) / √(σ_a² + σ_b² − 2 ρ σ_a σ_b)         of an index; two-sided p of the normal distribution

Pixels are many, so the false discovery rate is held (Benjamini and Hochberg 1995, J. R. Stat. Soc. B 57, 289–300): of
the flagged, a fraction of at most `rate` is expected to be no change. Errors of two dates that lent each other detail
are alike (ρ > 0), so that ρ = 0 flags too few rather than too many. What is flagged is a change of reflectance: harvest,
wetness and the sun's height are changes too.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import erfc

from dione.analysis.indices import indices
from dione.analysis.trust import TRUST, Trust
from dione.base import stack as stacks
from dione.base.errors import BadRecipe, NotFound
from dione.prediction.files.form import Class

NODATA, SAME, MORE, LESS = 0, 1, 2, 3
CLASSES = (Class(SAME, "no change told", (240, 240, 240)), Class(MORE, "more", (27, 120, 55)), Class(LESS, "less", (118, 42, 131)))
BINS = 100_000
"""Of p, for the threshold of many windows: the flags are exact to this part."""


@dataclass(frozen=True)
class ChangeRule:
    """What is compared, and how sure a flag has to be."""

    index: str = "NDVI"
    rate: float = 0.05
    """False discovery rate."""
    correlation: float = 0.0
    """Of the errors of the two dates."""
    trust: Trust = TRUST


def change(stack: xr.Dataset, before: str, after: str, rule: ChangeRule = ChangeRule()) -> xr.Dataset:
    """difference, sigma and z (y, x) float32, NaN where one of the dates is not trusted; flag (y, x) uint8: 1 no change told, 2 more, 3 less, 0 not trusted.

    before, after: YYYY-MM-DD. Raises NotAStack, NotFound (no such date or index), BadRecipe (no sigma; a rate that is none).
    """
    made = differences(stack, before, after, rule)
    return flagged(made, threshold(counts(made), rule.rate))


def differences(stack: xr.Dataset, before: str, after: str, rule: ChangeRule) -> xr.Dataset:
    """The same without flags."""
    _possible(stack, rule)
    days = stacks.days(stacks.check(stack))
    if missing := [day for day in (before, after) if day not in days]:
        raise NotFound(f"no date {' and '.join(missing)}; there are {', '.join(days)}")
    found = indices(stack.isel(time=[days.index(before), days.index(after)]), rule.index, trust=rule.trust)
    (a, b), (sigma_a, sigma_b) = (found[name].values for name in (rule.index, f"{rule.index}_sigma"))
    sigma = np.sqrt(np.maximum(sigma_a**2 + sigma_b**2 - 2 * rule.correlation * sigma_a * sigma_b, 1e-12))
    coords = {name: stack[name] for name in ("y", "x", "spatial_ref")}
    layers = {"difference": b - a, "sigma": sigma, "z": (b - a) / sigma}
    return xr.Dataset({name: (("y", "x"), values.astype(np.float32)) for name, values in layers.items()}, coords, {"before": before, "after": after})


def counts(made: xr.Dataset) -> NDArray[np.int64]:
    """How many pixels have which p, in BINS bins: parts of a scene add up."""
    p = _p(made["z"].values)
    return np.bincount(np.minimum((p[np.isfinite(p)] * BINS).astype(np.int64), BINS - 1), minlength=BINS)


def threshold(counted: NDArray[np.int64], rate: float) -> float:
    """The largest p that is flagged (Benjamini and Hochberg's step-up); 0 if none is."""
    smaller, upper = np.cumsum(counted), (np.arange(BINS) + 1) / BINS
    passes = np.flatnonzero((upper <= rate * smaller / max(int(smaller[-1]), 1)) & (smaller > 0))
    return float(upper[passes[-1]]) if passes.size else 0.0


def flagged(made: xr.Dataset, most_p: float) -> xr.Dataset:
    """With `flag`."""
    z = made["z"].values
    sure = _p(z) < most_p
    flag = np.where(np.isfinite(z), np.where(sure & (z > 0), MORE, np.where(sure, LESS, SAME)), NODATA).astype(np.uint8)
    return made.assign(flag=(("y", "x"), flag))


def _p(z: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(erfc(np.abs(z.astype(np.float64)) / np.sqrt(2)))


def _possible(stack: xr.Dataset, rule: ChangeRule) -> None:
    wrong = [f"rate is {rule.rate:g}, needs above 0 and below 1"] * (not 0 < rule.rate < 1)
    wrong += [f"correlation is {rule.correlation:g}, needs 0 to below 1"] * (not 0 <= rule.correlation < 1)
    wrong += ["there is no sigma: nothing tells a change from an error; sharpen the series first"] * ("sigma" not in stack)
    if wrong:
        raise BadRecipe("change cannot be told so:\n" + "\n".join(f"  - {fault}" for fault in wrong))
