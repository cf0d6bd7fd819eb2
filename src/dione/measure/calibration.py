"""How wide an interval has to be to hold the truth as often as it says: split-conformal factors on sigma.

Errors are measured in sigmas, on places that training did not see, and the factor is the quantile that covers the
wanted share (split conformal prediction: Angelopoulos & Bates 2021, arXiv 2107.07511). Pixels of one place resemble
one another, places are what is exchangeable; so places count alike, and the place that is yet to come counts as one
more, of which nothing is known: the quantile is the least t with Σ F_p(t) / (places + 1) ≥ level, F_p the share of a
place's pixels whose error is within t sigmas (Lee, Barber & Willett 2023, arXiv 2306.06342). A pixel of a new place is
then covered with at least that probability, whatever the network and whatever the errors; below 1 / (1 − level) − 1
places (9 for 90 %), no finite factor can promise it.

What is kept of the errors are counts in narrow steps of |error| / sigma, so that any number of pixels adds up.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

WIDEST = 0.9
"""The level that sigma itself is scaled for."""
WIDEST_SIGMAS = 1.645
"""Standard deviations of a normal distribution that hold 90 %: what a reader expects of a sigma."""
LEVELS = (0.5, 0.8, WIDEST)
EDGES = torch.logspace(-3, 3, 2401, dtype=torch.float64)
"""Upper ends of the steps of |error| / sigma: 0.6 % wide, so a quantile is at most that much too wide."""


@dataclass(frozen=True)
class Calibration:
    """What turns a network's sigma into intervals."""

    sigma_scale: tuple[float, ...]
    """What each band's sigma is multiplied by: SR ± 1.645 · scaled sigma then covers 90 %."""
    intervals: dict[str, float]
    """Level → half width in scaled sigmas: {"0.5": 0.6, "0.8": 1.2, "0.9": 1.645}."""


def counts(error: Float[Tensor, "b c y x"], sigma: Float[Tensor, "b c y x"], seen: Bool[Tensor, "b y x"]) -> Int[Tensor, "c k"]:
    """How many of the `seen` pixels of each band have |error| / sigma in each step of EDGES, one more for those beyond."""
    ratio = (error.abs() / sigma).movedim(1, 0)[:, seen]
    steps = torch.bucketize(ratio.double(), EDGES.to(ratio.device))
    return torch.stack([torch.bincount(band, minlength=len(EDGES) + 1) for band in steps])


def shares(found: Int[Tensor, "c k"]) -> Float[Tensor, "c j"]:
    """Counts of one place → the share of its pixels within each of EDGES; these add up over places."""
    return (found.cumsum(-1) / found.sum(-1, keepdim=True))[:, :-1].double()


def calibration(total: Float[Tensor, "c j"], places: int) -> Calibration:
    """Factors from the sum of the `shares` of so many places; ValueError where there are too few for the widest level."""
    scale = torch.stack([_quantile(band, places, WIDEST) for band in total]) / WIDEST_SIGMAS
    scaled = torch.stack([_at(band, EDGES * factor) for band, factor in zip(total, scale, strict=True)]).mean(0)
    intervals = {str(level): WIDEST_SIGMAS if level == WIDEST else float(_quantile(scaled, places, level)) for level in LEVELS}
    return Calibration(tuple(float(factor) for factor in scale), intervals)


def _quantile(total: Float[Tensor, " j"], places: int, level: float) -> Float[Tensor, ""]:
    """The least edge within which a pixel of a place not among these lies with probability `level`."""
    reached = total / (places + 1) >= level
    if not reached.any():
        needed = round(1 / (1 - level)) - 1
        raise ValueError(f"{places} places cannot promise {level:.0%}: needed at least {needed}, with most errors within {float(EDGES[-1]):g} sigmas")
    return EDGES[reached.int().argmax()]


def _at(total: Float[Tensor, " j"], factors: Float[Tensor, " j"]) -> Float[Tensor, " j"]:
    """`total` within each of `factors` sigmas, in whole steps."""
    step = torch.bucketize(factors, EDGES, right=True) - 1
    return torch.where(step < 0, 0, total[step.clamp_min(0)])
