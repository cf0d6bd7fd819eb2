"""Loops over pixels for what PyTorch would go through memory dozens of times for: on a processor, without gradients.

    large maps, on a processor, nothing to learn ──► loops of this closet
    else                                         ──► PyTorch

Each gives what PyTorch does where it is called from, to the bit: the same operations in the same order, rounded as PyTorch
rounds them, also where it multiplies and adds at once. So it never shows which of the two made a window.
"""

import torch
from jaxtyping import Float
from torch import Tensor

FROM_PX = 1 << 17
"""Pixels of a map from which on loops that are compiled first are worth their start."""


def serve(x: Float[Tensor, "*n h w"]) -> bool:
    """Whether loops are to work on such maps: where they save more than they take to load, and nothing is learned."""
    if torch.compiler.is_compiling() or torch.is_grad_enabled() or x.device.type != "cpu" or x.dtype != torch.float32:
        return False
    return x.shape[-2] * x.shape[-1] >= FROM_PX
