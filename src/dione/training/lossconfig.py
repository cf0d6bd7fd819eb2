"""`[train.loss]`: the terms of `measure.losses`, and those that need more than two images."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveInt, model_validator

from dione.measure.losses import LossConfig
from dione.nets.older.shiftnet import ShiftNetConfig


class Registration(BaseModel):
    """A ShiftNet, trained along, that moves the result onto the reference before they are compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side_px: PositiveInt = 96
    """Side of the square in the middle of a patch that it looks at, sharp pixels, a multiple of 8."""
    filters: PositiveInt = 64
    hidden: PositiveInt = 1024
    length: NonNegativeFloat = 0.001
    """Weight of the length of the shift, pixels."""
    start: Path | None = None
    """A ShiftNet to start from: what `dione models import` wrote, or a run left as shiftnet.safetensors."""

    def shiftnet(self, bands: int) -> ShiftNetConfig:
        """Its configuration."""
        return ShiftNetConfig(bands=bands, side_px=self.side_px, filters=self.filters, hidden=self.hidden)

    @model_validator(mode="after")
    def _halved_evenly(self) -> "Registration":
        self.shiftnet(1)
        return self


class Perceptual(BaseModel):
    """Features of a network of yours, in which result and reference are compared too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: str
    """`module:callable`, which gives a function or torch module when called without arguments; or a TorchScript file (.pt, .ts).
    Images (b, 4, y, x) go in, in the unit of the loss; features (b, f, y, x) come out, one tensor or a list of them."""
    trust: bool = False
    """Whether this code may be run. No file can say so (recipes come from strangers too), only who types the command or calls from Python."""
    weight: NonNegativeFloat = 0.05
    """Of the features' distance."""
    style: NonNegativeFloat = 0.05
    """Of the distance of how features go together."""


class TrainLoss(LossConfig):
    """Weights of the terms (0 leaves one out), and what is forgiven."""

    registration: Registration | None = None
    mean_tie: NonNegativeFloat = 0.0
    """Weight of |mean of the result − mean of the target date|, summed over bands: a result keeps the target's colours."""
    perceptual: Perceptual | None = None

    @model_validator(mode="after")
    def _sigma_has_a_unit(self) -> "TrainLoss":
        if self.unit == "network" and self.likelihood:
            raise ValueError("likelihood is of sigma in reflectance: with unit = 'network' set likelihood = 0")
        return self
