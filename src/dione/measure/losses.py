"""What training minimises. Reflectance in; each term is divided by the patch's own contrast, so dim fields count as bright towns do."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict
from torch import Tensor

CONTRAST_FLOOR = 0.01
"""Added to a patch's contrast, reflectance, so that open water does not rule."""


class LossConfig(BaseModel):
    """Weights of the terms."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    charbonnier: float = 1.0
    gradient: float = 0.2
    likelihood: float = 0.1


@dataclass(frozen=True)
class Terms:
    """The loss and its parts, means over the batch."""

    total: Float[Tensor, ""]
    parts: dict[str, Float[Tensor, ""]]


def loss(sr: Float[Tensor, "b c y x"], log_sigma: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"], config: LossConfig = LossConfig()) -> Terms:
    """Distance of `sr` from `hr`, of their gradients, and the likelihood of the error under sigma.

    The likelihood is Laplace's with scale sigma/√2 and leaves `sr` alone: uncertainty must not blur the picture.
    """
    contrast = hr.std((-2, -1), keepdim=True).mean(1, keepdim=True) + CONTRAST_FLOOR
    error = (sr - hr) / contrast
    parts = {
        "charbonnier": charbonnier(error).mean(),
        "gradient": sum((charbonnier(step).mean() for step in (error.diff(dim=-1), error.diff(dim=-2))), start=torch.zeros(())),
        "likelihood": laplace((sr - hr).detach(), log_sigma).mean(),
    }
    total = sum((getattr(config, name) * part for name, part in parts.items()), start=torch.zeros(()))
    return Terms(total, {name: part.detach() for name, part in parts.items()})


def charbonnier(x: Float[Tensor, "..."], eps: float = 0.2) -> Float[Tensor, "..."]:
    """√(x² + ε²) − ε: quadratic near zero, linear far away (Charbonnier et al. 1994)."""
    return torch.sqrt(x.square() + eps**2) - eps


def laplace(error: Float[Tensor, "..."], log_sigma: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Negative log-likelihood of `error` under a Laplace distribution of deviation exp(log_sigma), up to a constant."""
    return log_sigma + 2**0.5 * error.abs() * torch.exp(-log_sigma)
