"""A training run from its recipe: patches in, a weights file out."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from pydantic import TypeAdapter, ValidationError
from torch import nn

from dione.base.errors import BadModel, BadRecipe, BadSource, faults
from dione.base.optics import BOX_MODULATION
from dione.base.storage.files import alone, emptied, folder
from dione.measure import shift
from dione.nets import resolver, zoo
from dione.patches import store
from dione.patches.pixels import ADVICE
from dione.sources import carrying
from dione.sources.places import is_remote
from dione.training import devices, loop
from dione.training.calibrate import calibrate
from dione.training.config import TrainRecipe
from dione.training.logs import WANDB_ID
from dione.training.part import Part, fits, open_parts
from dione.training.state import CHECKPOINT
from dione.training.validation import scored

log = logging.getLogger(__name__)
KEPT = (CHECKPOINT, "log.jsonl", WANDB_ID)
"""Sent to s3:// with each checkpoint: what another machine needs to go on."""


def train(recipe: TrainRecipe, *, resume: bool = True, progress: loop.Progress = lambda *_: None, cleared: Callable[[], object] = lambda: None) -> Path | str:
    """Train as the recipe says; returns the weights file, `out/name/name.safetensors` (its address, if that is at s3://), its sigma calibrated on the validation places.

    cleared: called, without `resume`, when nothing is left of an earlier run: what is there from then on is of this one.
    Raises NotFound or BadSource for a store that cannot be used, BadModel for a network, a start or a checkpoint that cannot,
    BadRecipe for a checkpoint of other settings, DioneError for a loss that is not finite, CannotWrite for a full disk or a
    folder that another run is at.

    >>> import dione, pathlib, tempfile
    >>> from dione.patches import store
    >>> from dione.testing import landscape, series
    >>> def places(number):
    ...     made = series(landscape((14, 14), seed=number), days=3, seed=number)
    ...     facts = {"site": "here", "place": str(number), "sensor": "made up", "split": "train" if number < 4 else "validation"}
    ...     return store.Patch(made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1], made.truth[-1], facts)
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> written = store.write(folder / "patches", map(places, range(8)), {"made_by": "this example"})
    >>> net = {"config": {"encoder_channels": 8, "channels": 8, "blocks": 1}}
    >>> steps = {"steps": 2, "batch": 2, "dates": (1, 3), "warmup": 1}
    >>> dione.train(dione.TrainRecipe(name="mine", store=folder / "patches", out=folder, net=net, train=steps)).name
    'mine.safetensors'
    """
    fabric = devices.fabric(recipe.train.precision)
    remote = is_remote(recipe.address)
    opened, net = prepare(recipe)
    parts = open_parts(opened)
    scored(parts["validation"])
    with ExitStack() as held:
        if fabric.local_rank == 0:
            carrying.begun(recipe.address)
        if fabric.is_global_zero:
            held.enter_context(alone(folder(recipe.folder)))
            if not resume:
                emptied(recipe.folder)
                if remote:
                    carrying.forget(recipe.address, KEPT)
                cleared()
        if remote and resume and fabric.local_rank == 0:
            carrying.fetch_back(recipe.address, KEPT)
        fabric.barrier()
        path = _trained(recipe, fabric, opened, net, parts, resume, progress)
        if not remote:
            return path
        if fabric.is_global_zero:
            carrying.send(recipe.folder, recipe.address, last=path.name)
            emptied(recipe.folder)
    return f"{recipe.address}/{path.name}"


def _trained(recipe: TrainRecipe, fabric: Fabric, opened: store.Store, net: nn.Module, parts: dict[str, Part], resume: bool, progress: loop.Progress) -> Path:
    log.info("%d parameters, %d patches to train on, %d to validate", sum(p.numel() for p in net.parameters()), *map(len, parts.values()))
    saved = partial(carrying.send, recipe.folder, recipe.address, only=KEPT) if is_remote(recipe.address) else lambda: None
    made_from = {"store": opened.digest} | ({"start": resolver.load(recipe.start).digest} if recipe.start else {})
    run = loop.Run(parts["train"], parts["validation"], recipe.train, recipe.folder, facts(recipe, parts, made_from, processes=fabric.world_size), saved)
    best = loop.train(net, run, fabric, resume=resume, progress=progress)
    path = recipe.folder / f"{recipe.name}.safetensors"
    if fabric.is_global_zero:
        keep(path, best, recipe, opened, parts["validation"])
    fabric.barrier()
    return path


def prepare(recipe: TrainRecipe) -> tuple[store.Store, nn.Module]:
    """The store of a recipe and its network at the start, which fit one another."""
    if recipe.address.rstrip("/") == recipe.store.rstrip("/"):
        raise BadRecipe(f"{recipe.address} is the store of the patches itself, and would be the folder of the run too\ngive the run another name")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.train.seed)
        net = zoo.make(recipe.net.kind, recipe.net.config)
    opened = store.read(recipe.store)
    _modulation(opened)
    fits(opened, net.config.bands, net.config.zoom)  # type: ignore[union-attr, arg-type]
    _shift_fits(recipe.train.loss.shift_px, min(opened.hr.shape[-2:]))
    if recipe.start is not None:
        net.load_state_dict(starting(recipe.start, recipe.net.kind, net).state_dict())
    return opened, net


def _shift_fits(limit_px: float, side: int) -> None:
    """Raise BadRecipe where patches of so many sharp pixels leave nothing to compare within the shift that the loss forgives."""
    if limit_px and not shift.fits(side, limit_px):
        raise BadRecipe(
            f"train.loss.shift_px: patches of {side} sharp px leave nothing to compare within a shift of {limit_px:g} px\nset it lower, or take larger patches"
        )


def starting(name: str, kind: str, net: nn.Module) -> nn.Module:
    """The network of a weights file; raises BadModel with what differs where it is not like `net`."""
    found = resolver.load(name)
    if found.turns > 1:
        raise BadModel(f"training cannot start from {name}, which is a network asked in several turns\nstart from {name.rpartition('@')[0]}")
    given, wanted = (dict(vars(each).get("config", {})) for each in (found.net, net))
    differ = [f"net.kind: {name} is a {found.about.net}, the recipe says {kind}"] if found.about.net != kind else []
    differ += [f"net.config.{key}: {name} has {given[key]}, the recipe {wanted[key]}" for key in wanted if key in given and given[key] != wanted[key]]
    if differ:
        raise BadModel(faults(f"training cannot start from {name}", differ, "give [net] what the weights were made with, or leave `start` out"))
    return found.net


def facts(recipe: TrainRecipe, parts: dict[str, Part], made_from: dict[str, str], *, processes: int) -> dict[str, Any]:
    """What a run belongs to: it can go on only with the same. made_from: digests of the store and of the weights that it starts from."""
    counts = {split: len(part) for split, part in parts.items()}
    return recipe.model_dump(mode="json") | {"processes": processes, "patches": counts, "digest": made_from}


def keep(path: Path, net: nn.Module, recipe: TrainRecipe, opened: store.Store, validation: Part) -> Path:
    """Write the weights file with what produced it, sigma calibrated if there are places enough."""
    about = resolver.About(
        net=recipe.net.kind,
        config=recipe.net.config,
        zoom=opened.about["zoom"],
        modulation=_modulation(opened),
        margin=int(net.margin),  # type: ignore[arg-type]
        provenance={
            **recipe.provenance,
            **({"start": recipe.start} if recipe.start else {}),
            "train": recipe.train.model_dump(mode="json"),
            "patches": opened.index.num_rows,
        },
    )
    try:
        about = calibrate(net, validation).on(about)
    except BadSource as error:
        log.warning("sigma is left as the network gives it: %s", error)
    return resolver.store(path, net, about)


def _modulation(opened: store.Store) -> float | None:
    """What a simulated sensor left at Nyquist, on the mean; a real one's is not known. Raises BadSource for a store that tells what no sensor leaves."""
    told: Any = opened.about
    for name in ("config", "degradation", "modulation"):
        told = told.get(name) if isinstance(told, dict) else None
    if told is None:
        return None
    try:
        return sum(TypeAdapter(tuple[resolver.Modulation, resolver.Modulation]).validate_python(told)) / 2
    except ValidationError as error:
        raise BadSource(
            f"{opened.path} says that its sensor left {told!r:.60} at Nyquist, needs two shares of {BOX_MODULATION:.2f} at the most\n{ADVICE}"
        ) from error
