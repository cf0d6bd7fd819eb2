"""How near a result is to the truth, a score per image. Reflectance in; torch tensors (b, c, y, x)."""

import torch
from jaxtyping import Float
from torch import Tensor


def corrected(sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
    """`sr` with each band's mean moved to that of `hr`: brightness is not what is scored."""
    return sr + (hr - sr).mean((-2, -1), keepdim=True)


def cmse(sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"], *, border: int = 4) -> Float[Tensor, " b"]:
    """Mean squared error after bias correction per band, reflectance²; `border` pixels on every side left out."""
    inner = (slice(None), slice(None), slice(border, -border or None), slice(border, -border or None))
    return (corrected(sr[inner], hr[inner]) - hr[inner]).square().mean((1, 2, 3))


def cpsnr(sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"], *, border: int = 4) -> Float[Tensor, " b"]:
    """Peak signal-to-noise ratio after bias correction, dB, for a peak of reflectance 1 (Märtens et al. 2019, arXiv 1907.01821)."""
    return -10 * torch.log10(cmse(sr, hr, border=border).clamp_min(1e-12))
