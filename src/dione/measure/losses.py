"""What training minimises. Reflectance in; errors are divided by a unit, the patch's own contrast, so dim fields count as bright towns do.

A reference from another sensor is never quite in place nor equally bright. Two tolerances, both off by default, admit
that: `shift_px` compares it where it fits best, `bias` takes each band's mean difference off.

The terms of the older pipeline are here too: its MAE, MSE and SSIM are `mae`, `mse` and `dissimilarity` of weight 1, its
MIXED is `mse` of weight 1 with `dissimilarity` of weight 0.1, all in the network's own unit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, NonNegativeFloat
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from dione.measure import shift

CONTRAST_FLOOR = 0.01
"""Added to a patch's contrast, reflectance, so that open water does not rule."""
SPECTRUM_FLOOR = 0.01
"""Length of a spectrum, reflectance, below which its direction says little."""
ANGLE_EPS = 0.01
"""Radians below which the spectral angle counts quadratically."""


class LossConfig(BaseModel):
    """Weights of the terms (0 leaves one out), and what is forgiven."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    charbonnier: NonNegativeFloat = 1.0
    gradient: NonNegativeFloat = 0.2
    spectral_angle: NonNegativeFloat = 0.0
    likelihood: NonNegativeFloat = 0.1
    mae: NonNegativeFloat = 0.0
    mse: NonNegativeFloat = 0.0
    dissimilarity: NonNegativeFloat = 0.0
    unit: Literal["contrast", "reflectance", "network"] = "contrast"
    """What errors are divided by, a name in UNITS: the patch's own contrast, nothing, or what the network normalises with."""
    bias: bool = False
    """Whether each band's mean difference is forgiven."""
    shift_px: NonNegativeFloat = 0.0
    """Largest shift of the reference that is forgiven, in its own (sharp) pixels; 0 searches none."""


@dataclass(frozen=True)
class Terms:
    """The loss and its parts, means over the batch."""

    total: Float[Tensor, ""]
    parts: dict[str, Float[Tensor, ""]]


@dataclass(frozen=True)
class Compared:
    """What the terms look at, reflectance."""

    sr: Float[Tensor, "b c y x"]
    log_sigma: Float[Tensor, "b c y x"]
    hr: Float[Tensor, "b c y x"]
    unit: Float[Tensor, "b 1 1 1"]

    @property
    def error(self) -> Float[Tensor, "b c y x"]:
        """In units."""
        return (self.sr - self.hr) / self.unit


def loss(sr: Float[Tensor, "b c y x"], log_sigma: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"], config: LossConfig = LossConfig()) -> Terms:
    """Distance of `sr` from `hr` and the likelihood of the error under sigma: the terms of `config`, after what it forgives."""
    if config.shift_px:
        log_sigma = shift.inside(log_sigma, shift.margin(config.shift_px))
        sr, hr, _ = shift.aligned(sr, hr, limit_px=config.shift_px)
    if config.bias:
        sr = sr + (hr - sr).mean((-2, -1), keepdim=True)
    compared = Compared(sr, log_sigma, hr, UNITS[config.unit](hr))
    weights = {name: getattr(config, name) for name in TERMS}
    parts = {name: TERMS[name](compared) for name, weight in weights.items() if weight}
    total = sum((weights[name] * part for name, part in parts.items()), start=torch.zeros(()))
    return Terms(total, {name: part.detach() for name, part in parts.items()})


def distance(x: Compared) -> Float[Tensor, ""]:
    """Charbonnier of the error."""
    return charbonnier(x.error).mean()


def gradient(x: Compared) -> Float[Tensor, ""]:
    """Charbonnier of the error's steps from pixel to pixel, right and down: edges."""
    return charbonnier(x.error.diff(dim=-1)).mean() + charbonnier(x.error.diff(dim=-2)).mean()


def spectral_angle(x: Compared) -> Float[Tensor, ""]:
    """Angle between the spectra (Kruse et al. 1993), radians, as the chord 2 sin(angle/2): within 1 % of it up to 28°, and smooth at zero."""
    apart = (direction(x.sr) - direction(x.hr)).square().sum(1)
    return (torch.sqrt(apart + ANGLE_EPS**2) - ANGLE_EPS).mean()


def likelihood(x: Compared) -> Float[Tensor, ""]:
    """Laplace's, with scale sigma/√2; it leaves `sr` alone: uncertainty must not blur the picture."""
    return laplace((x.sr - x.hr).detach(), x.log_sigma).mean()


def mean_absolute(x: Compared) -> Float[Tensor, ""]:
    """Of the error."""
    return x.error.abs().mean()


def mean_squared(x: Compared) -> Float[Tensor, ""]:
    """Of the error."""
    return x.error.square().mean()


def dissimilarity(x: Compared) -> Float[Tensor, ""]:
    """1 − SSIM, for images of range 1 after division by the unit (Wang et al. 2004; Gaussian window of 11 px, deviation 1.5)."""
    similar = structural_similarity_index_measure(x.sr / x.unit, x.hr / x.unit, data_range=1.0)
    assert isinstance(similar, Tensor)
    return 1 - similar


TERMS: dict[str, Callable[[Compared], Tensor]] = {
    "charbonnier": distance,
    "gradient": gradient,
    "spectral_angle": spectral_angle,
    "likelihood": likelihood,
    "mae": mean_absolute,
    "mse": mean_squared,
    "dissimilarity": dissimilarity,
}


def contrast(hr: Float[Tensor, "b c y x"]) -> Float[Tensor, "b 1 1 1"]:
    """Mean over the bands of a patch's standard deviation, and the floor."""
    return hr.std((-2, -1), keepdim=True).mean(1, keepdim=True) + CONTRAST_FLOOR


def one(hr: Float[Tensor, "b c y x"]) -> Float[Tensor, "b 1 1 1"]:
    """Nothing is divided."""
    return torch.ones_like(hr[:, :1, :1, :1])


UNITS: dict[str, Callable[[Tensor], Tensor]] = {"contrast": contrast, "reflectance": one, "network": one}
"""Reference → (b, 1, 1, 1) that an error is divided by. For `network`, the caller brings images in the network's own unit."""


def charbonnier(x: Float[Tensor, "..."], eps: float = 0.2) -> Float[Tensor, "..."]:
    """√(x² + ε²) − ε: quadratic near zero, linear far away (Charbonnier et al. 1994)."""
    return torch.sqrt(x.square() + eps**2) - eps


def laplace(error: Float[Tensor, "..."], log_sigma: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Negative log-likelihood of `error` under a Laplace distribution of deviation exp(log_sigma), up to a constant."""
    return log_sigma + 2**0.5 * error.abs() * torch.exp(-log_sigma)


def direction(x: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
    """Each pixel's spectrum at unit length; shorter where it is dark."""
    return x / torch.sqrt(x.square().sum(1, keepdim=True) + SPECTRUM_FLOOR**2)
