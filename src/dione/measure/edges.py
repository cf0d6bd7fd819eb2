"""Edges found again: where the truth changes abruptly, does the result, and the other way round?

An edge is a ridge of the slope: a pixel that is at least as steep as its two neighbours across the edge (left and right,
or above and below, whichever way the image changes more; after Canny 1986), and whose slope exceeds STEEP times the
contrast of the truth in that image. The slope is Sobel's gradient, reflectance per pixel, its length taken over both
directions and all bands; the contrast is the standard deviation of the truth over the scored pixels, all bands together,
at least CONTRAST_FLOOR. A step between the two halves of an image passes if it takes fewer than eight pixels, so what
bicubic interpolation by four makes of it does too.

An edge is found again if the other image has one within TOLERANCE_PX. With the counts of edges and of those found again,
precision is the share of the result's edges that are true, recall the share of true edges that the result has, and F1
their harmonic mean.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

STEEP = 0.25
"""Slope of an edge, contrasts per pixel."""
TOLERANCE_PX = 1
CONTRAST_FLOOR = 0.01
"""Reflectance; so that the noise of calm water has no edges."""


@dataclass(frozen=True)
class Edges:
    """Counts per image; they add up."""

    made: Float[Tensor, " b"]
    """Edge pixels of the result."""
    true: Float[Tensor, " b"]
    """Those that the truth has too, nearby."""
    wanted: Float[Tensor, " b"]
    """Edge pixels of the truth."""
    met: Float[Tensor, " b"]
    """Those that the result has too, nearby."""


def edges(sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"], seen: Bool[Tensor, "b y x"]) -> Edges:
    """Count edges of `sr` against those of `hr` among the `seen` pixels."""
    steep = STEEP * contrast(hr, seen)[:, None, None]
    made, wanted = (ridges(image, steep) for image in (sr, hr))
    counted = (made, made & _near(wanted), wanted, wanted & _near(made))
    return Edges(*((where & seen).sum((1, 2)).to(sr.dtype) for where in counted))


def ridges(image: Float[Tensor, "b c y x"], steep: Float[Tensor, "b 1 1"]) -> Bool[Tensor, "b y x"]:
    """Where the slope is steep, and steepest across the edge."""
    kernel = torch.tensor([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]], dtype=image.dtype) / 8
    kernels = torch.stack([kernel, kernel.T])[:, None].repeat(image.shape[1], 1, 1, 1)
    both = F.conv2d(F.pad(image, (1, 1, 1, 1), mode="replicate"), kernels, groups=image.shape[1]).square()
    down, across = both[:, ::2].sum(1), both[:, 1::2].sum(1)
    slope = down + across
    beside, above = (F.max_pool2d(slope[:, None], size, stride=1, padding=(size[0] // 2, size[1] // 2))[:, 0] for size in ((1, 3), (3, 1)))
    return (slope > steep.square()) & (slope >= torch.where(across > down, beside, above))


def contrast(hr: Float[Tensor, "b c y x"], seen: Bool[Tensor, "b y x"]) -> Float[Tensor, " b"]:
    """Standard deviation over the `seen` pixels, all bands together, at least CONTRAST_FLOOR."""
    weight = seen[:, None].to(hr.dtype)
    count = weight.sum((2, 3), keepdim=True).clamp_min(1)
    mean = (hr * weight).sum((2, 3), keepdim=True) / count
    variance = ((hr - mean).square() * weight).sum((2, 3)) / count[..., 0, 0]
    return variance.sum(1).sqrt().clamp_min(CONTRAST_FLOOR)


def _near(where: Bool[Tensor, "b y x"]) -> Bool[Tensor, "b y x"]:
    """Within TOLERANCE_PX of a pixel that is True."""
    return F.max_pool2d(where[:, None].float(), 2 * TOLERANCE_PX + 1, stride=1, padding=TOLERANCE_PX)[:, 0] > 0
