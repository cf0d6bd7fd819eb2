"""What turns gradients into steps.

Muon (K. Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"): the momentum of a layer's
matrix is replaced by the nearest matrix whose singular values are about one, so that no direction that matters little
to the loss is left behind. Its steps are scaled to the size of Adam's (Liu et al. 2025, arXiv 2502.16982). What a
network names as its `outer` layers, and what is no matrix, takes Adam's step (Kingma & Ba 2015, arXiv 1412.6980).
"""

from collections.abc import Callable
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

SMALLEST = 16
"""Rows or columns below which a layer is no matrix to speak of."""
MOMENTUM = 0.95
LIKE_ADAM = 0.2
"""Root mean square of a step, in learning rates."""
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Of Newton and Schulz's iteration, chosen by Jordan for steepness at zero: five rounds bring singular values into 0.7 … 1.2."""


def optimizer(net: nn.Module, kind: Literal["adam", "muon"], rate: float) -> torch.optim.Optimizer:
    """The optimiser of that name for the weights of `net`."""
    if kind == "adam":
        return torch.optim.Adam(net.parameters(), lr=rate)
    outer = tuple(getattr(net, "outer", ()))
    hidden = [p for name, p in net.named_parameters() if p.ndim == 4 and min(p.shape[0], p[0].numel()) >= SMALLEST and not name.startswith(outer)]
    inside = {id(p) for p in hidden}
    return Muon([{"params": hidden, "orthogonal": True}, {"params": [p for p in net.parameters() if id(p) not in inside], "orthogonal": False}], rate)


class Muon(torch.optim.Optimizer):
    """Muon for groups that are `orthogonal`, Adam for the others."""

    def __init__(self, groups: list[dict[str, Any]], rate: float):
        super().__init__([group for group in groups if group["params"]], {"lr": rate, "orthogonal": True})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step down `grad`; `closure` is not used."""
        for group in self.param_groups:
            turn = self._muon if group["orthogonal"] else self._adam
            for weight in group["params"]:
                if weight.grad is not None:
                    weight.sub_(turn(weight.grad, self.state[weight]), alpha=group["lr"])

    def _muon(self, gradient: Tensor, kept: dict[str, Any]) -> Tensor:
        momentum = kept.setdefault("momentum", torch.zeros_like(gradient))
        momentum.lerp_(gradient, 1 - MOMENTUM)
        matrix = gradient.lerp(momentum, MOMENTUM).flatten(1)
        return (orthogonal(matrix) * (LIKE_ADAM * max(matrix.shape) ** 0.5)).view_as(gradient)

    def _adam(self, gradient: Tensor, kept: dict[str, Any]) -> Tensor:
        first, second = (kept.setdefault(name, torch.zeros_like(gradient)) for name in ("first", "second"))
        kept["steps"] = kept.get("steps", 0) + 1
        first.lerp_(gradient, 0.1)
        second.lerp_(gradient.square(), 0.001)
        return (first / (1 - 0.9 ** kept["steps"])) / ((second / (1 - 0.999 ** kept["steps"])).sqrt() + 1e-8)


def orthogonal(matrix: Float[Tensor, "m n"]) -> Float[Tensor, "m n"]:
    """The same singular vectors, singular values near one: Newton and Schulz's iteration, five rounds."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix) / (matrix.norm() + 1e-7)
    a, b, c = QUINTIC
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
