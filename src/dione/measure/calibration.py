"""How wide an interval has to be to hold the truth as often as it says: split-conformal factors on sigma.

Errors are measured in sigmas, on places that training did not see, and the factor is the quantile that covers the
wanted share (split conformal prediction: Angelopoulos & Bates 2021, arXiv 2107.07511). Pixels of one place resemble
one another, places are what is exchangeable; so places count alike, and the place that is yet to come counts as one
more, of which nothing is known: the quantile is the least t with Σ F_p(t) / (places + 1) ≥ level, F_p the share of a
place's pixels whose error is within t sigmas (Lee, Barber & Willett 2023, arXiv 2306.06342). A pixel of a new place is
then covered with at least that probability, whatever the network and whatever the errors; below 1 / (1 − level) − 1
places (9 for 90 %), no finite factor can promise it.

To sigma comes a share of the light, in squares: shade and leaves make a pixel's light uneven in proportion to it, where no coarse
pixel shows it and so no network foresees it. Of a few shares that one is taken under which the errors are likeliest, by a
distribution with heavier tails than the normal one (Student's of four degrees: Lange, Little & Taylor 1989), places counting alike.

What is kept of the errors are counts in narrow steps of |error| / sigma, and sums of log sigma, so that any number of pixels adds up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from dione.base.bands import BANDS

RED, NIR = BANDS.index("red"), BANDS.index("nir")
WIDEST = 0.9
"""The level that sigma itself is scaled for."""
WIDEST_SIGMAS = 1.645
"""Standard deviations of a normal distribution that hold 90 %: what a reader expects of a sigma."""
LEVELS = (0.5, 0.8, WIDEST)
FLOORS = (0.0, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1)
"""Shares of the light that are tried, of sigma as the network has it."""
FREEDOM = 4
LEAST, MOST, A_DECADE = -3, 3, 400
EDGES = torch.logspace(LEAST, MOST, (MOST - LEAST) * A_DECADE + 1, dtype=torch.float64)
"""Upper ends of the steps of |error| / sigma: 0.6 % wide, so a quantile is at most that much too wide."""


@dataclass(frozen=True)
class Calibration:
    """What turns a network's sigma into intervals."""

    sigma_scale: tuple[float, ...]
    """What each band's sigma is multiplied by: SR ± 1.645 · calibrated sigma then covers 90 %."""
    sigma_floor: tuple[float, ...]
    """What share of the light comes to it, in squares."""
    sigma_filled: float
    """What it is then multiplied by where other dates filled what the target did not see: one until that is measured (`filled`)."""
    intervals: dict[str, float]
    """Level → half width in calibrated sigmas: {"0.5": 0.6, "0.8": 1.2, "0.9": 1.645}."""


@dataclass(frozen=True)
class Tally:
    """What is kept of the errors of some pixels; of places, `share` adds up."""

    within: Float[Tensor, "f c j"]
    """By floor and band, how many pixels have |error| / sigma within each of EDGES."""
    logs: Float[Tensor, "f c"]
    """The sum of log sigma."""
    pixels: float

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.within + other.within, self.logs + other.logs, self.pixels + other.pixels)

    @property
    def share(self) -> "Tally":
        """Of one pixel."""
        return Tally(self.within / self.pixels, self.logs / self.pixels, 1.0)


def lit(sr: Float[Tensor, "b c y x"], band: int) -> Float[Tensor, "b y x"]:
    """The light that a band's floor is a share of: its reflectance; of near infrared what plants add to red, for soil and roofs are told by their contrast."""
    return (sr[:, NIR] - sr[:, RED]).clamp_min(0) if band == NIR else sr[:, band]


def tally(error: Float[Tensor, "b c y x"], sigma: Float[Tensor, "b c y x"], sr: Float[Tensor, "b c y x"], seen: Bool[Tensor, "b y x"]) -> Tally:
    """Of the `seen` pixels, with each of FLOORS."""
    light = torch.stack([lit(sr, band) for band in range(sr.shape[1])], 1)
    tried = [torch.hypot(sigma, floor * light) for floor in FLOORS]
    within = torch.stack([counts(error, each, seen).cumsum(-1)[:, :-1] for each in tried])
    logs = torch.stack([each.movedim(1, 0)[:, seen].double().log().sum(-1) for each in tried])
    return Tally(within.double().cpu(), logs.cpu(), float(seen.sum()))


def counts(error: Float[Tensor, "b c y x"], sigma: Float[Tensor, "b c y x"], seen: Bool[Tensor, "b y x"]) -> Int[Tensor, "c k"]:
    """How many of the `seen` pixels of each band have |error| / sigma in each step of EDGES, one more for those beyond."""
    ratio = (error.abs() / sigma).movedim(1, 0)[:, seen]
    steps = ((ratio.log10() - LEAST) * A_DECADE).ceil().nan_to_num(nan=torch.inf).clamp(0, len(EDGES)).long()
    return torch.stack([torch.bincount(band, minlength=len(EDGES) + 1) for band in steps])


def calibration(found: Sequence[Tally]) -> Calibration:
    """Factors from the tallies of places, one each; ValueError where there are too few for the widest level."""
    if not found:
        raise ValueError(_few(0, WIDEST))
    total, places = reduce(add, (place.share for place in found)), len(found)
    fitted = [_fitted(total.within[:, band], total.logs[:, band], places) for band in range(total.within.shape[1])]
    scaled = torch.stack([_at(total.within[floor, band], EDGES * scale) for band, (floor, scale) in enumerate(fitted)]).mean(0)
    intervals = {str(level): WIDEST_SIGMAS if level == WIDEST else float(_quantile(scaled, places, level)) for level in LEVELS}
    return Calibration(tuple(scale for _, scale in fitted), tuple(FLOORS[floor] * scale for floor, scale in fitted), 1.0, intervals)


def filled(found: Sequence[Float[Tensor, "c j"]]) -> float:
    """What sigma has to be multiplied by for pixels of which these are the `within`, a place each, for its widest interval to hold; never less than one, and one where places are too few."""
    shares = [(place / place[:, -1:].clamp_min(1)).mean(0) for place in found]
    try:
        return max(float(_quantile(reduce(add, shares), len(shares), WIDEST)) / WIDEST_SIGMAS, 1.0) if shares else 1.0
    except ValueError:
        return 1.0


def _fitted(within: Float[Tensor, "f j"], logs: Float[Tensor, " f"], places: int) -> tuple[int, float]:
    """Which of FLOORS makes the errors of a band likeliest, and the factor that it then takes."""
    scales = torch.stack([_quantile(one, places, WIDEST) for one in within]) / WIDEST_SIGMAS
    each = torch.diff(within, dim=-1, prepend=torch.zeros_like(within[:, :1])) / places
    unlikely = logs / places + scales.log() + (FREEDOM + 1) / 2 * (each * torch.log1p((EDGES / scales[:, None]).square() / FREEDOM)).sum(-1)
    best = int(unlikely.argmin())
    return best, float(scales[best])


def _quantile(total: Float[Tensor, " j"], places: int, level: float) -> Float[Tensor, ""]:
    """The least edge within which a pixel of a place not among these lies with probability `level`."""
    reached = total / (places + 1) >= level
    if not reached.any():
        raise ValueError(_few(places, level))
    return EDGES[reached.int().argmax()]


def _few(places: int, level: float) -> str:
    needed = round(1 / (1 - level)) - 1
    return f"{places} places cannot promise {level:.0%}: needed at least {needed}, with most errors within {float(EDGES[-1]):g} sigmas"


def _at(total: Float[Tensor, " j"], factors: Float[Tensor, " j"]) -> Float[Tensor, " j"]:
    """`total` within each of `factors` sigmas, in whole steps."""
    step = torch.bucketize(factors, EDGES, right=True) - 1
    return torch.where(step < 0, 0, total[step.clamp_min(0)])
