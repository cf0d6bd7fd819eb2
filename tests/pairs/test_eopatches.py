"""Areas as EOPatches, wherever they went."""

import shutil

import pyarrow as pa
import pytest

from dione.base.errors import BadSource, CannotWrite, NotFound
from dione.base.storage import files
from dione.pairs import areas, eopatches
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
    with files.alone(tmp_path), pytest.raises(CannotWrite, match="another run is writing"):
        eopatches.export(opened, str(tmp_path), areas=str(tmp_path / "moved"))
    assert eopatches.export(opened, str(tmp_path / "out"), areas=str(tmp_path / "moved")) == 1


def test_a_store_of_a_stranger_writes_nothing_beside_the_folder_that_was_named(made: World, built: Built, tmp_path):
    """Its table of areas names folders; what stands where they lead stays as it is."""
    shutil.copytree(made.folder / "store", tmp_path / "store")
    opened = store.read(tmp_path / "store")
    one = next(path for path in (made.folder / "areas").iterdir() if (path / "reference.zarr").exists())
    shutil.copytree(one, tmp_path / "theirs" / one.name)
    (tmp_path / "theirs" / "below").mkdir()
    mine = tmp_path / one.name / "sentinel2" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    rows = [{**row, "name": f"../{row['name']}"} for row in opened.path.table(areas.FILE, "", "").to_pylist()]
    opened.path.write_table(areas.FILE, pa.Table.from_pylist(rows))
    with pytest.raises(BadSource, match="needs the name of one folder"):
        eopatches.export(opened, str(tmp_path / "out"), areas=str(tmp_path / "theirs" / "below"))
    assert mine.read_text() == "mine"
