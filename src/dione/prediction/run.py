"""What a run was: the values that the written pages draw on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from dione.base.crs import named
from dione.base.grid import finer
from dione.prediction.looks.preview import Array, Box, Preview
from dione.prepare.select import Choice


@dataclass(frozen=True)
class Model:
    """The network that made the pixels."""

    name: str
    sha256: str = ""
    """Of the weights file; empty for a method without weights."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What else to say of it: network, parameters, training data, licence."""


@dataclass(frozen=True)
class Tile:
    """A part of a date that was written in several files."""

    coarse: GeoBox
    """Its 10 m grid."""
    sr: Path
    sigma: Path
    support: Path
    input: Path

    @property
    def files(self) -> tuple[Path, ...]:
        return self.sr, self.sigma, self.support, self.input


@dataclass(frozen=True)
class Target:
    """One date, sharpened and written."""

    choice: Choice
    time: np.datetime64
    """When it was seen, UTC."""
    sr: Path
    """Finished COG, or the VRT over those of `tiles`."""
    sigma: Path | None
    before: Preview
    """The target date at 10 m, for pictures and histograms."""
    clear: float
    """Fraction of the area that the target date saw clear, 0–1."""
    filled: float
    """Fraction of the area that only support dates saw, 0–1."""
    consistency: float | None = None
    """Mean |result averaged back to 10 m − target|, reflectance, where the target is valid."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long each step took."""
    warnings: tuple[str, ...] = ()
    support: Path | None = None
    """Where its detail comes from: a COG of classes."""
    input: Path | None = None
    """The target at 10 m, where it was seen clear: a COG."""
    tiles: tuple[Tile, ...] = ()
    """Of a date in several files; the others are VRTs over them then."""
    is_tile: bool = False
    """Whether this is such a part itself; its fractions are then those of the whole date."""

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(file for file in (self.sr, self.sigma, self.support, self.input) if file is not None)

    @property
    def day(self) -> str:
        return self.choice.day

    @property
    def name(self) -> str:
        """How its files begin: 2018-08-15."""
        return self.sr.stem.removesuffix("_sr")

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(float(self.time.astype("datetime64[us]").astype("int64")) / 1e6, tz=UTC)

    @property
    def sources(self) -> dict[str, list[str]]:
        """What the target and its supports were read from."""
        dates = self.choice.dates
        return {"target": [item_id(dates[self.choice.target].item)], "supports": [item_id(dates[i].item) for i in self.choice.supports]}

    @property
    def supports(self) -> list[str]:
        """Days of the supports, newest first."""
        return [self.choice.dates[i].day for i in self.choice.supports]


@dataclass(frozen=True)
class Support:
    """A date that only lent detail, as it was seen at 10 m: for the pages."""

    day: str
    item: str
    """What it was read from."""
    clear: float
    """Fraction of the area seen clear, 0–1."""
    parts: tuple[tuple[Array, Box], ...]
    """Reflectance (4, h, w), NaN where not seen clear, and where it lies, coarse pixels; thinned where the area is large."""


@dataclass(frozen=True)
class Run:
    """All that one `dione predict` did."""

    source: str
    """As the user gave it."""
    model: Model
    coarse: GeoBox
    """The 10 m grid."""
    zoom: int
    targets: tuple[Target, ...]
    supports: tuple[Support, ...] = ()
    """Dates that helped and are no targets, by their day."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The recipe as it was run."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """The Stack's notes: radiometry, offset, processing level."""
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def fine(self) -> GeoBox:
        return finer(self.coarse, self.zoom)

    @property
    def crs(self) -> str | None:
        """EPSG:32631, or the whole text of a CRS without a code."""
        return named(self.coarse.crs)

    @property
    def alarms(self) -> tuple[str, ...]:
        """Every warning once, the run's first."""
        return tuple(dict.fromkeys([*self.warnings, *(f"{t.name}: {w}" for t in self.targets for w in t.warnings)]))


def parts(run: Run, target: Target) -> list[tuple[Run, Target]]:
    """A date as it is catalogued: each of its tiles as if it were a scene of its own; itself, if it is one file."""
    if not target.tiles:
        return [(run, target)]
    return [
        (replace(run, coarse=tile.coarse), replace(target, sr=tile.sr, sigma=tile.sigma, support=tile.support, input=tile.input, tiles=(), is_tile=True))
        for tile in target.tiles
    ]


def item_id(item: str) -> str:
    """What a date was read from; a path on this machine loses its folders."""
    return PurePath(item).name if PurePath(item).is_absolute() else item


def item_file(sr: Path) -> Path:
    """Where the STAC item stands beside its file."""
    return sr.with_name(f"{sr.stem.removesuffix('_sr')}.json")
