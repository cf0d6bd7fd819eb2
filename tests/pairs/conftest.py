"""A made-up world and the store that is built from it, shared; who changes it takes a copy."""

import json
from pathlib import Path

import pytest
from pyproj import Transformer

from dione.pairs.build import Built, build
from dione.pairs.recipe import BuildRecipe
from dione.sources.delivered import deliveries, scenetable
from dione.testing.world import World, world


def _recipe_for(made: World, **changes: object) -> BuildRecipe:
    """Small areas and small patches, so that a small world holds many."""
    table = made.folder / "scenes.parquet"
    if not table.exists():
        scenetable.write(table, map(scenetable.row, deliveries.scan(made.delivery).products))
    values = {
        "sentinel2": {"source": str(made.sentinel2)},
        "vhr": {"scenes": table},
        "areas": {"regions": made.regions, "size_m": 160, "buffer": 0.5},
        "sampling": {"patches": 6, "size_px": 8, "rim_px": 4},
        **changes,
    }
    return BuildRecipe.model_validate(values)


@pytest.fixture(scope="session")
def recipe_for():
    return _recipe_for


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world(tmp_path_factory.mktemp("world"), shape=(56, 64), scenes=3)


@pytest.fixture(scope="session")
def built(made: World) -> Built:
    return build(_recipe_for(made), made.folder / "store", areas=str(made.folder / "areas"), workers=1)


@pytest.fixture(scope="session")
def few(made: World) -> dict[str, object]:
    """`[areas]` of a region in the middle, of a few areas."""
    turn = Transformer.from_crs(32631, 4326, always_xy=True)
    (left, bottom), (right, top) = turn.transform(355_220, 4_831_600), turn.transform(355_420, 4_831_820)
    ring = [[left, bottom], [right, bottom], [right, top], [left, top], [left, bottom]]
    path = made.folder / "few.geojson"
    path.write_text(
        json.dumps({"type": "Feature", "properties": {"name": "west", "country": "Westland"}, "geometry": {"type": "Polygon", "coordinates": [ring]}})
    )
    return {"regions": path, "size_m": 160, "buffer": 0.5}


@pytest.fixture(scope="session")
def store_path(made: World, built: Built) -> Path:
    return made.folder / "store"
