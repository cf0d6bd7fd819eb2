"""Sums and local means that give the same bits whatever window a pixel is in."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def box_mean(x: Float[Tensor, "*n h w"], size: int) -> Float[Tensor, "*n h w"]:
    """Mean over size × size pixels (size odd) around each, zero beyond the edges.

    Sums of 1, 2, 4 … neighbours are made of one another, so a window of 15 takes six additions a side.
    """
    for axis in (-2, -1):
        span, reach = x.shape[axis], size // 2
        pad = (0, 0, reach, reach) if axis == -2 else (reach, reach)
        run, total, width, start = F.pad(x, pad), None, 1, 0
        while width <= size:
            if size & width:
                part = run.narrow(axis, start, span)
                total = part if total is None else total + part
                start += width
            if 2 * width <= size:
                length = run.shape[axis] - width
                run = run.narrow(axis, 0, length) + run.narrow(axis, width, length)
            width *= 2
        assert total is not None
        x = total
    return x / size**2


def summed(x: Float[Tensor, "*n"], axis: int) -> Float[Tensor, "*m"]:
    """The sum along an axis, one after the other.

    PyTorch's own adds more than four maps in another order for the last pixels in memory: the same pixel then differs in
    its last bit from window to window.
    """
    if torch.compiler.is_compiling() or x.shape[axis] == 0:
        return x.sum(axis)
    first, *others = x.unbind(axis)
    for one in others:
        first = first + one
    return first


def local_mean(x: Float[Tensor, "n c h w"], weight: Float[Tensor, "n 1 h w"], size: int = 5) -> tuple[Float[Tensor, "n c h w"], Float[Tensor, "n 1 h w"]]:
    """Weighted mean over size × size pixels, and the mean weight there; zero where no pixel has weight.

    `x` must be zero where its weight is.
    """
    near = box_mean(torch.cat([x, weight], 1), size)
    mean, share = near[:, :-1], near[:, -1:]
    return mean / share.clamp_min(1e-6), share


def continued(x: Float[Tensor, "b c h w"], known: Bool[Tensor, "b 1 h w"], rounds: int = 2) -> Float[Tensor, "b c h w"]:
    """`x` with unknown pixels, two more a round, taken from the known ones around them."""
    have = known.to(x.dtype)
    for _ in range(rounds):
        mean, share = local_mean(x * have, have)
        x = torch.where(have > 0, x, mean)
        have = (share > 0).to(x.dtype)
    return x
