"""From coarse pixels to fine ones by bicubic interpolation, and back by the sensor's point-spread function; edges are repeated."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from dione.base import optics
from dione.nets.parts.layout import packed


def exact(x: Tensor) -> torch.autocast:
    """Float32 for what carries the picture itself, whatever precision surrounds it."""
    return torch.autocast(x.device.type, enabled=False)


class Enlarge(nn.Module):
    """Keys' bicubic interpolation (a = -0.5), edges replicated, to zoom² sub-pixels a pixel.

    Source: R. Keys, Cubic convolution interpolation for digital image processing, IEEE ASSP 29 (1981).
    """

    margin = 2
    kernel: Tensor

    def __init__(self, zoom: int):
        super().__init__()
        self.zoom = zoom
        taps = torch.from_numpy(bicubic_taps(zoom))
        self.register_buffer("kernel", rearrange(torch.einsum("ip,jq->pqij", taps, taps), "p q i j -> (p q) 1 i j").contiguous(), persistent=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b czz h w"]:
        """(b, c, h, w) → (b, c · zoom², h, w), in the order that `pixel_shuffle` takes."""
        bands = x.shape[1]
        with exact(x):
            return F.conv2d(packed(replicate(x.float(), self.margin)), self.kernel.repeat(bands, 1, 1, 1), groups=bands)


class Separable(nn.Module):
    """Every band convolved along its rows and then along its columns, edges replicated; as exactly as what surrounds it.

    axis: (m, 2r + 1, zoom) weights along one axis, of the fine pixels of the coarse pixels -r … r; zoom 1 for coarse pixels themselves.
    products: which of them go along the columns and which along the rows, one pair an output.
    """

    across: Tensor
    down: Tensor

    def __init__(self, axis: NDArray[np.float32], products: Sequence[tuple[int, int]]):
        super().__init__()
        weights, self.margin, self.outputs = torch.from_numpy(axis), axis.shape[1] // 2, len(products)
        count, _, zoom = axis.shape
        along = torch.einsum("mkq,pr->pmrqk", weights, torch.eye(zoom))
        self.register_buffer("across", rearrange(along, "p m r q k -> (p m) (r q) 1 k").contiguous(), persistent=False)
        rows = torch.stack([torch.einsum("kp,n->pnk", weights[a], torch.eye(count)[b]) for a, b in products])
        self.register_buffer("down", rearrange(rows, "o p n k -> o (p n) k 1").contiguous(), persistent=False)

    def forward(self, x: Float[Tensor, "b czz h w"]) -> Float[Tensor, "b c o h w"]:
        """(b, c · zoom², h, w), as `pixel_shuffle` takes it → (b, c, o, h, w)."""
        bands = x.shape[1] // self.across.shape[1]
        rows = F.conv2d(packed(beside(x, self.margin, -1)), self.across.repeat(bands, 1, 1, 1), groups=bands)
        made = F.conv2d(beside(rows, self.margin, -2), self.down.repeat(bands, 1, 1, 1), groups=bands)
        return rearrange(made, "b (c o) h w -> b c o h w", o=self.outputs)


def of_enlarged(axis: NDArray[np.float32]) -> NDArray[np.float32]:
    """(m, 2r + 1, zoom) weights along one axis → (m, 2r + 5, 1): of the coarse pixels that `Enlarge` makes such fine ones of."""
    near = np.einsum("mkq,jq->mkj", axis.astype(np.float64), bicubic_taps(axis.shape[-1]))
    made = np.zeros((near.shape[0], near.shape[1] + near.shape[2] - 1, 1))
    for start in range(near.shape[1]):
        made[:, start : start + near.shape[2], 0] += near[:, start]
    return made.astype(np.float32)


class Reduce(nn.Module):
    """The sensor's point-spread function: sub-pixels back to the coarse pixels they average to, edges replicated."""

    def __init__(self, zoom: int, modulation: float = optics.NYQUIST_MODULATION):
        super().__init__()
        axis = optics.kernel(zoom, modulation)[None]
        self.fine, self.coarse = (Separable(weights, [(0, 0)]) for weights in (axis, of_enlarged(axis)))
        self.margin = self.fine.margin

    def forward(self, x: Float[Tensor, "b czz h w"]) -> Float[Tensor, "b c h w"]:
        """(b, c · zoom², h, w) → (b, c, h, w), float32."""
        with exact(x):
            return self.fine(x.float())[:, :, 0]

    def enlarged(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """What it makes of `x` enlarged by bicubic interpolation, which need not be done for that."""
        with exact(x):
            return self.coarse(x.float())[:, :, 0]


def replicate(x: Float[Tensor, "b c h w"], by: int) -> Float[Tensor, "b c hh ww"]:
    """Edges repeated outwards."""
    return beside(beside(x, by, -2), by, -1)


def beside(x: Float[Tensor, "b c h w"], by: int, axis: int) -> Float[Tensor, "b c hh ww"]:
    """First and last row (or column) repeated outwards. (F.pad's gradient has a layout that the compiler of PyTorch 2.13 does not expect.)"""
    first, last = x.narrow(axis, 0, 1), x.narrow(axis, x.shape[axis] - 1, 1)
    return torch.cat([*[first] * by, x, *[last] * by], axis)


@lru_cache
def bicubic_taps(zoom: int) -> np.ndarray:
    """Weights (5, zoom) of the pixels -2 … 2 for each of the zoom sub-pixels of a pixel."""
    centre = (np.arange(zoom) + 0.5) / zoom - 0.5
    t = np.abs(centre[None] - np.arange(-2, 3)[:, None])
    a = -0.5
    near = (a + 2) * t**3 - (a + 3) * t**2 + 1
    far = a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
    return np.where(t < 1, near, np.where(t < 2, far, 0)).astype(np.float32)
