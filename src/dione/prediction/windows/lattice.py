"""Every second coarse pixel of a scene, whichever window of it one has: what is worked out there is the same in all windows."""

from dataclasses import dataclass

import torch
from jaxtyping import Shaped
from torch import Tensor

STEP = 2


@dataclass(frozen=True)
class Lattice:
    """The coarse pixels of even row and column of a scene that lie in a window of it."""

    corner: tuple[int, int]
    """Row and column of the window's first coarse pixel in the scene."""
    shape: tuple[int, int]
    """Of the window, coarse pixels."""

    @property
    def first(self) -> tuple[int, int]:
        """The window's first node, counted in the scene."""
        return -(-self.corner[0] // STEP), -(-self.corner[1] // STEP)

    def thin(self, x: Shaped[Tensor, "*n y x"]) -> Shaped[Tensor, "*n h w"]:
        """A map of the window → its nodes."""
        return x[..., -self.corner[0] % STEP :: STEP, -self.corner[1] % STEP :: STEP]

    def cut(self, x: Shaped[Tensor, "*n y x"], outer: "Lattice") -> Shaped[Tensor, "*n h w"]:
        """Nodes of a larger window → those of this one."""
        (top, left), (height, width) = (tuple(mine - theirs for mine, theirs in zip(self.first, outer.first, strict=True)), self.size)
        return x[..., top : top + height, left : left + width]

    @property
    def size(self) -> tuple[int, int]:
        """How many nodes down and across."""
        return tuple((start + side - 1) // STEP - first + 1 for start, side, first in zip(self.corner, self.shape, self.first, strict=True))  # type: ignore[return-value]

    def full(self, x: Shaped[Tensor, "h w"]) -> Shaped[Tensor, "y x"]:
        """Nodes → every coarse pixel: that of the node above and to the left, or the nearest in the window."""
        at = [
            ((start + torch.arange(side)) // STEP - first).clamp(0, length - 1)
            for start, side, first, length in zip(self.corner, self.shape, self.first, self.size, strict=True)
        ]
        return x[at[0]][:, at[1]]
