"""The rim of a window, which a network sees and need not work out: taken away as soon as it is no longer needed."""

from jaxtyping import Shaped
from torch import Tensor

Rim = tuple[int, ...]
"""Pixels at the top, bottom, left and right of a picture."""
NO_RIM: Rim = (0, 0, 0, 0)
EVEN = 16
"""Columns that matrix units of processors take at a time, so that a convolution of 430 columns takes longer there than one of 432."""


def without(x: Shaped[Tensor, "*n h w"], rim: Rim) -> Shaped[Tensor, "*n hh ww"]:
    """A picture without some rows at its top and bottom, and columns at its left and right."""
    top, bottom, left, right = rim
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]


def spare(rim: Rim, needed: int, x: Shaped[Tensor, "*n h w"]) -> tuple[Rim, Rim]:
    """What of a picture's rim is more than `needed` pixels a side, and what is left without it: a few more columns if they are EVEN then."""
    top, bottom, left, right = (max(side - needed, 0) for side in rim)
    if right:
        right -= min(right, -(x.shape[-1] - left - right) % EVEN)
    cut = (top, bottom, left, right)
    return cut, tuple(side - gone for side, gone in zip(rim, cut, strict=True))
