"""What to say of a step that cannot be taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from dione.base.errors import BadRecipe, DioneError, faults
from dione.base.machine import memory
from dione.measure.losses import LossConfig, loss
from dione.patches.dataset import Batch
from dione.training.config import TrainConfig
from dione.training.part import Part
from dione.training.state import CHECKPOINT
from dione.training.validation import at

NAMED = 8
"""Patches named at most."""


@contextmanager
def memory_told(config: TrainConfig) -> Iterator[None]:
    """What a step that wants more memory than there is has to say: BadRecipe."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not memory.wanting(error):
            raise
        raise BadRecipe(
            f"memory does not suffice for steps of {config.batch} patches of up to {max(config.dates)} dates\n"
            "set train.batch lower, or take fewer dates; --dry-run tells what it would take"
        ) from error


@torch.no_grad()
def not_finite(net: nn.Module, batch: Batch, part: Part, config: LossConfig, *, step: int, norm: float, folder: Path) -> DioneError:
    """The error for a loss or gradient that is not a number: which patches, by row and place, and what to do."""
    here = at(net, batch)
    sr, log_sigma = net(here.lr, here.valid)
    each = [loss(sr[n : n + 1], log_sigma[n : n + 1], here.hr[n : n + 1], config).total for n in range(len(sr))]
    wrong = [number for number, value in enumerate(each) if not torch.isfinite(value)]
    found = [f"{len(wrong)} of this batch's {len(each)} patches have a loss that is not finite", *part.named(batch, wrong[:NAMED])]
    found += [f"and {len(wrong) - NAMED} more"] if len(wrong) > NAMED else []
    kept = folder / CHECKPOINT
    last = f"{kept} is the last good checkpoint" if kept.is_file() else "no checkpoint was written yet"
    return DioneError(
        faults(
            f"step {step}: the loss or its gradient (of length {norm:g}) is not finite; training stopped before it touched the weights",
            found,
            f"{last}\nlook at these patches in the store; if most of the batch is named, or none, start over with --fresh and a lower train.rate or train.clip",
        )
    )
