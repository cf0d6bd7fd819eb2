"""The training loop, in reading order."""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from lightning_fabric import Fabric
from pydantic import BaseModel, ConfigDict
from torch import nn

from dione.measure.losses import LossConfig, loss
from dione.measure.metrics import cpsnr
from dione.patches.dataset import Patches
from dione.training.state import State, load, save

log = logging.getLogger(__name__)


class TrainConfig(BaseModel):
    """How to train."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = 6000
    batch: int = 64
    rate: float = 2e-3
    warmup: int = 200
    clip: float = 1.0
    ema: float = 0.998
    dates: tuple[int, ...] = (1, 2, 4, 6, 8, 8)
    """Number of dates of a step, drawn from these."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    validate_every: int = 500
    save_every: int = 250
    seed: int = 0
    loss: LossConfig = LossConfig()


@dataclass(frozen=True)
class Score:
    """Validation: mean gain in cPSNR over bicubic of the target, dB, by number of dates."""

    step: int
    gain: dict[int, float]


def train(net: nn.Module, train_set: Patches, validation: Patches, *, config: TrainConfig, folder: Path, resume: bool = True) -> nn.Module:
    """Train `net`; returns its averaged weights. Checkpoints, log.jsonl and best weights are kept in `folder`.

    Stopped at any point and started again with resume, it goes on from the last checkpoint to the same result.
    """
    fabric = Fabric(accelerator="auto", devices=1, precision=config.precision)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(net.parameters(), lr=config.rate)
    net, optimizer = fabric.setup(net, optimizer)
    state = State(net, optimizer, generator=torch.Generator().manual_seed(config.seed))
    folder.mkdir(parents=True, exist_ok=True)
    if resume:
        load(folder, state)
    began, seen = time.monotonic(), 0
    while state.step < config.steps:
        for group in optimizer.param_groups:
            group["lr"] = rate(state.step, config)
        dates = config.dates[int(torch.randint(len(config.dates), (), generator=state.generator))]
        batch = train_set.draw(config.batch, dates, state.generator)
        sr, log_sigma = net(fabric.to_device(batch.lr), fabric.to_device(batch.valid))
        terms = loss(sr, log_sigma, fabric.to_device(batch.hr), config.loss)
        fabric.backward(terms.total)
        fabric.clip_gradients(net, optimizer, max_norm=config.clip)
        optimizer.step()
        optimizer.zero_grad()
        state.average(config.ema)
        state.step += 1
        seen += config.batch
        if state.step % 50 == 0:
            _log(
                folder,
                {
                    "step": state.step,
                    "loss": round(float(terms.total.detach()), 5),
                    "rate": rate(state.step, config),
                    "samples_per_s": round(seen / (time.monotonic() - began), 1),
                },
            )
        if state.step % config.validate_every == 0 or state.step == config.steps:
            _log(folder, asdict(validate(state.averaged, validation, step=state.step)))
        if state.step % config.save_every == 0 or state.step == config.steps:
            save(folder, state)
    return state.averaged


def rate(step: int, config: TrainConfig) -> float:
    """Learning rate: linear warm-up, then half a cosine to zero."""
    if step < config.warmup:
        return config.rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return float(config.rate * 0.5 * (1 + torch.cos(torch.tensor(done * torch.pi))))


@torch.no_grad()
def validate(net: nn.Module, patches: Patches, *, step: int = 0, dates: Sequence[int] = (1, 4, 8), limit: int = 512) -> Score:
    """Gain over bicubic of the target on up to `limit` patches spread over the set."""
    from dione.nets.baselines import Bicubic

    rows = torch.linspace(0, len(patches) - 1, min(limit, len(patches))).long()
    gains: dict[int, float] = {}
    for count in dates:
        found = []
        for part in rows.split(64):
            batch = patches.batch(part, count)
            clear = batch.valid[:, 0].all((-2, -1))
            base = cpsnr(Bicubic()(batch.lr, batch.valid)[0], batch.hr)
            found.append((cpsnr(net(batch.lr, batch.valid)[0], batch.hr) - base)[clear])
        gains[count] = round(float(torch.cat(found).mean()), 4)
    return Score(step, gains)


def _log(folder: Path, row: dict[str, object]) -> None:
    log.info("%s", row)
    with open(folder / "log.jsonl", "a") as file:
        file.write(json.dumps(row) + "\n")
