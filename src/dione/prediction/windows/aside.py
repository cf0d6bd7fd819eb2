"""How each support differs from the target, and where it stands: at the nodes of a lattice, cheaply.

nets/parts/shifts.py does the same at every pixel, for the network; here it is done at a quarter of them, in one band.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from dione.nets.parts.shifts import LARGEST, RADIUS, RIDGE, basis, likeness, pooled, slope
from dione.prediction.windows.lattice import STEP, Lattice

MARGIN = 2 + 2 + 2 * STEP * RADIUS + STEP
"""Coarse pixels that what is told of a node depends on: a local mean, a derivative, two windows of nodes."""


@dataclass(frozen=True)
class Aside:
    """The supports at each node."""

    apart: Float[Tensor, "t h w"]
    """What a support shows less what the target shows, scaled to be most like it; without its local mean."""
    phi: Float[Tensor, "t 8 h w"]
    """Powers of its shift, but for the first (nets/parts/shifts.py)."""
    both: Float[Tensor, "t h w"]
    """1 where support and target saw clear, else 0."""

    def cut(self, inner: Lattice, outer: Lattice) -> "Aside":
        """The nodes of a smaller window."""
        return Aside(*(inner.cut(part, outer) for part in (self.apart, self.phi, self.both)))


def aside(own: Float[Tensor, "t 1 y x"], seen: Float[Tensor, "t 1 y x"], nodes: Lattice) -> Aside:
    """own: one band of the dates without its local mean, the target first; seen: 1 where clear. Shifts as Lucas & Kanade (1981) find them."""
    down, right = slope(own[None], -2), slope(own[None], -1)
    own, seen, down, right = (nodes.thin(part) for part in (own[None], seen[None], down, right))
    both = seen * seen[:, :1]
    scale = likeness(own, own[:, :1], both)
    own, down, right = own * scale, down * scale, right * scale
    down, right = (down + down[:, :1]) * both / 2, (right + right[:, :1]) * both / 2
    apart = (own - own[:, :1]) * both
    pairs = ((down, down), (down, right), (right, right), (down, apart), (right, apart))
    yy, xy, xx, y, x = pooled(torch.cat([one * other for one, other in pairs], 2)[:, 1:]).split(1, dim=2)
    ridge = RIDGE * (yy + xx) + 1e-12
    yy, xx = yy + ridge, xx + ridge
    shift = (torch.cat([xx * y - xy * x, yy * x - xy * y], 2) / (yy * xx - xy * xy)).clamp(-LARGEST, LARGEST)
    return Aside(apart[0, 1:, 0], basis(shift)[0, :, 1:], both[0, 1:, 0])
