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
from dione.base import when
from dione.base.errors import BadRecipe
from dione.prediction.files.form import Class

NODATA, SAME, MORE, LESS = 0, 1, 2, 3
CLASSES = (Class(SAME, "no change told", (240, 240, 240)), Class(MORE, "more", (27, 120, 55)), Class(LESS, "less", (118, 42, 131)))
FLAGS = {
    "long_name": "change",
    "flag_values": np.array([NODATA, SAME, MORE, LESS], np.uint8),
    "flag_meanings": "not_trusted no_change_told more less",
}
"""As the CF conventions tell classes."""
BINS, LARGEST_Z = 100_000, 10.0
"""Of |z|, for the threshold of many windows. The last bin takes all beyond: p is 1e-23 there, below what any scene asks for."""


@dataclass(frozen=True)
class ChangeRule:
    """What is compared, and how sure a flag has to be."""

    index: str = "NDVI"
    rate: float = 0.05
    """False discovery rate."""
    correlation: float = 0.0
    """Of the errors of the two dates."""
    trust: Trust = TRUST


def change(stack: xr.Dataset, before: when.Date, after: when.Date, rule: ChangeRule = ChangeRule()) -> xr.Dataset:
    """difference, sigma and z (y, x) float32, NaN where one of the dates is not trusted; flag (y, x) uint8: 1 no change told, 2 more, 3 less, 0 not trusted.

    before, after: YYYY-MM-DD, or as 2018-08-15T105031 where a day has several. Raises NotAStack, NotFound (no such date or index), BadRecipe (no sigma; a rate that is none; the later date first).
    """
    made = differences(stack, before, after, rule)
    return flagged(made, threshold(counts(made), rule.rate))


def differences(stack: xr.Dataset, before: when.Date, after: when.Date, rule: ChangeRule) -> xr.Dataset:
    """The same without flags."""
    _possible(stack, rule)
    dates = pair(stacks.check(stack), before, after)
    found = indices(stack.isel(time=list(dates)), rule.index, trust=rule.trust)
    (a, b), (sigma_a, sigma_b) = (found[name].values for name in (rule.index, f"{rule.index}_sigma"))
    sigma = np.sqrt(np.maximum(sigma_a**2 + sigma_b**2 - 2 * rule.correlation * sigma_a * sigma_b, 1e-12))
    coords = {name: stack[name] for name in ("y", "x", "spatial_ref")}
    what = f"change of {rule.index}"
    layers = {"difference": (b - a, what), "sigma": (sigma, f"1σ of the {what}"), "z": ((b - a) / sigma, f"{what}, in its own 1σ")}
    notes = {"before": when.label(stack, dates[0]), "after": when.label(stack, dates[1])}
    made = {name: (("y", "x"), values.astype(np.float32), {"long_name": words, "units": "1"}) for name, (values, words) in layers.items()}
    return xr.Dataset(made, coords, notes)


def pair(stack: xr.Dataset, before: when.Date, after: when.Date) -> tuple[int, int]:
    """Positions of the two dates. Raises NotFound, BadRecipe for one date twice or the later one first."""
    earlier, later = (when.position(stack, date) for date in (before, after))
    if earlier == later:
        raise BadRecipe(f"change from {before} to {after} is from a date to itself; name two dates, the earlier one first")
    if earlier > later:
        raise BadRecipe(f"{before} is later than {after}; name the earlier date first: {after} {before}")
    return earlier, later


def counts(made: xr.Dataset) -> NDArray[np.int64]:
    """How many pixels have which |z|, in BINS bins: parts of a scene add up."""
    size = _size(made["z"].values)
    return np.bincount(np.minimum(size[np.isfinite(size)] * (BINS / LARGEST_Z), BINS - 1).astype(np.int64), minlength=BINS)


def threshold(counted: NDArray[np.int64], rate: float) -> float:
    """The least |z| that is flagged (Benjamini and Hochberg's step-up); infinite if none is.

    The bins are even in |z|, so that p, which falls ever faster, is as exact where one pixel of millions changed as where all did.
    """
    beyond, least = np.cumsum(counted[::-1])[::-1], np.arange(BINS) * (LARGEST_Z / BINS)
    passes = np.flatnonzero((erfc(least / np.sqrt(2)) <= rate * beyond / max(int(beyond[0]), 1)) & (beyond > 0))
    return float(least[passes[0]]) if passes.size else np.inf


def p_of(z: float) -> float:
    """Two-sided p of the normal distribution."""
    return float(erfc(abs(z) / np.sqrt(2)))


def flagged(made: xr.Dataset, least_z: float) -> xr.Dataset:
    """With `flag`."""
    z = made["z"].values
    sure = _size(z) >= least_z
    flag = np.where(np.isfinite(z), np.where(sure & (z > 0), MORE, np.where(sure, LESS, SAME)), NODATA).astype(np.uint8)
    return made.assign(flag=(("y", "x"), flag, FLAGS))


def _size(z: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.abs(z.astype(np.float64))


def _possible(stack: xr.Dataset, rule: ChangeRule) -> None:
    wrong = [f"rate is {rule.rate:g}, needs above 0 and below 1"] * (not 0 < rule.rate < 1)
    wrong += [f"correlation is {rule.correlation:g}, needs 0 to below 1"] * (not 0 <= rule.correlation < 1)
    wrong += ["there is no sigma: nothing tells a change from an error; sharpen the series first"] * ("sigma" not in stack)
    if wrong:
        raise BadRecipe("change cannot be told so:\n" + "\n".join(f"  - {fault}" for fault in wrong))
