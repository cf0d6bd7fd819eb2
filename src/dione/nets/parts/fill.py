"""The target date with its unseen pixels filled from the other dates."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from dione.nets.parts.means import box_mean, continued, summed

FILL_RADIUS = 8
HOLE_RADIUS = 4
FILL_MARGIN = FILL_RADIUS + HOLE_RADIUS
"""Coarse pixels that a filled one depends on."""


def fill(
    x: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"], share: Float[Tensor, "b t h w"]
) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b 1 h w"]]:
    """The target date, its unseen pixels filled from the dates that were believed; and where anything was seen.

    Filled pixels take the colours of the target around them: the difference between target and filling, where both
    are known, is spread into the gap and fades over FILL_RADIUS. Pixels never seen continue their neighbours for
    HOLE_RADIUS, only so that no edge rings.
    """
    covered = valid.any(1)[:, None]
    if not torch.compiler.is_compiling() and bool(valid[:, 0].all()):
        return x[:, 0], covered.to(x.dtype)
    known = valid[:, :1].to(x.dtype)
    believed = share[:, 1:, None]
    weight = summed(believed, 1)
    support = summed(believed * x[:, 1:], 1) / weight.clamp_min(1e-6)
    both = known * (weight > 1e-6)
    apart = _spread((x[:, 0] - support) * both) / (_spread(both) + 0.02)
    base = torch.where(known > 0, x[:, 0], torch.where(weight > 1e-6, support + apart, 0))
    return continued(base, covered, HOLE_RADIUS // 2), covered.to(x.dtype)


def _spread(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Mean over a window of FILL_RADIUS that falls off towards its edge."""
    size = FILL_RADIUS + 1
    return box_mean(box_mean(x, size), size)
