"""Whether sigma can be believed: how often intervals hold the truth, how wide they are, and whether errors are where sigma is large.

A 90 % interval is SR ± 1.645 σ if errors were normal; a calibrated model brings its own multiples. How well a predictor
(σ, or the size of the detail that was added) finds the worst tenth of the errors is the area under the receiver operating
characteristic: the probability that a pixel of the worst tenth has the larger predictor. The worst tenth of many images is
known only after all of them were seen, so counts are kept in a square of logarithmic bins, predictor × |error|. They add
up, and where to cut is decided on the sum. Predictors that fall into one bin count as equal; with STEPS bins over
five decades the area is right to better than 0.01.
"""

from statistics import NormalDist

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

LEVELS = (0.5, 0.8, 0.9)
STEPS = 64
"""Bins a side."""
LOWEST, HIGHEST = 1e-5, 1.0
"""Reflectance of the first and last edge; what is beyond counts in the bin beside it."""
WORST = 0.1


def multiples(calibrated: dict[str, float]) -> tuple[float, ...]:
    """Half the width of the interval of each of LEVELS, in sigmas; a normal distribution's where `calibrated` ("0.9" → 1.7) has none."""
    return tuple(calibrated.get(str(level), NormalDist().inv_cdf((1 + level) / 2)) for level in LEVELS)


def covered(
    error: Float[Tensor, "b c y x"], sigma: Float[Tensor, "b c y x"], seen: Bool[Tensor, "b y x"], factors: tuple[float, ...]
) -> Float[Tensor, "b levels c"]:
    """How many values of each band have their truth within each factor · sigma."""
    ratio = torch.where(seen[:, None], error.abs() / sigma, torch.inf)
    return torch.stack([(ratio <= factor).sum((2, 3)) for factor in factors], 1).to(error.dtype)


def joint(predictor: Float[Tensor, "b c y x"], error: Float[Tensor, "b c y x"], seen: Bool[Tensor, "b y x"]) -> Int[Tensor, "b predictor error"]:
    """Counts of values, all bands together, by size of `predictor` and of |error|."""
    images = len(error)
    cell = (torch.arange(images)[:, None, None, None] * STEPS + _bin(predictor)) * STEPS + _bin(error.abs())
    counts = torch.bincount(cell[seen[:, None].expand_as(cell)], minlength=images * STEPS**2)
    return counts.reshape(images, STEPS, STEPS)


def auroc(counts: NDArray[np.float64], worst: float = WORST) -> float:
    """Probability that the predictor is larger at one of the `worst` fraction of errors than at another; 0.5 = it knows nothing.

    counts: (predictor, error), summed over whatever is looked at. The bin of errors that the cut falls into is shared out
    between both sides. NaN without two sides.
    """
    beyond = np.cumsum(counts.sum(0)[::-1])[::-1]
    wanted = worst * counts.sum()
    share = np.clip((wanted - (beyond - counts.sum(0))) / np.maximum(counts.sum(0), 1), 0, 1)
    bad = counts @ share
    good = counts.sum(1) - bad
    pairs = bad.sum() * good.sum()
    below = np.cumsum(good) - good
    return float((bad * (below + good / 2)).sum() / pairs) if pairs > 0 else float("nan")


def _bin(x: Float[Tensor, "b c y x"]) -> Int[Tensor, "b c y x"]:
    span = np.log(HIGHEST / LOWEST)
    return ((x.clamp_min(LOWEST) / LOWEST).log() * (STEPS / span)).long().clamp(0, STEPS - 1)
