"""The training loop, in reading order."""

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from dione.measure.losses import Terms
from dione.patches.dataset import Batch
from dione.training import distributions, pictures
from dione.training.config import TrainConfig
from dione.training.draws import Draws
from dione.training.faults import memory_told, not_finite
from dione.training.logs import Log, open_logs
from dione.training.objective import Objective
from dione.training.optimizers import optimizer
from dione.training.part import Part
from dione.training.state import State, load, save
from dione.training.validation import validate

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Run:
    """What a run is made of, beside the network."""

    learn: Part
    validation: Part
    config: TrainConfig
    folder: Path
    facts: dict[str, Any]
    """Kept with the checkpoints: a run goes on only where these are the same."""
    saved: Callable[[], object] = lambda: None
    """Called when a checkpoint stands in the folder."""


def train(net: nn.Module, run: Run, fabric: Fabric, *, resume: bool = True, progress: Progress = lambda *_: None) -> nn.Module:
    """Train `net`; returns the averaged weights that did best in validation. Checkpoints, logs and pictures are kept in the run's folder.

    Stopped at any point and started again with resume, it goes on from the last checkpoint to the same result, if the
    number of processes is the same too. Raises DioneError for a loss that is not finite, CannotWrite for a full disk;
    the last checkpoint stays good.
    """
    config = run.config
    state, model = begin(net, config, fabric)
    state.objective = objective = Objective.begin(config, net, fabric)
    if resume:
        load(run.folder, state, run.facts)
    fabric.barrier()
    logs = open_logs(config.logs, run.folder, step=state.step, facts=run.facts) if fabric.is_global_zero else []
    meter = Meter()
    with Draws(run.learn.patches, config, rank=fabric.global_rank) as draws, ExitStack() as closing:
        for each in logs:
            closing.callback(each.close)
        while state.step < config.steps and not state.tired(config.patience):
            meter.begin()
            for group in state.optimizer.param_groups:
                group["lr"] = rate(state.step, config)
            with memory_told(config):
                batch = draws.take(state.step)
                terms, norm = backward(model, state.optimizer, batch, config, fabric, objective)
            if not math.isfinite(float(terms.total.detach()) + norm):
                with fabric.autocast():
                    raise not_finite(net, batch, run.learn, config.loss, step=state.step, norm=norm, folder=run.folder)
            state.optimizer.step()
            state.optimizer.zero_grad()
            objective.step(rate(state.step, config))
            state.average(config.ema)
            state.step += 1
            meter.add(terms, norm)
            last = state.step == config.steps
            if state.step % config.log_every == 0:
                _row(logs, state.step, {"rate": rate(state.step, config), **meter.row(config.batch * fabric.world_size, draws.waited)})
                meter, draws.waited = Meter(), 0.0
            if state.step % config.validate_every == 0 or last:
                state.judge(fabric.broadcast(_look(state, run, logs) if fabric.is_global_zero else 0.0))
            if (state.step % config.save_every == 0 or last or state.tired(config.patience)) and fabric.is_global_zero:
                save(run.folder, state, run.facts)
                run.saved()
            if fabric.is_global_zero:
                progress("train", state.step, config.steps)
    if fabric.is_global_zero:
        objective.leave(run.folder)
    fabric.barrier()
    state.averaged.load_state_dict(state.best)
    return state.averaged


def begin(net: nn.Module, config: TrainConfig, fabric: Fabric) -> tuple[State, nn.Module]:
    """The state of a run at its start, and the network as the processes share it."""
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    model, steps = fabric.setup(net, optimizer(net, config.optimizer, config.rate))
    return State(net, steps), model


def backward(
    model: nn.Module, steps: torch.optim.Optimizer, batch: Batch, config: TrainConfig, fabric: Fabric, objective: Objective | None = None
) -> tuple[Terms, float]:
    """The loss of a batch and the length of its gradient, which is averaged over the processes and clipped."""
    batch = replace(batch, lr=fabric.to_device(batch.lr), valid=fabric.to_device(batch.valid), hr=fabric.to_device(batch.hr))
    sr, log_sigma = model(batch.lr, batch.valid)
    terms = (objective or Objective(config.loss)).terms(sr, log_sigma, batch)
    fabric.backward(terms.total)
    norm = fabric.clip_gradients(model, steps, max_norm=config.clip, error_if_nonfinite=False)
    assert norm is not None
    return terms, math.hypot(float(norm), objective.clip(fabric, config.clip) if objective else 0.0)


def rate(step: int, config: TrainConfig) -> float:
    """Learning rate: linear warm-up, then half a cosine to zero."""
    if step < config.warmup:
        return config.rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return float(config.rate * 0.5 * (1 + torch.cos(torch.tensor(done * torch.pi))))


class Meter:
    """What happened since the last row of the log."""

    def __init__(self) -> None:
        self.began, self.seconds, self.steps = 0.0, 0.0, 0
        self.sums: dict[str, float] = {}

    def begin(self) -> None:
        """A step begins; what is done between steps (validation, saving) is not counted."""
        self.began = time.monotonic()

    def add(self, terms: Terms, norm: float) -> None:
        """It ended."""
        self.seconds, self.steps = self.seconds + time.monotonic() - self.began, self.steps + 1
        values = {"loss": terms.total, **terms.parts, "gradient_norm": torch.tensor(norm)}
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())

    def row(self, samples: int, waited: float) -> dict[str, float]:
        """Means over the steps; samples of all processes a second; `busy`: the share of the time not spent waiting for a batch."""
        means = {name: round(value / self.steps, 5) for name, value in self.sums.items()}
        return means | {"samples_per_s": round(samples * self.steps / self.seconds, 1), "busy": round(1 - waited / self.seconds, 4)}


def _look(state: State, run: Run, logs: list[Log]) -> float:
    """The score of the averaged weights; and a sheet of what they make of a few patches, and how bands are distributed."""
    score = validate(state.averaged, run.validation)
    _row(logs, state.step, {"gain": score.gain})
    sheet = pictures.draw(state.averaged, run.validation)
    pictures.write(run.folder, state.step, sheet)
    values = distributions.values(state.averaged, run.validation)
    for each in logs:
        each.picture(state.step, sheet)
        each.distributions(state.step, values)
    return score.mean


def _row(logs: list[Log], step: int, values: dict[str, Any]) -> None:
    for each in logs:
        each.row(step, values)
