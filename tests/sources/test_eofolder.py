"""EOPatch folders that we write: we open them, and so does eo-learn, where there is one."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dione import testing
from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.errors import BadGrid, BadSource, CannotWrite
from dione.sources import eopatch
from dione.sources.eopatches import eofolder

BANDS = ("blue", "green", "red", "nir")


@pytest.fixture
def written(tmp_path: Path):
    made = testing.series(testing.landscape((20, 24), seed=1), days=3, cloud=0.2).stack
    arrays = {
        "data/BANDS": np.moveaxis(made["reflectance"].values, 1, -1),
        "mask/IS_VALID": made["valid"].values[..., None],
        "scalar/N_VIEWS": np.array([[1], [2], [3]]),
        "mask_timeless/LAND": np.ones((20, 24, 1), np.uint8),
    }
    eofolder.save(tmp_path / "patch", arrays=arrays, times=list(made["time"].values), grid=stacks.grid_of(made), notes={"about": {"n": 1}})
    return tmp_path / "patch", made, arrays


def test_what_is_written_is_opened_again_with_its_pixels_dates_and_grid(written):
    folder, made, _ = written
    opened = eopatch.open(folder, feature="BANDS", bands=BANDS)
    assert np.array_equal(opened["valid"].values, made["valid"].values)
    seen = made["valid"].values[:, None] & np.ones((1, 4, 1, 1), bool)
    assert np.array_equal(opened["reflectance"].values[seen], made["reflectance"].values[seen])
    assert np.array_equal(opened["time"].values, made["time"].values)
    assert grids.same(stacks.grid_of(opened), stacks.grid_of(made))


def eo_learn() -> str:
    """A Python that has it."""
    python = os.environ.get("DIONE_EOLEARN_PYTHON")
    if not python:
        pytest.skip("DIONE_EOLEARN_PYTHON names no Python that has eo-learn >= 1.5 (and setuptools < 82)")
    return python


def test_eo_learn_opens_it_with_equal_features_box_dates_and_types(written):
    python = eo_learn()
    folder, made, arrays = written
    asked = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from eolearn.core import EOPatch
patch = EOPatch.load(sys.argv[1])
told = {"box": list(patch.bbox), "epsg": patch.bbox.crs.epsg, "times": [time.isoformat() for time in patch.timestamps], "note": patch.meta_info["about"]}
told["features"] = {f"{kind.value}/{name}": [list(patch[kind, name].shape), str(patch[kind, name].dtype), float(patch[kind, name].astype(float).sum())]
                    for kind, name in patch.get_features() if kind.is_array()}
print(json.dumps(told))
"""
    told = json.loads(subprocess.run([python, "-c", asked, str(folder)], check=True, capture_output=True, text=True).stdout)
    grid = stacks.grid_of(made)
    assert told["box"] == list(grid.boundingbox.bbox) and told["epsg"] == 32631 and told["note"] == {"n": 1}
    assert told["times"] == [str(time)[:19] for time in made["time"].values]
    assert told["features"] == {name: [list(array.shape), str(array.dtype), pytest.approx(float(array.astype(float).sum()))] for name, array in arrays.items()}


def test_what_eo_learn_writes_is_opened_with_its_pixels_masks_box_and_dates(tmp_path: Path):
    asked = """
import datetime, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from eolearn.core import EOPatch
from sentinelhub import BBox, CRS
rng = np.random.default_rng(0)
times = [datetime.datetime(2024, 5, day, 10, 50, 1) for day in (1, 4, 9)]
patch = EOPatch(bbox=BBox((355000, 4831000, 355480, 4831400), CRS("32631")), timestamps=times)
patch.data["BANDS"] = rng.uniform(0.02, 0.4, (3, 40, 48, 4)).astype("float32")
patch.mask["CLM"] = (rng.random((3, 40, 48, 1)) < 0.1).astype("uint8")
patch.save(sys.argv[1] + "/patch")
np.savez(sys.argv[1] + "/same.npz", bands=patch.data["BANDS"], clm=patch.mask["CLM"])
"""
    subprocess.run([eo_learn(), "-c", asked, str(tmp_path)], check=True, capture_output=True)
    same, opened = np.load(tmp_path / "same.npz"), eopatch.open(tmp_path / "patch", feature="BANDS", bands=BANDS)
    clear = same["clm"][..., 0] == 0
    assert np.array_equal(opened["valid"].values, clear) and opened["reflectance"].dtype == np.float32
    assert np.array_equal(np.moveaxis(opened["reflectance"].values, 1, -1)[clear], same["bands"][clear])
    assert list(stacks.grid_of(opened).boundingbox.bbox) == [355000, 4831000, 355480, 4831400] and stacks.grid_of(opened).crs == "EPSG:32631"
    assert [str(time)[:19] for time in opened["time"].values] == [f"2024-05-0{day}T10:50:01" for day in (1, 4, 9)]


def test_what_does_not_fit_together_is_told_at_once_and_nothing_is_written(tmp_path: Path):
    grid = testing.grid_at((4, 4))
    arrays = {"data/A": np.zeros((2, 4, 4)), "mask/B": np.zeros((3, 4, 4, 1)), "label/C": np.zeros(3), "scalar/D": np.array([[None], [1]], object)}
    with pytest.raises(BadSource) as told:
        eofolder.save(tmp_path / "patch", arrays=arrays, times=[np.datetime64("2024-05-01", "ns")] * 2, grid=grid)
    assert all(name in str(told.value) for name in arrays) and not (tmp_path / "patch").exists()


def test_a_grid_without_a_code_and_a_folder_that_is_there_are_refused(written, tmp_path: Path):
    folder, _, _ = written
    times = [np.datetime64("2024-05-01", "ns")]
    with pytest.raises(BadGrid, match="EPSG"):
        eofolder.save(tmp_path / "b", arrays={}, times=times, grid=testing.grid_at((4, 4), crs=None))
    with pytest.raises(CannotWrite, match="there already"):
        eofolder.save(folder, arrays={}, times=times, grid=testing.grid_at((4, 4)))
