"""What `dione run` is told: one table a stage; what one stage hands to the next is not said twice."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PositiveInt, field_validator, model_validator

from dione.base.storage.files import one_part
from dione.base.vectors import vectorfile
from dione.nets.zoo import NETS
from dione.pairs.recipe import ARCHIVES, BuildRecipe, Table
from dione.prediction.config import PredictConfig
from dione.prepare.csmask import Level
from dione.sources.carrying import here
from dione.sources.places import is_remote
from dione.training.config import TrainRecipe


class Deliveries(Table):
    """`[vhr]`: the folder that was delivered, as for `dione vhr scan` and `dione vhr statistics`."""

    deliveries: str
    sensor: str | None = None
    sensors: Path | None = None
    sun_elevation: float | None = None
    statistics: bool = True
    """Whether each scene's statistics are added to the table."""


class Curation(Table):
    """`[curate]`."""

    preset: str | None = "prior-art"
    keep: tuple[str, ...] = ()
    shift_px: float = Field(default=3.0, ge=0)


class Division(Table):
    """`[split]`."""

    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    by: str | None = None
    seed: int = 0


class Normalisation(Table):
    """`[scaling]`."""

    by: str = "site"
    into_net: bool = False
    """Give the network the 1st and 99th percentile of Sentinel-2, so that what it works on lies on about 0 … 1: its `centre` and `spread`."""


class Prediction(PredictConfig):
    """`[[predict]]`: a series to sharpen with what was trained."""

    name: Annotated[str, AfterValidator(one_part)]
    """Its results are in OUT/predictions/<name>."""
    source: str
    """A series, or an archive, as for `dione predict`; what follows is as there, too."""
    area: str | None = None
    size_m: float | None = None
    dates: str | None = None
    max_scene_cloud: float | None = None
    find_clouds: Level | None = None
    bands: tuple[str, ...] | None = None
    pattern: str | None = None
    scale: float | None = None
    offset: float | None = None
    align: bool = False
    feature: str | None = None
    eopatch: Annotated[str, AfterValidator(one_part)] | None = None
    """A name: also write an EOPatch, with SR-<name>."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Its source and area, as far as they are files of ours."""
        area = vectorfile.split(self.area)[0] if self.area else ""
        return (*([] if self.source.startswith(ARCHIVES) else [self.source]), *([area] if Path(area).is_file() else []))


class Evaluation(Table):
    """`[evaluate]`."""

    against: Annotated[tuple[str, ...], Field(min_length=1)] = ("bicubic",)
    dates: tuple[PositiveInt, ...] = (1, 2, 4, 8)


class PipelineRecipe(Table):
    """All stages. Tables of `build` and `train` are those of `dione dataset build` and `dione train`, without what follows from the others."""

    name: str
    out: Path
    """Everything is written below it; named at s3://, a folder on this disk that is the same for the same address."""
    sent_to: str | None = None
    """What `out` named, where that is at s3://: what was made is sent there, stage by stage. It is not said in a recipe."""
    vhr: Deliveries
    build: BuildRecipe
    curate: Curation = Curation()
    split: Division = Division()
    scaling: Normalisation = Normalisation()
    train: TrainRecipe
    predict: tuple[Prediction, ...] = ()
    evaluate: Evaluation | None = Evaluation()

    @model_validator(mode="before")
    @classmethod
    def _handed_on(cls, values: Any) -> Any:
        """Paths between stages."""
        if not isinstance(values, dict) or not isinstance(values.get("out"), str | Path):
            return values
        made = {**values, "out": here(values["out"]), "sent_to": str(values["out"]) if is_remote(values["out"]) else values.get("sent_to")}
        out = made["out"]
        if isinstance(build := values.get("build", {}), dict):
            made["build"] = {**build, "vhr": {"scenes": out / "scenes.parquet", **build.get("vhr", {})}}
        if isinstance(train := values.get("train", {}), dict):
            made["train"] = {"name": values.get("name"), "store": out / "patches", "out": out / "training", **train}
        return made

    @model_validator(mode="after")
    def _scaled_into(self) -> "PipelineRecipe":
        kind = self.train.net.kind
        if self.scaling.into_net and not {"centre", "spread"} <= NETS[kind].Config.model_fields.keys():  # type: ignore[attr-defined]
            raise ValueError(f"scaling.into_net: a {kind} has no centre and spread to be given; leave it out, or train a highresnet")
        return self

    @field_validator("predict")
    @classmethod
    def _apart(cls, predict: tuple[Prediction, ...]) -> tuple[Prediction, ...]:
        if doubled := [name for name, often in Counter(one.name for one in predict).items() if often > 1]:
            raise ValueError(f"{', '.join(doubled)} is the name of several series, whose results would go into one folder; give each its own")
        return predict

    @property
    def scenes(self) -> Path:
        return self.out / "scenes.parquet"

    @property
    def store(self) -> Path:
        return self.out / "patches"

    @property
    def areas(self) -> str:
        return str(self.out / "areas")
