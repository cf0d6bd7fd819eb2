"""A training run from its recipe: patches in, a weights file out."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from dione.base.errors import BadSource
from dione.nets import resolver, zoo
from dione.patches import store
from dione.patches.dataset import Patches
from dione.training import loop

log = logging.getLogger(__name__)


class NetRecipe(BaseModel):
    """Which network, and its configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = "setsr"
    config: dict[str, Any] = {}


class TrainRecipe(BaseModel):
    """`dione train`: a network, a store of patches, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    """Of the run and of its weights file."""
    store: Path
    """The patch store."""
    out: Path = Path("runs")
    net: NetRecipe = NetRecipe()
    train: loop.TrainConfig = loop.TrainConfig()
    provenance: dict[str, Any] = {}
    """What the weights file will say of its data and licence."""


def train(recipe: TrainRecipe, *, resume: bool = True) -> Path:
    """Train as the recipe says; returns the weights file, `out/name/name.safetensors`.

    Raises NotFound or BadSource for a store that cannot be used, BadModel for a network that is unknown.
    """
    folder = recipe.out / recipe.name
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    opened = store.read(recipe.store)
    parts = {split: opened.rows(split=split) for split in ("train", "validation")}
    empty = [split for split, rows in parts.items() if not len(rows)]
    if empty:
        raise BadSource(f"{recipe.store} has no patch for {' and '.join(empty)}\nmake it again with another [split], e.g. a larger validation fraction")
    torch.manual_seed(recipe.train.seed)
    net = zoo.make(recipe.net.kind, recipe.net.config)
    log.info("%d parameters, %d patches to train on, %d to validate", sum(p.numel() for p in net.parameters()), *map(len, parts.values()))
    sets = {split: Patches(opened, rows) for split, rows in parts.items()}
    best = loop.train(net, sets["train"], sets["validation"], config=recipe.train, folder=folder)
    return keep(folder / f"{recipe.name}.safetensors", best, recipe, opened)


def keep(path: Path, net: torch.nn.Module, recipe: TrainRecipe, opened: store.Store) -> Path:
    """Write the weights file with what produced it."""
    about = resolver.About(
        net=recipe.net.kind,
        config=recipe.net.config,
        zoom=opened.about["zoom"],
        margin=int(net.margin),  # type: ignore[arg-type]
        provenance={**recipe.provenance, "train": json.loads(recipe.train.model_dump_json()), "patches": opened.about["patches"]},
    )
    return resolver.store(path, net, about)
