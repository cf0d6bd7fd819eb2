"""How near a result is to the truth, per image or pixel by pixel. Reflectance in; torch tensors (b, c, y, x)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from dione.base import optics

LEAST_ERROR = 1e-12
"""Mean squared error, reflectance², below which nothing is told apart: 120 dB."""


def corrected(sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
    """`sr` with each band's mean moved to that of `hr`: brightness is not what is scored."""
    return sr + (hr - sr).mean((-2, -1), keepdim=True)


def cmse(sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"], *, border: int = 4) -> Float[Tensor, " b"]:
    """Mean squared error after bias correction per band, reflectance²; `border` pixels on every side left out."""
    inner = (slice(None), slice(None), slice(border, -border or None), slice(border, -border or None))
    return (corrected(sr[inner], hr[inner]) - hr[inner]).square().mean((1, 2, 3))


def cpsnr(sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"], *, border: int = 4) -> Float[Tensor, " b"]:
    """Peak signal-to-noise ratio after bias correction, dB, for a peak of reflectance 1 (Märtens et al. 2019, arXiv 1907.01821)."""
    return decibels(cmse(sr, hr, border=border))


def decibels(mse: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """A mean squared error, reflectance², as peak signal-to-noise ratio, dB, for a peak of reflectance 1."""
    return -10 * torch.log10(mse.clamp_min(LEAST_ERROR))


def similarity(sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
    """Structural similarity around each pixel, -1 to 1: Gaussian window of 1.5 px, constants for a range of reflectance 1.

    Source: Z. Wang et al., Image quality assessment: from error visibility to structural similarity, IEEE TIP 13 (2004).
    """
    return structural_similarity_index_measure(sr, hr, data_range=1.0, reduction="none", return_full_image=True)[1]


def angle(sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"]) -> Float[Tensor, "b y x"]:
    """The angle between two spectra, degrees: 0 for the same colour, however bright.

    Spectral angle mapper (Kruse et al. 1993), as 2·atan2(|u − v|, |u + v|) of unit spectra, exact for small angles too.
    """
    one, other = (spectra / _length(spectra)[:, None].clamp_min(1e-12) for spectra in (sr, hr))
    return torch.rad2deg(2 * torch.atan2(_length(one - other), _length(one + other)))


def ergas(mse: Float[Tensor, "b c"], mean: Float[Tensor, "b c"], *, zoom: int) -> Float[Tensor, " b"]:
    """Relative global error: 100 / zoom · √(mean over bands of mse / mean²), of each band's mean squared error and true mean.

    Source: L. Wald, Quality of high resolution synthesised images: is there a simple criterion?, Fusion of Earth Data (2000).
    """
    return 100 / zoom * (mse / mean.square()).mean(1).sqrt()


def averaged(fine: Float[Tensor, "b c y x"], zoom: int) -> Float[Tensor, "b c h w"]:
    """What the sensor would see of `fine`: its point-spread function at each coarse pixel, edges repeated."""
    height, width = fine.shape[-2:]
    down, across = (torch.from_numpy(optics.sampling(side // zoom, side, zoom)) for side in (height, width))
    return down @ fine @ across.T


def _length(spectra: Float[Tensor, "b c y x"]) -> Float[Tensor, "b y x"]:
    """√ of the sum of squares over bands; many times faster than torch's norm along that axis."""
    return spectra.square().sum(1).sqrt()
