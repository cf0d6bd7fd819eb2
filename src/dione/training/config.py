"""What a training recipe says."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, field_validator

from dione.base.storage.files import one_part
from dione.nets.zoo import NETS
from dione.patches.augment import AugmentConfig
from dione.sources import carrying
from dione.training.lossconfig import TrainLoss


class TrainConfig(BaseModel):
    """How to train."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: PositiveInt = 6000
    batch: PositiveInt = 64
    """Patches of a step, for each process."""
    optimizer: Literal["adam", "muon"] = "muon"
    rate: PositiveFloat = 2e-3
    warmup: NonNegativeInt = 200
    clip: PositiveFloat = 1.0
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.998
    """How slowly the averaged weights, which are kept, follow the present ones."""
    dates: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 2, 4, 6, 8, 8)
    """Number of dates of a step, drawn from these."""
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    validate_every: PositiveInt = 500
    patience: NonNegativeInt = 0
    """Validations without a better score after which training stops early; 0 never does."""
    save_every: PositiveInt = 250
    log_every: PositiveInt = 50
    logs: tuple[Literal["tensorboard", "wandb"], ...] = ()
    """Kept beside log.jsonl."""
    seed: NonNegativeInt = 0
    loss: TrainLoss = TrainLoss()
    augment: AugmentConfig = AugmentConfig()


class NetRecipe(BaseModel):
    """Which network, and its configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = "setsr"
    config: dict[str, Any] = {}

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in NETS:
            raise ValueError(f"no network is called so; there are {', '.join(NETS)}")
        return kind

    @field_validator("config")
    @classmethod
    def _fits(cls, config: dict[str, Any], told: Any) -> dict[str, Any]:
        """Faults of a network's own settings are told with their paths, beside all others; `told` is pydantic's ValidationInfo."""
        if kind := NETS.get(told.data.get("kind", "")):
            kind.Config.model_validate(config)  # type: ignore[attr-defined]
        return config


class TrainRecipe(BaseModel):
    """`dione train`: a network, a store of patches, and how. A recipe with faults raises pydantic's ValidationError, all at once.

    >>> import dione
    >>> recipe = dione.TrainRecipe(name="mine", store="runs/patches", train={"steps": 100})
    >>> recipe.net.kind, recipe.train.steps, recipe.train.batch
    ('setsr', 100, 64)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(one_part)]
    """Of the run and of its weights file."""
    store: Annotated[str, BeforeValidator(str)]
    """The patch store: a folder, or a place at s3://."""
    out: Annotated[str, BeforeValidator(str)] = "runs"
    """Where runs are kept: a folder, or a place at s3://."""
    net: NetRecipe = NetRecipe()
    start: str | None = None
    """A model's name or a .safetensors file whose weights to start from; fresh ones by default."""
    train: TrainConfig = TrainConfig()
    provenance: dict[str, Any] = {}
    """What the weights file will say of its data and licence."""

    @property
    def address(self) -> str:
        """Of the run's folder, here or at s3://."""
        return f"{self.out.rstrip('/')}/{self.name}"

    @property
    def folder(self) -> Path:
        """Where on this disk the run is made; what goes to s3:// is sent from there."""
        return carrying.here(self.address)
