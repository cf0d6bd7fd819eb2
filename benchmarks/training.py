"""Training speed of setsr-s against HighRes-Net as the prior art sets it, as JSON: `python benchmarks/training.py [BATCH [ROUNDS]]`.

Both take the same batches in turn, eight dates of 16×16 pixels, through the loop's own step; the ratio is of the
medians, so that what else the machine does counts for both. `busy` is the share of the time of real training steps,
on a made-up store, that is not spent waiting for a batch.
"""

import json
import statistics
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import machine
import numpy as np
import torch

from dione.nets import zoo
from dione.patches import store
from dione.patches.dataset import Batch, Patches
from dione.training import devices, loop
from dione.training.config import TrainConfig
from dione.training.draws import Draws
from dione.training.plan import flops_per_pixel

DATES, SIDE = 8, 16
RECIPE = Path(__file__).parents[1] / "recipes" / "setsr-s.toml"


def noise(count: int) -> Batch:
    """Noise of the right shape."""
    drawn = torch.Generator().manual_seed(0)
    lr, hr = torch.rand(count, DATES, 4, SIDE, SIDE, generator=drawn), torch.rand(count, 4, 4 * SIDE, 4 * SIDE, generator=drawn)
    return Batch(lr * 0.3, torch.ones(count, DATES, SIDE, SIDE, dtype=torch.bool), hr * 0.3, torch.arange(count))


def speeds(batch: int, rounds: int) -> dict[str, list[float]]:
    """Samples a second of each network, measured in turn."""
    config, given = TrainConfig(batch=batch), noise(batch)
    settings = tomllib.loads(RECIPE.read_text())["net"]["config"]
    fabric = devices.fabric(config.precision)
    started = {kind: loop.begin(zoo.make(kind, options), config, fabric) for kind, options in (("setsr", settings), ("highresnet", {}))}
    found: dict[str, list[float]] = {kind: [] for kind in started}
    for turn in range(rounds + 1):
        for kind, (state, model) in started.items():
            began = time.perf_counter()
            loop.backward(model, state.optimizer, given, config, fabric)
            state.optimizer.step()
            state.optimizer.zero_grad()
            if turn:  # the first also sets things up
                found[kind].append(batch / (time.perf_counter() - began))
    return found


def busy(batch: int, steps: int = 12) -> float:
    """Share of the time of training steps in which no batch is waited for."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        facts = {"site": "here", "place": "there", "sensor": "none", "split": "train"}
        lr, hr = rng.random((DATES, 4, SIDE, SIDE), np.float32) * 0.3, rng.random((4, 4 * SIDE, 4 * SIDE), np.float32) * 0.3
        patch = store.Patch(lr, np.ones((DATES, SIDE, SIDE), bool), hr, facts)
        store.write(Path(folder) / "store", iter([patch] * (8 * batch)), {})
        opened = store.read(Path(folder) / "store")
        patches = Patches(opened, opened.rows(split="train"))
    config = TrainConfig(batch=4 * batch)
    fabric = devices.fabric(config.precision)
    state, model = loop.begin(zoo.make("setsr", tomllib.loads(RECIPE.read_text())["net"]["config"]), config, fabric)
    with Draws(patches, config) as draws:
        draws.take(0)
        draws.waited, began = 0.0, time.monotonic()
        for step in range(1, steps + 1):
            loop.backward(model, state.optimizer, draws.take(step), config, fabric)
            state.optimizer.step()
            state.optimizer.zero_grad()
        return 1 - draws.waited / (time.monotonic() - began)


if __name__ == "__main__":
    batch, rounds = (int(word) for word in (sys.argv[1:] + ["16", "5"][len(sys.argv) - 1 :]))
    found = speeds(batch, rounds)
    middle = {kind: statistics.median(each) for kind, each in found.items()}
    settings = {"setsr": tomllib.loads(RECIPE.read_text())["net"]["config"], "highresnet": {}}
    flops = {kind: flops_per_pixel(zoo.make(kind, options), dates=DATES) for kind, options in settings.items()}
    print(
        json.dumps(
            {
                "machine": machine.facts() | {"threads": torch.get_num_threads()},
                "batch": [batch, DATES, SIDE, SIDE],
                "samples_per_s": {kind: round(value, 1) for kind, value in middle.items()},
                "ratio": round(middle["setsr"] / middle["highresnet"], 2),
                "flops_ratio": round(flops["highresnet"] / flops["setsr"], 2),
                "busy": round(busy(batch), 4),
            },
            indent=1,
        )
    )
