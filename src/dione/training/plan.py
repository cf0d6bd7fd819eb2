"""What a run would take, before it is started: a few steps are timed, nothing is written."""

import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dione.training import devices, loop
from dione.training.config import TrainRecipe
from dione.training.draws import generator
from dione.training.objective import Objective
from dione.training.part import open_parts
from dione.training.run import prepare
from dione.training.validation import validate

DATES = 8
SIDE = 32


@dataclass(frozen=True)
class Plan:
    """Sizes and costs of a run."""

    parameters: int
    flops: float
    """Per 10 m pixel, at 8 dates."""
    patches: dict[str, int]
    """By split, training and validation."""
    lr: tuple[int, ...]
    """A patch as the network gets it: dates, bands, height, width."""
    hr: tuple[int, ...]
    """Its truth: bands, height, width."""
    samples_per_s: float
    memory_gb: float
    """The most this process took in the timed steps; of the device where there is one."""
    hours: float
    """Steps and validations."""

    def __str__(self) -> str:
        splits = ", ".join(f"{count} {split}" for split, count in self.patches.items())
        return "\n".join(
            [
                f"parameters    {self.parameters:,}",
                f"operations    {self.flops / 1e6:.2f} MFLOP per 10 m pixel at {DATES} dates",
                f"patches       {splits}",
                f"sizes         input {'×'.join(map(str, self.lr))} (dates, bands, px), truth {'×'.join(map(str, self.hr))}",
                f"speed         {self.samples_per_s:.1f} patches/s",
                f"memory        {self.memory_gb:.2f} GB at the most",
                f"time          {self.hours:.2f} h",
            ]
        )


def plan(recipe: TrainRecipe) -> Plan:
    """Time one step for each number of dates of the recipe, and one part of a validation; trains nothing that is kept, writes nothing."""
    opened, net = prepare(recipe)
    parts, config = open_parts(opened), recipe.train
    operations = flops_per_pixel(net, bands=opened.lr.shape[2])
    fabric = devices.fabric(config.precision)
    state, model = loop.begin(net, config, fabric)
    objective = Objective.begin(config, net, fabric)
    seconds = {}
    for dates in sorted(set(config.dates)):
        batch = parts["train"].patches.draw(config.batch, dates, generator(config.seed, dates), config.augment)
        for _ in range(2):  # the first one of a size also sets things up
            began = time.perf_counter()
            loop.backward(model, state.optimizer, batch, config, fabric, objective)
            state.optimizer.step()
            state.optimizer.zero_grad()
            objective.step(config.rate)
            state.average(config.ema)
            seconds[dates] = time.perf_counter() - began
    step = sum(seconds[dates] * count for dates, count in Counter(config.dates).items()) / len(config.dates)
    looked, limit = min(len(parts["validation"]), 512), 64
    began = time.perf_counter()
    validate(state.averaged, parts["validation"], limit=limit)
    look = (time.perf_counter() - began) * max(looked / limit, 1)
    return Plan(
        parameters=sum(p.numel() for p in net.parameters()),
        flops=operations,
        patches={split: len(part) for split, part in parts.items()},
        lr=tuple(opened.lr.shape[1:]),
        hr=tuple(opened.hr.shape[1:]),
        samples_per_s=config.batch * fabric.world_size / step,
        memory_gb=peak_memory() / 1e9,
        hours=(config.steps * step + config.steps / config.validate_every * look) / 3600,
    )


def flops_per_pixel(net: nn.Module, *, dates: int = DATES, bands: int = 4, side: int = SIDE) -> float:
    """Floating-point operations of `net` per coarse pixel, a multiplication and an addition counting as two; convolutions and products of matrices only."""
    at = next(net.parameters()).device
    lr, valid = torch.full((1, dates, bands, side, side), 0.1, device=at), torch.ones(1, dates, side, side, dtype=torch.bool, device=at)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(lr, valid)
    return counter.get_total_flops() / side**2


def peak_memory() -> float:
    """Bytes: the most that the GPU held, or this process where there is none."""
    if torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)
