"""The settings of a prediction."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dione.nets.resolver import Modulation
from dione.prediction.files.packing import Packing
from dione.prediction.windows.engine import AnyPrecision
from dione.prepare.select import Supports

SUPPORT_CLOUD = 0.05


class PredictConfig(BaseModel):
    """What decides the pixels of a prediction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str = "latest"
    """A date, 'latest' (clear enough) or 'all'."""
    views: int = 8
    max_cloud: float = 0.5
    supports: Supports = "best"
    """The best dates, or the latest clear ones before the target."""
    support_cloud: float = SUPPORT_CLOUD
    """Of those in the past: largest cloudy fraction."""
    block: Annotated[int, Field(ge=16)] | None = None
    """Side of a window, pixels of the input, rounded up to whole tiles of the file; by default what 4 GB are enough for."""
    device: str = "auto"
    """Where to compute: a GPU if there is one, else the processor; or cpu, cuda, cuda:1."""
    modulation: Modulation | None = None
    """What the input's sensor left at Nyquist, by default measured. What is sharper or softer than the model was made for is brought there first."""
    precision: AnyPrecision = "auto"
    """Of the network's inner layers: the faster one here, or as said."""
    compress: Packing = "DEFLATE"
    """DEFLATE opens everywhere; ZSTD packs twice as fast."""
    tiles: Annotated[int, Field(ge=512)] | None = None
    """Largest side of a file, pixels of the result: each date becomes a grid of such files and a VRT over them. One file by default."""

    @model_validator(mode="after")
    def _of_the_past(self) -> "PredictConfig":
        if self.support_cloud != SUPPORT_CLOUD and self.supports != "past":
            raise ValueError('support_cloud is of supports = "past", and means nothing for best, which takes the clear and near; leave it out')
        return self
