"""What was added: right (improvement), wrong (hallucination), or not at all (omission).

The correctness triplet of opensr-test (Aybar et al. 2024, A comprehensive benchmark for optical remote sensing image
super-resolution, IEEE GRSL; the constants are those of its release 1.3.3). Three distances per pixel, each the mean over
bands of |x − y| / |x + y|:

    reference   coarse image, enlarged bilinearly, to truth     what there was to add
    made        result to truth                                 what is still wrong
    added       result to enlarged coarse image                 what was added

Only pixels count where one of the three exceeds the QUIETEST quantile of the reference distance in that image. There,
with d = made / reference, a = added / reference and H = d + a − 1, each pixel's distance from the corners of a triangle
is turned by softmin of TEMPERATURE into three shares that sum to one:

    improvement     d + a · (1 − exp(−λH))
    omission        a + d · (1 − exp(−λH))
    hallucination   exp(−λ · d · a)

Shares are summed over pixels and divided by their number at the end. Unlike opensr-test's default, which matches
histograms and aligns, the caller decides how brightness is made comparable; nothing is moved.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

QUIETEST = 0.75
LAMBDA = 0.05
TEMPERATURE = 0.25
DARKEST = 1e-4
"""Reflectance; darker is taken as this, one digital number."""
LEAST = 1e-8


@dataclass(frozen=True)
class Correctness:
    """Sums per image; a share divided by `pixels` is a score from 0 to 1."""

    improvement: Float[Tensor, " b"]
    omission: Float[Tensor, " b"]
    hallucination: Float[Tensor, " b"]
    pixels: Float[Tensor, " b"]
    """How many counted."""


def correctness(sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"], enlarged: Float[Tensor, "b c y x"], seen: Bool[Tensor, "b y x"]) -> Correctness:
    """The triplet of `sr` among the `seen` pixels; `enlarged` is the coarse target on the fine grid."""
    reference, made, added = distance(enlarged, hr), distance(sr, hr), distance(sr, enlarged)
    quiet = quantile(reference, seen)[:, None, None]
    counts = seen & ((reference > quiet) | (made > quiet) | (added > quiet))
    shares = triplet(made / reference.clamp_min(LEAST), added / reference.clamp_min(LEAST))
    improvement, omission, hallucination = (shares * counts).sum((2, 3))
    return Correctness(improvement, omission, hallucination, counts.sum((1, 2)).to(sr.dtype))


def distance(x: Float[Tensor, "b c y x"], y: Float[Tensor, "b c y x"]) -> Float[Tensor, "b y x"]:
    """Normalised difference, mean over bands: 0 for equal, up to 1."""
    x, y = x.clamp_min(DARKEST), y.clamp_min(DARKEST)
    return ((x - y).abs() / (x + y)).mean(1)


def triplet(d: Float[Tensor, "b y x"], a: Float[Tensor, "b y x"]) -> Float[Tensor, "3 b y x"]:
    """Shares of improvement, omission and hallucination; they sum to one."""
    curve = 1 - torch.exp(-LAMBDA * (d + a - 1))
    corners = torch.stack([d + a * curve, a + d * curve, torch.exp(-LAMBDA * d * a)])
    return torch.softmax(-corners / TEMPERATURE, 0)


def quantile(values: Float[Tensor, "b y x"], seen: Bool[Tensor, "b y x"]) -> Float[Tensor, " b"]:
    """The QUIETEST quantile of each image's `seen` pixels, by rank."""
    ranked = torch.where(seen, values, torch.inf).flatten(1).sort(1).values
    rank = (QUIETEST * seen.flatten(1).sum(1)).long() - 1
    return ranked.gather(1, rank.clamp_min(0)[:, None])[:, 0]
