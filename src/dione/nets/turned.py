"""A network that looks at its dates turned and mirrored, and gives the mean of what it says: more exact, and as many times slower.

A network trained with all eight symmetries of the square should not care which way is up, and nearly does not; what it
still gets wrong differs from turn to turn and averages out (self-ensemble: Lim et al. 2017, arXiv 1707.02921).
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

TURNS = {"4": 4, "8": 8}
"""What a model's name may end with, after an @: setsr-s@4."""


class Turned(nn.Module):
    """`net`, asked in `turns` orientations: 4 quarter turns, or those and their mirror images."""

    def __init__(self, net: nn.Module, turns: int):
        super().__init__()
        self.net, self.turns = net, turns
        self.fills = bool(getattr(net, "fills", True))

    def forward(self, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]) -> tuple[Float[Tensor, "b c zh zw"], Float[Tensor, "b c zh zw"]]:
        made = [self.net(turned(lr, turn).contiguous(), turned(valid, turn).contiguous()) for turn in range(self.turns)]
        sr, log_sigma = (torch.stack([back(each[part], turn) for turn, each in enumerate(made)]).mean(0) for part in (0, 1))
        return sr, log_sigma


def turned(x: Tensor, turn: int) -> Tensor:
    """One of the eight symmetries of a square, of the last two axes: quarter turns, mirrored from 4 on."""
    quarter = torch.rot90(x, turn % 4, (-2, -1))
    return quarter.flip(-1) if turn >= 4 else quarter


def back(x: Tensor, turn: int) -> Tensor:
    """What undoes `turned`."""
    return torch.rot90(x.flip(-1) if turn >= 4 else x, -(turn % 4), (-2, -1))
