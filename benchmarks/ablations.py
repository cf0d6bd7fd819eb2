"""What each choice of the design is worth: variants trained for the same wall time on the same patches, scored on sites never seen.

    python benchmarks/ablations.py STORE --minutes 10 [--only NAME ...] [--still STORE]    trains and scores, a JSON a variant
    python benchmarks/ablations.py STORE --steps 1560 [...]                                as many steps for each, however long they take
    python benchmarks/ablations.py STORE --table                                           prints the table of what is there

Give each process one thread and run two side by side to use two cores. `--still` is a store simulated without change
between dates (degradation.other_year = [0, 0], degradation.mixing = [0, 0]).
"""

import argparse
import json
import os
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dione.nets import zoo
from dione.patches import store
from dione.patches.dataset import Patches
from dione.training import devices, loop
from dione.training.config import TrainConfig
from dione.training.draws import Draws
from dione.training.part import Part
from dione.training.plan import flops_per_pixel
from dione.training.validation import validate

RECIPES = Path(__file__).parents[1] / "recipes"
OUT = Path("runs/ablations")
SHIPPED = tomllib.loads((RECIPES / "setsr-s.toml").read_text())
SITES = {"city": "santa_monica", "Wales": "wales", "Spain": "spain-L1C"}
TIMED = 12


@dataclass(frozen=True)
class Variant:
    """One change to the recipe that ships."""

    words: str
    net: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    kind: str = "setsr"
    sensor: str = ""
    """Learn from this sensor's patches only."""
    still: bool = False


VARIANTS = {
    "shipped": Variant("as the recipe has it"),
    "mean": Variant("mean of the dates instead of attention", net={"fusion": "mean"}),
    "highresnet": Variant("HighRes-Net: recursive fusion, median reference", kind="highresnet"),
    "highresnet-bare": Variant("the same without the bicubic residual", kind="highresnet", net={"residual": False}),
    "unplaced": Variant("shifts not measured", net={"shifts": False}),
    "narrow": Variant("narrower, fewer operations", net={"encoder_channels": 16, "channels": 48, "blocks": 4, "projections": 1}),
    "one-look": Variant("dates compared with the picture once", net={"stages": 1}),
    "inconsistent": Variant("no low-frequency consistency", net={"projections": 0}),
    "one-date": Variant("trained on one date", train={"dates": (1,)}),
    "still": Variant("no change between dates simulated", still=True),
    "vhr-only": Variant("aerial imagery only", sensor="naip"),
    "s2-only": Variant("Sentinel-2 only", sensor="sentinel-2"),
    "adam": Variant("Adam instead of Muon", train={"optimizer": "adam", "rate": 1.5e-3}),
    "no-gradient": Variant("no gradient term", train={"loss": {"gradient": 0.0}}),
}


def learnt(opened: store.Store, variant: Variant) -> Part:
    """The patches that a variant learns from."""
    rows = opened.rows(split="train", **({"sensor": variant.sensor} if variant.sensor else {}))
    return part(opened, rows)


def part(opened: store.Store, rows: np.ndarray) -> Part:
    names = opened.index["place"].take(rows).to_pylist()
    return Part(Patches(opened, rows), tuple(names), tuple(rows.tolist()))


def settings(variant: Variant, **more: Any) -> TrainConfig:
    return TrainConfig.model_validate({**SHIPPED["train"], "batch": 32, "warmup": 100, **variant.train, **more})


def network(variant: Variant) -> torch.nn.Module:
    torch.manual_seed(0)
    return zoo.make(variant.kind, {**SHIPPED["net"]["config"], **variant.net} if variant.kind == "setsr" else variant.net)


def step_seconds(variant: Variant, learn: Part) -> float:
    """Mean of TIMED steps after two that set things up."""
    config, fabric = settings(variant), devices.fabric("32-true")
    state, model = loop.begin(network(variant), config, fabric)
    with Draws(learn.patches, config) as draws:
        for step in range(TIMED + 2):
            if step == 2:
                began = time.perf_counter()
            loop.backward(model, state.optimizer, draws.take(step), config, fabric)
            state.optimizer.step()
            state.optimizer.zero_grad()
        return (time.perf_counter() - began) / TIMED


def run(name: str, opened: store.Store, still: store.Store | None, minutes: float, steps: int | None = None) -> None:
    """Train one variant for so many minutes, or steps, and write its scores."""
    variant = VARIANTS[name]
    source = still if variant.still else opened
    if source is None:
        print(f"{name}: left out, it needs --still")
        return
    learn = learnt(source, variant)
    steps = steps or max(20, round(minutes * 60 / step_seconds(variant, learn)))
    config = settings(variant, steps=steps, validate_every=10**9, save_every=10**9)
    net = network(variant)
    (OUT / name).mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    best = loop.train(net, loop.Run(learn, learn, config, OUT / name, {}), devices.fabric("32-true"), resume=False)
    took = time.perf_counter() - began
    tests = {words: part(opened, opened.rows(split="test", site=site)) for words, site in SITES.items() if len(opened.rows(split="test", site=site))}
    gains = {words: validate(best, each, dates=(1, 4, 8)).gain for words, each in tests.items()}
    found = {
        "variant": name,
        "words": variant.words,
        "minutes": round(took / 60, 2),
        "samples": config.steps * config.batch,
        "mflop_per_px": round(flops_per_pixel(best) / 1e6, 2),
        "gain_db": gains,
        "threads": torch.get_num_threads(),
    }
    (OUT / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found), flush=True)


def table() -> str:
    """What was found, as Markdown: gain over bicubic with 1 / 4 / 8 dates."""
    found = {file.stem: json.loads(file.read_text()) for file in OUT.glob("*.json")}
    ordered = [found[name] for name in VARIANTS if name in found]
    places = list(dict.fromkeys(words for each in ordered for words in each["gain_db"]))
    lines = ["| variant | samples | MFLOP/px | " + " | ".join(places) + " |", "|---|---|---|" + "---|" * len(places)]
    for each in ordered:
        cells = [" / ".join(f"{gain:+.2f}" for gain in each["gain_db"].get(words, {}).values()) for words in places]
        lines.append(f"| {each['words']} | {each['samples'] / 1000:.0f} k | {each['mflop_per_px']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("store", type=Path)
    given.add_argument("--minutes", type=float, default=10)
    given.add_argument("--steps", type=int, help="instead of minutes, where a machine has other things to do")
    given.add_argument("--only", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    given.add_argument("--still", type=Path)
    given.add_argument("--table", action="store_true")
    asked = given.parse_args()
    if asked.table:
        print(table())
        raise SystemExit
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    for each in asked.only:
        run(each, store.read(asked.store), store.read(asked.still) if asked.still else None, asked.minutes, asked.steps)
