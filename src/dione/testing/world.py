"""Everything that the pipeline for real pairs starts from, made up: a delivery, Sentinel-2's series, regions of interest.

made = world(folder)
folder/delivery/                 scenes of a VHR sensor (dione.testing.delivery)
folder/sentinel2/2024-05-01.tif  …
folder/regions.geojson           two regions, `west` and `east`, each in a country of its own
"""

import json
from dataclasses import dataclass
from pathlib import Path

from shapely.geometry import box, mapping

from dione.base import stack as stacks
from dione.base.crs import DEGREES, turned
from dione.testing import write_geotiffs
from dione.testing.delivery import Delivered, deliver


@dataclass(frozen=True)
class World:
    """Where things are, and what was planted."""

    folder: Path
    delivered: Delivered

    @property
    def delivery(self) -> Path:
        return self.folder / "delivery"

    @property
    def sentinel2(self) -> Path:
        return self.folder / "sentinel2"

    @property
    def regions(self) -> Path:
        return self.folder / "regions.geojson"


def world(folder: Path, *, shape: tuple[int, int] = (64, 80), scenes: int = 4, days: int = 8, seed: int = 0, other: float = 0.0) -> World:
    """Write it; the parameters are those of `deliver`."""
    delivered = deliver(folder / "delivery", shape=shape, scenes=scenes, days=days, seed=seed, other=other)
    write_geotiffs(delivered.series.stack, folder / "sentinel2")
    made = World(folder, delivered)
    made.regions.write_text(json.dumps({"type": "FeatureCollection", "features": _regions(delivered)}))
    return made


def _regions(delivered: Delivered) -> list[dict[str, object]]:
    """The west and the east half of the ground."""
    grid = stacks.grid_of(delivered.series.stack)
    left, bottom, right, top = grid.boundingbox.bbox
    middle = left + (right - left) / 2
    halves = {"west": (left, middle, "Westland"), "east": (middle, right, "Eastland")}
    made: list[dict[str, object]] = []
    for name, (start, end, country) in halves.items():
        half = turned(box(start, bottom, end, top), source=str(grid.crs), target=DEGREES)
        made.append({"type": "Feature", "properties": {"name": name, "country": country}, "geometry": mapping(half)})
    return made
