"""A rerun goes on only where the input is what it was."""

import os

import numpy as np
import rasterio
import zarr

from dione import opening
from dione.base import stack as stacks
from dione.prepare import fingerprint
from dione.sources import open, zarrstack
from dione.sources.eopatches import eofolder
from dione.testing import landscape, series, write_geotiffs


def test_any_pixel_that_changes_is_another_input():
    made = series(landscape((230, 250)), days=2).stack
    known = fingerprint.of(made)
    assert fingerprint.of(made.copy(deep=True)) == known
    made["reflectance"].values[1, 2, 70, 75] += np.float32(0.01)
    changed = fingerprint.of(made)
    made["valid"].values[0, 160, 70] ^= True
    assert len({known, changed, fingerprint.of(made)}) == 3


def test_the_order_in_which_a_store_lists_its_arrays_makes_no_other_input():
    """Zarr lists them as they come, now and then in another order."""
    made = series(landscape((230, 250)), days=2).stack
    assert fingerprint.of(made[["valid", "reflectance"]]) == fingerprint.of(made)


def test_a_file_that_was_written_again_is_another_input_and_one_that_was_only_read_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "WHOLE_PX", 0)  # as of a large scene, of which a sample is looked at
    write_geotiffs(series(landscape((230, 250)), days=2).stack, tmp_path)
    known = fingerprint.of(open(tmp_path))
    assert fingerprint.of(open(tmp_path)) == known
    last = sorted(tmp_path.glob("*.tif"))[-1]
    with rasterio.open(last, "r+") as file:
        file.write(np.full((1, 4, 4), 9000, np.uint16), [1], window=((70, 74), (72, 76)))
    os.utime(last, (1, 1))
    assert fingerprint.of(open(tmp_path)) != known


def test_an_array_of_an_eopatch_that_was_written_again_is_another_input_too(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "WHOLE_PX", 0)
    made = series(landscape((230, 250)), days=2).stack
    arrays = {"data/BANDS": np.moveaxis(made["reflectance"].values, 1, -1), "mask/IS_VALID": made["valid"].values[..., None]}
    eofolder.save(tmp_path / "patch", arrays=arrays, times=list(made["time"].values), grid=stacks.grid_of(made))
    named = {"bands": ("blue", "green", "red", "nir")}
    known = fingerprint.of(open(tmp_path / "patch", **named))
    assert fingerprint.of(open(tmp_path / "patch", **named)) == known
    os.utime(tmp_path / "patch" / "mask" / "IS_VALID.npy", (1, 1))
    assert fingerprint.of(open(tmp_path / "patch", **named)) != known


def test_a_chunk_of_a_kept_stack_that_was_written_again_is_another_input_too(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "WHOLE_PX", 0)
    zarrstack.save(series(landscape((230, 250)), days=2).stack, tmp_path / "kept.zarr")
    part = {"dates": "2024-05", "area": (0.4, 43, 3, 45)}
    known = fingerprint.of(opening.open(tmp_path / "kept.zarr", **part))
    assert fingerprint.of(opening.open(tmp_path / "kept.zarr", **part)) == known
    zarr.open_group(tmp_path / "kept.zarr")["reflectance"][1, :, 120:130, 160:170] = 0.9
    assert fingerprint.of(opening.open(tmp_path / "kept.zarr", **part)) != known
