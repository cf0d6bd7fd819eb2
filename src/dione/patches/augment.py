"""What is done to a batch of training patches at random, beside drawing it: nothing changes what is true of it.

Everything is drawn from the Generator given, after the patches themselves; with the defaults, only turns are.
"""

from typing import Annotated, Literal

import torch
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat
from torch import Tensor

from dione.measure.lanczos import FURTHEST_PX, lanczos


class AugmentConfig(BaseModel):
    """`[train.augment]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    turns: bool = True
    """One of the eight turns and mirrorings of a square, the same for a whole batch."""
    order: Literal["random", "kept"] = "random"
    """Of the supports: drawn and shuffled, or drawn and left as they stand in the store. A network whose result depends on it needs the latter."""
    gain: NonNegativeFloat = 0.0
    """Deviation of the logarithm of a factor on all dates and the reference of a patch: brighter or darker land."""
    contrast: NonNegativeFloat = 0.0
    """Deviation of the logarithm of a factor on what a band of a patch has beside its mean, on all dates and the reference alike."""
    reference_shift_px: Annotated[float, Field(ge=0, le=FURTHEST_PX)] = 0.0
    """Largest shift of the reference in each axis, sharp pixels, for a loss that forgives it."""
    match_histograms: bool = False
    """Give each band of the reference the distribution of the target date's, where that is without clouds."""


def brightness(
    lr: Float[Tensor, "b t c h w"], hr: Float[Tensor, "b c y x"], config: AugmentConfig, generator: torch.Generator
) -> tuple[Float[Tensor, "b t c h w"], Float[Tensor, "b c y x"]]:
    """Gain and contrast, drawn for each patch."""
    if config.gain:
        gain = torch.exp(config.gain * torch.randn(len(lr), 1, 1, 1, 1, generator=generator))
        lr, hr = lr * gain, hr * gain[:, 0]
    if config.contrast:
        factor = torch.exp(config.contrast * torch.randn(len(lr), 1, 1, 1, 1, generator=generator))
        mean = hr.mean((-2, -1), keepdim=True)
        lr, hr = mean[:, None] + (lr - mean[:, None]) * factor, mean + (hr - mean) * factor[:, 0]
    return lr, hr


def moved(hr: Float[Tensor, "b c y x"], config: AugmentConfig, generator: torch.Generator) -> Float[Tensor, "b c y x"]:
    """The reference a little out of place, each patch in its own way."""
    if not config.reference_shift_px:
        return hr
    return lanczos(hr, config.reference_shift_px * (2 * torch.rand(len(hr), 2, generator=generator) - 1))


def matched(hr: Float[Tensor, "b c y x"], target: Float[Tensor, "b c h w"], seen: Bool[Tensor, "b h w"]) -> Float[Tensor, "b c y x"]:
    """`hr` whose k-th darkest pixel of a band has the value of the target's at the same rank, interpolated; as it is where the target has clouds."""
    fine, coarse = hr.flatten(2), target.flatten(2).sort(-1).values
    rank = fine.argsort(-1).argsort(-1)
    place = ((rank + 0.5) / fine.shape[-1] * coarse.shape[-1] - 0.5).clamp(0, coarse.shape[-1] - 1)
    below = place.long().clamp_max(max(coarse.shape[-1] - 2, 0))
    above = (below + 1).clamp_max(coarse.shape[-1] - 1)
    value = torch.lerp(coarse.gather(-1, below), coarse.gather(-1, above), place - below)
    clear = seen.flatten(1).all(1)[:, None, None, None]
    return torch.where(clear, value.view_as(hr), hr)
