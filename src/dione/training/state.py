"""What a run needs to go on where it stopped, and the file that keeps it."""

import copy
import io
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dione.base.errors import BadModel, BadRecipe, faults
from dione.base.storage.files import write_bytes
from dione.nets.older.imported import FAULTS
from dione.training.config import TrainConfig
from dione.training.objective import Objective

CHECKPOINT = "last.ckpt"
FREE = ("out", "provenance", "train.logs", "train.log_every", "train.save_every")
"""Settings that a run may go on with changed: they do not change what is learnt."""


@dataclass
class State:
    """Weights, their moving average, the optimiser, the step, and the best average so far; and what else learns."""

    net: nn.Module
    optimizer: torch.optim.Optimizer
    objective: Objective = field(default_factory=Objective)
    step: int = 0
    averaged: nn.Module = field(init=False)
    best: dict[str, Tensor] = field(init=False)
    score: float | None = None
    """Of the best; none before the first validation."""
    waited: int = 0
    """Validations since."""

    def __post_init__(self) -> None:
        self.averaged = copy.deepcopy(self.net).requires_grad_(False).eval()
        self.best = copy.deepcopy(self.averaged.state_dict())

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the averaged weights towards the present ones; faster in the first steps."""
        decay = min(decay, (1 + self.step) / (10 + self.step))
        for kept, now in zip(self.averaged.parameters(), self.net.parameters(), strict=True):
            kept.lerp_(now, 1 - decay)

    def judge(self, score: float) -> None:
        """Keep the averaged weights if they are the best so far."""
        if self.score is None or score > self.score:
            self.best, self.score, self.waited = copy.deepcopy(self.averaged.state_dict()), score, 0
        else:
            self.waited += 1

    def tired(self, patience: int) -> bool:
        """Whether `patience` validations brought nothing."""
        return 0 < patience <= self.waited


def save(folder: Path, state: State, facts: dict[str, Any]) -> Path:
    """Write the checkpoint whole, with the `facts` that it belongs to; raises CannotWrite, and leaves the one before as it was."""
    packed = io.BytesIO()
    torch.save(
        {
            "facts": facts,
            "net": state.net.state_dict(),
            "averaged": state.averaged.state_dict(),
            "best": state.best,
            "score": state.score,
            "waited": state.waited,
            "optimizer": state.optimizer.state_dict(),
            "step": state.step,
            **state.objective.kept(),
        },
        packed,
    )
    return write_bytes(folder / CHECKPOINT, packed.getbuffer())


def load(folder: Path, state: State, facts: dict[str, Any]) -> bool:
    """Bring `state` to the checkpoint in `folder`; False if there is none.

    Raises BadModel for a damaged one, BadRecipe with each setting that differs from `facts` for one of another run.
    """
    path = folder / CHECKPOINT
    if not path.is_file():
        return False
    try:
        kept = torch.load(path, weights_only=True, map_location="cpu")
        differ = differences(kept["facts"], facts)
        if not differ:
            state.net.load_state_dict(kept["net"])
            state.averaged.load_state_dict(kept["averaged"])
            state.optimizer.load_state_dict(kept["optimizer"])
            state.objective.load(kept)
            state.best, state.score, state.waited, state.step = kept["best"], kept["score"], kept["waited"], kept["step"]
    except (*FAULTS, pickle.UnpicklingError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadModel(
            f"{path} is damaged, or written by another version of dione: {first:.200}\nstart over with --fresh, or put a whole copy there"
        ) from error
    if differ:
        raise BadRecipe(
            faults(
                f"{path} was made with other settings", differ, "go on with those, or start over with --fresh (which deletes it), or give the run another name"
            )
        )
    return True


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Each setting that differs, by its path; those of FREE are not looked at, nor where the patches are if they are the same."""
    old, new = dict(_flat(then)), dict(_flat(now))
    free = (*FREE, *(["store"] if "digest.store" in new and old.get("digest.store") == new["digest.store"] else []))
    usual = dict(_flat({"train": TrainConfig().model_dump(mode="json")}))
    old |= {path: new[path] for path in new if path not in old and path in usual and new[path] == usual[path]}  # a setting that came since
    paths = [path for path in [*new, *(path for path in old if path not in new)] if not any(path == one or path.startswith(f"{one}.") for one in free)]
    return [f"{path}: was {old.get(path, 'not set')}, now {new.get(path, 'not set')}" for path in paths if old.get(path) != new.get(path)]


def _flat(values: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in values.items():
        pairs += _flat(value, f"{above}{key}.") if isinstance(value, dict) and value else [(f"{above}{key}", value)]
    return pairs
