"""Areas as EOPatches, wherever they went."""

import shutil

import pytest

from dione.base.errors import NotFound
from dione.pairs import eopatches
from dione.pairs.build import Built
from dione.patches import store
from dione.testing.world import World


def test_areas_that_were_moved_are_found_when_their_place_is_told(made: World, built: Built, tmp_path):
    (tmp_path / "moved").mkdir()
    shutil.copytree(made.folder / "store", tmp_path / "store")
    for area in [path for path in (made.folder / "areas").iterdir() if (path / "reference.zarr").exists()][:1]:
        shutil.copytree(area, tmp_path / "moved" / area.name)
    opened = store.read(tmp_path / "store")
    opened.about["areas"] = str(tmp_path / "gone")
    with pytest.raises(NotFound, match="--areas"):
        eopatches.export(opened, str(tmp_path / "out"))
    assert eopatches.export(opened, str(tmp_path / "out"), areas=str(tmp_path / "moved")) == 1
