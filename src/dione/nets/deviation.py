"""A network's log σ as the calibrated 1σ of its picture: what it foresees, scaled, and a share of the light, which shade scatters where no coarse pixel shows it.

    σ = √((scale · exp(log σ))² + (floor · lit)²) · filled        by band; the factors: measure/calibration.py

`filled` is for what the target did not see and other dates filled; one elsewhere.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dione.measure.calibration import lit


@runtime_checkable
class Factors(Protocol):
    """By band; `sigma_filled` for all of them."""

    @property
    def sigma_scale(self) -> Sequence[float]: ...

    @property
    def sigma_floor(self) -> Sequence[float]: ...

    @property
    def sigma_filled(self) -> float: ...


def deviation(
    sr: Float[Tensor, "b c y x"], log_sigma: Float[Tensor, "b c y x"], factors: Factors, target: Bool[Tensor, "b y x"] | None = None
) -> Float[Tensor, "b c y x"]:
    """σ, float32; `log_sigma` is used up. target: where the target was seen; everywhere if not told."""
    sigma = log_sigma.float().exp_()
    for band, (times, share) in enumerate(zip(factors.sigma_scale, factors.sigma_floor, strict=True)):
        own = sigma[:, band].mul_(times)
        if share:
            light = lit(sr, band).float()
            own.square_().addcmul_(light, light, value=share**2).sqrt_()
    if target is None or factors.sigma_filled == 1:
        return sigma
    return torch.where(target[:, None], sigma, sigma * factors.sigma_filled)


def enlarged(x: Bool[Tensor, "b h w"], zoom: int) -> Bool[Tensor, "b y x"]:
    """Each pixel as zoom × zoom of them."""
    batch, height, width = x.shape
    return x[:, :, None, :, None].expand(batch, height, zoom, width, zoom).reshape(batch, height * zoom, width * zoom)
