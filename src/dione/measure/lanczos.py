"""Moving an image by a fraction of a pixel, with Lanczos' kernel: sharper than bicubic, and smooth in the shift.

    L(t) = sinc(t) · sinc(t / a)   for |t| < a = 3, and 0 beyond

Weights are divided by their sum, so that a flat image stays as it is. Shifts are as in `measure.shift`: `lanczos(x, by)`
is `x` read `by` pixels further down and right; the gradient reaches `by`, which is what trains a ShiftNet (Deudon et al.
2020, arXiv 2002.06460). Source of the kernel: C. E. Duchon, Lanczos filtering in one and two dimensions, Journal of
Applied Meteorology 18 (1979).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

LOBES = 3
FURTHEST_PX = 5
"""Of a shift in each axis; what goes further is held there."""


def lanczos(x: Float[Tensor, "b c y x"], by: Float[Tensor, "b 2"]) -> Float[Tensor, "b c y x"]:
    """`x` read `by` (rows, columns) pixels further down and right, edges repeated."""
    b, c, height, width = x.shape
    weights = taps(by.clamp(-FURTHEST_PX, FURTHEST_PX)).repeat_interleave(c, 0)
    reach = weights.shape[-1] // 2
    padded = F.pad(x, (reach, reach, reach, reach), mode="replicate").reshape(1, b * c, height + 2 * reach, width + 2 * reach)
    moved = F.conv2d(padded, weights[:, None, 0, :, None], groups=b * c)
    return F.conv2d(moved, weights[:, None, 1, None, :], groups=b * c).reshape(b, c, height, width)


def taps(by: Float[Tensor, "b 2"]) -> Float[Tensor, "b 2 k"]:
    """Weights of the pixels around each, for the shift in each axis; they sum to one."""
    reach = LOBES + FURTHEST_PX
    t = torch.arange(-reach, reach + 1, dtype=by.dtype, device=by.device) - by[..., None]
    weights = torch.where(t.abs() < LOBES, torch.sinc(t) * torch.sinc(t / LOBES), torch.zeros((), dtype=by.dtype, device=by.device))
    return weights / weights.sum(-1, keepdim=True)
