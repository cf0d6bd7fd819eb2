"""What a step minimises: the loss of the recipe, with whatever helps to find it.

    result ──┬─────────────── mean, band by band ── tied to the target date's
             │                                         (mean_tie)
             └─► moved onto the reference ──► terms of measure.losses, features and style of a network of the user's
                      ▲
                   ShiftNet, which learns along; its shifts are kept short

Without registration, tie and features this is `measure.losses.loss` and nothing else. Images are compared in the
network's own unit where the recipe says so: (reflectance − centre) / spread, as the older pipeline had it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from dione.base.errors import BadModel, BadRecipe
from dione.measure.lanczos import lanczos
from dione.measure.losses import Terms, loss
from dione.measure.perceptual import feature_distance, style_distance
from dione.nets.older import shiftnet
from dione.patches.dataset import Batch
from dione.training.config import TrainConfig
from dione.training.draws import generator
from dione.training.features import Features, load_features
from dione.training.lossconfig import Registration, TrainLoss


@dataclass
class Objective:
    """The loss of a run, and the ShiftNet that learns along, if any."""

    config: TrainLoss = field(default_factory=TrainLoss)
    scaling: tuple[Tensor, Tensor] | None = None
    """Centre and spread that the network works with, where images are compared in its unit."""
    register: shiftnet.ShiftNet | None = None
    shared: nn.Module | None = None
    """`register` as the processes share it."""
    optimizer: torch.optim.Optimizer | None = None
    features: Features | None = None
    seed: tuple[int, int] = (0, 0)
    """Of the run, and the process."""
    taken: int = 0
    """Steps, from which what the ShiftNet drops is drawn."""

    @classmethod
    def begin(cls, config: TrainConfig, net: nn.Module, fabric: Fabric) -> "Objective":
        """At the start of a run; raises BadRecipe or BadModel where its parts cannot be had."""
        made = cls(config.loss, seed=(config.seed, fabric.global_rank))
        if config.loss.unit == "network":
            made.scaling = _scaling(net)
        if config.loss.perceptual:
            made.features = load_features(config.loss.perceptual, fabric.device)
        if config.loss.registration:
            bands: int = net.config.bands  # type: ignore[union-attr, assignment]
            made.register = _shiftnet(config.loss.registration, bands, config.seed)
            made.shared, made.optimizer = fabric.setup(made.register, torch.optim.Adam(made.register.parameters(), lr=config.rate))
        return made

    def terms(self, sr: Float[Tensor, "b c y x"], log_sigma: Float[Tensor, "b c y x"], batch: Batch) -> Terms:
        """Of a batch, on the device of `sr`."""
        hr, target = batch.hr, batch.lr[:, 0]
        if self.scaling is not None:
            centre, spread = self.scaling
            sr, hr, target = ((image - centre) / spread for image in (sr, hr, target))
        more: dict[str, tuple[float, Tensor]] = {}
        if self.config.mean_tie:
            more["mean_tie"] = self.config.mean_tie, mean_tie(sr, target, batch.valid[:, 0])
        if self.config.registration:
            sr, length = self._registered(sr, hr, self.config.registration)
            more["shift_length"] = self.config.registration.length, length
        terms = loss(sr, log_sigma, hr, self.config)
        if self.config.perceptual and self.features:
            made, wanted = self.features(sr), self.features(hr)
            more["perceptual"] = self.config.perceptual.weight, feature_distance(made, wanted)
            more["style"] = self.config.perceptual.style, style_distance(made, wanted)
        if not more:
            return terms
        total = terms.total + sum((weight * value for weight, value in more.values() if weight), start=torch.zeros_like(terms.total))
        return Terms(total, terms.parts | {name: value.detach() for name, (_, value) in more.items()})

    def _registered(self, sr: Tensor, hr: Tensor, config: Registration) -> tuple[Tensor, Tensor]:
        """`sr` on `hr`, and how far it was moved, mean over the batch."""
        if min(sr.shape[-2:]) < config.side_px:
            raise BadRecipe(
                f"train.loss.registration.side_px: {config.side_px} px do not fit into patches of {sr.shape[-2]}×{sr.shape[-1]} sharp px\n"
                f"set it to {min(sr.shape[-2:]) // 8 * 8} or less, a multiple of 8"
            )
        assert self.shared is not None
        dropping = generator(*self.seed, self.taken)
        right_down = self.shared(shiftnet.middle(hr, config.side_px), shiftnet.middle(sr, config.side_px), dropping)
        length = (right_down.square().sum(1) + 1e-12).sqrt().mean()
        return lanczos(sr, -right_down.flip(-1)), length

    def clip(self, fabric: Fabric, most: float) -> float:
        """Clip the ShiftNet's gradient; its length before."""
        if self.shared is None or self.optimizer is None:
            return 0.0
        norm = fabric.clip_gradients(self.shared, self.optimizer, max_norm=most, error_if_nonfinite=False)
        return float(norm) if norm is not None else 0.0

    def step(self, rate: float) -> None:
        """Let the ShiftNet learn from its gradient."""
        self.taken += 1
        if self.optimizer is None:
            return
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()

    def kept(self) -> dict[str, Any]:
        """For the checkpoint; nothing where nothing learns along."""
        if self.register is None or self.optimizer is None:
            return {}
        return {"objective": {"register": self.register.state_dict(), "optimizer": self.optimizer.state_dict(), "taken": self.taken}}

    def load(self, kept: Mapping[str, Any]) -> None:
        """From a checkpoint."""
        if self.register is not None and self.optimizer is not None:
            mine = kept["objective"]
            self.register.load_state_dict(mine["register"])
            self.optimizer.load_state_dict(mine["optimizer"])
            self.taken = mine["taken"]

    def leave(self, folder: Path) -> None:
        """Write the ShiftNet that learnt along, if any, for another run to start from: FOLDER/shiftnet.safetensors."""
        if self.register is not None:
            shiftnet.store(folder / "shiftnet.safetensors", self.register)


def mean_tie(sr: Float[Tensor, "b c y x"], target: Float[Tensor, "b c h w"], seen: Bool[Tensor, "b h w"]) -> Float[Tensor, ""]:
    """|mean of `sr` − mean of `target`| where the target was seen, summed over bands, mean over the batch."""
    weight = seen[:, None].to(sr.dtype)
    apart = torch.where(seen[:, None], F.avg_pool2d(sr, sr.shape[-1] // target.shape[-1]) - target, torch.zeros((), dtype=sr.dtype, device=sr.device))
    return (apart.sum((-2, -1)) / weight.sum((-2, -1)).clamp_min(1)).abs().sum(1).mean()


def _scaling(net: nn.Module) -> tuple[Tensor, Tensor]:
    if not isinstance(getattr(net, "centre", None), Tensor) or not isinstance(getattr(net, "spread", None), Tensor):
        raise BadRecipe("train.loss.unit: this network has no unit of its own to compare in\nset it to 'contrast' or 'reflectance', or train a highresnet")
    return net.centre, net.spread  # type: ignore[return-value]


def _shiftnet(config: Registration, bands: int, seed: int) -> shiftnet.ShiftNet:
    wanted = config.shiftnet(bands)
    if config.start is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return shiftnet.ShiftNet(wanted)
    found = shiftnet.load(config.start)
    if found.config != wanted:
        raise BadModel(f"{config.start} is a ShiftNet of {found.config}, the recipe asks for {wanted}\ngive [train.loss.registration] what it was made with")
    return found.train()
