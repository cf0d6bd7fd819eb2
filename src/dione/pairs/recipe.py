"""What `dione dataset build` is told: where both sensors come from, which areas, how they are paired and sampled."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from dione.base.vectors.features import NAMED_BY
from dione.prepare.reference.brightness import BLUE_ABOVE
from dione.prepare.reference.pair import PairRule

ARCHIVES = ("stac:", "sentinelhub:")
"""How a source begins that is no place of files."""


class Table(BaseModel):
    """Settings: frozen, and nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sentinel(Table):
    """`[sentinel2]`: a source as for `dione predict`, and what its files do not tell."""

    source: str
    """A series as for `dione predict`, or an archive. `{site}` and `{area}` in it stand for an area's region and name. No secrets: credentials come from the environment or a profile."""
    bands: tuple[str, ...] | None = None
    pattern: str | None = None
    scale: float | None = None
    offset: float | None = None
    align: bool = False
    feature: str | None = None

    @property
    def archive(self) -> bool:
        """Whether it is asked for each area, rather than opened once."""
        return self.source.startswith(ARCHIVES)

    def of(self, site: str, area: str) -> str:
        """The source of one area."""
        return self.source.replace("{site}", site).replace("{area}", area)


class Sharp(Table):
    """`[vhr]`: the scenes, and what is done to them."""

    scenes: Annotated[str, BeforeValidator(str)]
    """The table of `dione vhr scan`, here or at s3://."""
    sharpen: Literal["gsa", "ratio", "no"] = "gsa"
    """How pan is used, where there is one."""
    clouds: Literal["brightness", "csmask", "no"] = "brightness"
    blue_above: PositiveFloat = BLUE_ABOVE
    """Radiance of blue that is cloud, for brightness."""


class Boxes(Table):
    """`[areas]`."""

    regions: Annotated[str, BeforeValidator(str)] | None = None
    """Polygons, here or at s3://: GeoJSON in longitude and latitude, or another vector file in its own CRS (extra `vector`); by default the ground that the scenes show."""
    size_m: PositiveInt = 2000
    buffer: float = Field(default=0.2, ge=0, le=1)
    """Of the side, half of it on each side."""
    epsg: PositiveInt | None = None
    """Of the boxes; by default the UTM zone of each region."""
    name: str = NAMED_BY
    """The regions' property that names them: the site of their patches."""


class Sampling(Table):
    """`[sampling]`."""

    how: Literal["random", "grid", "stratified"] = "random"
    patches: PositiveInt = 140
    """Of an area and reference; a grid takes all that fit."""
    size_px: PositiveInt = 32
    rim_px: NonNegativeInt = 20
    """Pixels of 10 m on each side of an area that no patch touches."""
    edges: float = Field(default=0.25, ge=0, le=1)
    """Stratified: the share drawn by how much edge a patch holds."""
    rare: float = Field(default=0.25, ge=0, le=1)
    """Stratified: the share drawn by how rare its land cover is in the whole dataset; the two are at most 1 together."""

    @model_validator(mode="after")
    def _shares(self) -> "Sampling":
        if self.edges + self.rare > 1 + 1e-9:
            raise ValueError(f"edges and rare are shares of the patches, and {self.edges:g} and {self.rare:g} are more than all of them")
        return self


class BuildRecipe(Table):
    """All of it."""

    sentinel2: Sentinel
    vhr: Sharp
    areas: Boxes = Boxes()
    pairing: PairRule = PairRule()
    sampling: Sampling = Sampling()
    seed: NonNegativeInt = 0
