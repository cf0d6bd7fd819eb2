"""What a run needs to go on where it stopped."""

import copy
import os
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

CHECKPOINT = "last.ckpt"


@dataclass
class State:
    """Weights, their moving average, the optimiser, the step and the randomness."""

    net: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    step: int = 0
    averaged: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        self.averaged = copy.deepcopy(getattr(self.net, "module", self.net)).requires_grad_(False).eval()

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the averaged weights towards the present ones; faster in the first steps."""
        decay = min(decay, (1 + self.step) / (10 + self.step))
        for kept, now in zip(self.averaged.parameters(), self.net.parameters(), strict=True):
            kept.lerp_(now, 1 - decay)


def save(folder: Path, state: State) -> Path:
    """Write the checkpoint whole."""
    path, partial = folder / CHECKPOINT, folder / f".{CHECKPOINT}.partial"
    torch.save(
        {
            "net": state.net.state_dict(),
            "averaged": state.averaged.state_dict(),
            "optimizer": state.optimizer.state_dict(),
            "generator": state.generator.get_state(),
            "step": state.step,
        },
        partial,
    )
    os.replace(partial, path)
    return path


def load(folder: Path, state: State) -> bool:
    """Bring `state` to the checkpoint in `folder`; False if there is none."""
    path = folder / CHECKPOINT
    if not path.is_file():
        return False
    kept = torch.load(path, weights_only=True)
    state.net.load_state_dict(kept["net"])
    state.averaged.load_state_dict(kept["averaged"])
    state.optimizer.load_state_dict(kept["optimizer"])
    state.generator.set_state(kept["generator"])
    state.step = kept["step"]
    return True
