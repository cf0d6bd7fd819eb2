"""A Stack kept and opened again is the same; a store that is damaged or foreign says so."""

import errno
import itertools
import pickle
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from dione import testing
from dione.base import stack as stacks
from dione.base.errors import BadSource, CannotWrite, NotAStack, NotFound
from dione.base.machine import processors
from dione.sources import geotiff, zarrstack


@pytest.fixture
def made() -> xr.Dataset:
    return testing.series(testing.landscape((30, 44), seed=3), days=3, cloud=0.3, seed=4).stack


def words(stack: xr.Dataset) -> xr.Dataset:
    """String coordinates in one width, which is no part of their value."""
    return stack.assign_coords(item=stack["item"].astype("U50"), band=stack["band"].astype("U10"))


def test_saved_and_opened_is_the_same(made: xr.Dataset, tmp_path: Path) -> None:
    assert zarrstack.save(made, tmp_path / "stack.zarr") == str(tmp_path / "stack.zarr")
    kept = zarrstack.open(tmp_path / "stack.zarr")
    xr.testing.assert_identical(words(kept.compute()), words(made))
    assert stacks.grid_of(kept) == stacks.grid_of(made)
    assert [path.name for path in tmp_path.iterdir()] == ["stack.zarr"]


@pytest.mark.parametrize("name", ["c", "e", "y", "band"])
def test_a_store_may_be_called_as_folders_in_it_end(name: str, made: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    zarrstack.save(made, name)
    assert zarrstack.open(name).equals(zarrstack.open(tmp_path / name)) and zarrstack.load(f"./{name}/").sizes == made.sizes


def test_a_word_about_the_whole_stack_is_kept(made: xr.Dataset, tmp_path: Path) -> None:
    zarrstack.save(made.assign_coords(field="field 7"), tmp_path / "stack.zarr")
    for kept in (zarrstack.open(tmp_path / "stack.zarr"), zarrstack.load(tmp_path / "stack.zarr")):
        assert kept["field"].item() == "field 7" and kept["field"].dtype.kind == "U"


@pytest.mark.parametrize(
    "told", [{"dtype": "uint16", "scale_factor": 1e-4, "_FillValue": 0}, {"dtype": "int16", "scale_factor": 1e-4, "add_offset": -0.1, "_FillValue": -32768}]
)
def test_numbers_of_a_store_that_somebody_else_wrote_are_decoded_by_its_attributes(made: xr.Dataset, tmp_path: Path, told: dict[str, object]) -> None:
    texts = {name: (made[name].dims, made[name].values.astype(object)) for name in ("item", "band")}
    made.assign_coords(texts).to_zarr(tmp_path / "a.zarr", zarr_format=3, consolidated=False, encoding={"reflectance": told})
    for kept in (zarrstack.open(tmp_path / "a.zarr"), zarrstack.load(tmp_path / "a.zarr")):
        assert kept["reflectance"].dtype == np.float32
        seen = kept["valid"].values & made["valid"].values
        assert seen.mean() > 0.6
        np.testing.assert_allclose(np.moveaxis(kept["reflectance"].values, 1, -1)[seen], np.moveaxis(made["reflectance"].values, 1, -1)[seen], atol=6e-5)


def test_numbers_that_nothing_decodes_are_refused_with_what_to_do(made: xr.Dataset) -> None:
    with pytest.raises(NotAStack, match=r"'reflectance' is uint16, needs float32; .*numbers \* scale \+ offset.*scale_factor and add_offset"):
        stacks.check(made.assign(reflectance=(made["reflectance"] * 1e4).astype("uint16")))


@pytest.mark.parametrize("crs", [None, "EPSG:4326"])
def test_no_crs_and_degrees_are_kept(crs: str | None, tmp_path: Path) -> None:
    grid = testing.grid_at((30, 44), crs=crs, left=1.5, top=43.25, pixel=1e-4)
    made = testing.series(testing.landscape((30, 44)), days=2, grid=grid).stack
    zarrstack.save(made, tmp_path / "a.zarr")
    assert stacks.grid_of(zarrstack.open(tmp_path / "a.zarr")) == stacks.grid_of(made)


def test_a_part_of_a_lazy_stack_is_kept_with_its_place(made: xr.Dataset, tmp_path: Path) -> None:
    stack = geotiff.open(testing.write_geotiffs(made, tmp_path / "series")).isel(time=[1, 2], y=slice(7, 23), x=slice(3, 40))
    zarrstack.save(stack, tmp_path / "a.zarr")
    kept = zarrstack.open(tmp_path / "a.zarr")
    xr.testing.assert_identical(words(kept.compute()), words(stack.compute()))
    assert stacks.grid_of(kept) == stacks.grid_of(stack)


def test_an_opened_store_survives_pickling_and_reads_parts(made: xr.Dataset, tmp_path: Path) -> None:
    zarrstack.save(made, tmp_path / "a.zarr")
    kept = pickle.loads(pickle.dumps(zarrstack.open(tmp_path / "a.zarr")))
    part = {"time": 1, "y": slice(3, 9), "x": slice(4, 5)}
    np.testing.assert_array_equal(kept["reflectance"].isel(part).values, made["reflectance"].isel(part).values)


def test_a_stack_that_xarray_wrote_opens_too_and_nan_in_it_is_invalid(made: xr.Dataset, tmp_path: Path) -> None:
    made["reflectance"][1, 2, 3, 4] = np.nan
    made["valid"][1] = True
    plain = made.chunk({"time": 1}).assign_coords(item=made["item"].astype(object), band=made["band"].astype(object))
    plain = plain.assign_coords({name: plain[name].compute() for name in ("item", "band")})
    plain.to_zarr(tmp_path / "a.zarr", zarr_format=3, consolidated=False)
    kept = zarrstack.open(tmp_path / "a.zarr").compute()
    assert not kept["valid"][1, 3, 4] and kept["reflectance"][1, 2, 3, 4] == 0
    assert kept["valid"][1].sum() == kept["valid"][1].size - 1


def test_nothing_is_written_over_unless_asked(made: xr.Dataset, tmp_path: Path) -> None:
    zarrstack.save(made, tmp_path / "a.zarr")
    with pytest.raises(CannotWrite, match="there already"):
        zarrstack.save(made.isel(time=[0]), tmp_path / "a.zarr")
    zarrstack.save(made.isel(time=[0]), tmp_path / "a.zarr", overwrite=True)
    assert zarrstack.open(tmp_path / "a.zarr").sizes["time"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


def test_only_a_stack_or_an_empty_folder_is_written_over(made: xr.Dataset, tmp_path: Path) -> None:
    folder = testing.write_geotiffs(made, tmp_path / "series")
    (tmp_path / "file").write_text("thesis")
    xr.Dataset({"lr": ("x", np.zeros(3))}).to_zarr(tmp_path / "patches", zarr_format=3, consolidated=False)
    for name in ("series", "file", "patches"):
        with pytest.raises(CannotWrite, match=f"{name} is no Stack: found a f.*only a Stack is replaced"):
            zarrstack.save(geotiff.open(folder), tmp_path / name, overwrite=True)
    assert geotiff.open(folder).sizes["time"] == 3 and (tmp_path / "file").read_text() == "thesis"
    (tmp_path / "empty").mkdir()
    zarrstack.save(made, tmp_path / "empty", overwrite=True)
    assert zarrstack.open(tmp_path / "empty").sizes["time"] == 3


def test_a_part_of_a_stack_takes_its_own_place(made: xr.Dataset, tmp_path: Path) -> None:
    zarrstack.save(made, tmp_path / "a.zarr")
    zarrstack.save(zarrstack.open(tmp_path / "a.zarr").isel(time=[2], x=slice(3, 40)), tmp_path / "a.zarr", overwrite=True)
    xr.testing.assert_equal(words(zarrstack.open(tmp_path / "a.zarr").load()), words(made.isel(time=[2], x=slice(3, 40))))


def test_a_write_that_fails_leaves_nothing(made: xr.Dataset, tmp_path: Path) -> None:
    folder = testing.write_geotiffs(made, tmp_path / "series")
    stack = geotiff.open(folder)
    shutil.rmtree(folder)
    with pytest.raises(BadSource, match=r"\.tif"):
        zarrstack.save(stack, tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_waits_for_what_is_still_written_and_leaves_nothing(made: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "count", lambda: 2)
    calls, another_is_at_it = itertools.count(), threading.Event()

    def chunk(block: np.ndarray) -> np.ndarray:
        if next(calls) == 0:
            another_is_at_it.wait(5)
            raise OSError(errno.ENOSPC, "No space left on device")
        another_is_at_it.set()
        time.sleep(0.3)
        return block

    chunked = made.chunk(time=1)
    failing = chunked.assign(
        reflectance=chunked["reflectance"].copy(data=chunked["reflectance"].data.map_blocks(chunk, dtype=np.float32, meta=np.empty((0,) * 4, np.float32)))
    )
    with pytest.raises(CannotWrite, match="No space left"):
        zarrstack.save(failing, tmp_path / "a.zarr")
    time.sleep(0.6)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(made: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(CannotWrite, match=r"a\.zarr"):
        zarrstack.save(made, tmp_path / "file" / "a.zarr")


def test_what_is_no_stack_is_not_saved(made: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(NotAStack, match="no variable 'valid'"):
        zarrstack.save(made.drop_vars("valid"), tmp_path / "a.zarr")
    assert list(tmp_path.iterdir()) == []


def test_nothing_there_lists_near_names(made: xr.Dataset, tmp_path: Path) -> None:
    zarrstack.save(made, tmp_path / "stack.zarr")
    with pytest.raises(NotFound, match=r"did you mean stack\.zarr"):
        zarrstack.open(tmp_path / "stock.zarr")


def test_a_folder_or_file_that_is_no_store_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "readme.txt").write_text("x")
    (tmp_path / "b.zarr").write_text("x")
    with pytest.raises(NotAStack, match=r"readme\.txt"):
        zarrstack.open(tmp_path / "a.zarr")
    with pytest.raises(NotAStack, match="a file"):
        zarrstack.open(tmp_path / "b.zarr")


def test_a_foreign_store_is_told_every_fault(tmp_path: Path) -> None:
    xr.Dataset({"reflectance": (("time", "y"), np.zeros((2, 3)))}).to_zarr(tmp_path / "a.zarr", zarr_format=3, consolidated=False)
    with pytest.raises(NotAStack, match=r"(?s)a\.zarr is not a stack.*no variable 'valid'.*has dims"):
        zarrstack.open(tmp_path / "a.zarr")


def test_damaged_metadata_are_told(made: xr.Dataset, tmp_path: Path) -> None:
    zarrstack.save(made, tmp_path / "a.zarr")
    for broken in ("{", "", "[1]"):
        (tmp_path / "a.zarr" / "zarr.json").write_text(broken)
        with pytest.raises(BadSource, match=r"a\.zarr"):
            zarrstack.open(tmp_path / "a.zarr")


def test_a_lost_chunk_is_not_read_as_zeros(made: xr.Dataset, tmp_path: Path) -> None:
    zarrstack.save(made, tmp_path / "a.zarr")
    next(path for path in (tmp_path / "a.zarr" / "reflectance" / "c").rglob("*") if path.is_file()).unlink()
    for read in (zarrstack.open, zarrstack.load):
        with pytest.raises(BadSource, match="lost 1 of 3 chunks of 'reflectance'"):
            read(tmp_path / "a.zarr")


@pytest.mark.parametrize("coord", ["x", "y", "time", "band", "item", "inside"])
def test_a_lost_chunk_of_a_coordinate_is_told(coord: str, made: xr.Dataset, tmp_path: Path) -> None:
    one = made.isel(time=[0]).assign_coords(inside=(("y", "x"), np.zeros((30, 44), bool)), item=("time", [""]))
    zarrstack.save(one, tmp_path / "a.zarr")
    for read in (zarrstack.open, zarrstack.load):
        assert read(tmp_path / "a.zarr").load().identical(one) or words(read(tmp_path / "a.zarr").load()).identical(words(one))
    next(path for path in (tmp_path / "a.zarr" / coord / "c").rglob("*") if path.is_file()).unlink()
    for read in (zarrstack.open, zarrstack.load):
        with pytest.raises(BadSource, match=f"lost 1 of 1 chunks of '{coord}'"):
            read(tmp_path / "a.zarr")


def test_a_polygon_may_be_as_large_as_its_stack_and_no_other_coordinate(made: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zarrstack, "MOST_PLACES", 100)
    zarrstack.save(made.assign_coords(inside=(("y", "x"), made["valid"].values[0])), tmp_path / "a.zarr")
    zarrstack.save(made.assign_coords(height=(("y", "x"), np.zeros((30, 44)))), tmp_path / "b.zarr")
    for read in (zarrstack.open, zarrstack.load):
        np.testing.assert_array_equal(read(tmp_path / "a.zarr")["inside"], made["valid"][0])
        with pytest.raises(BadSource, match="'height' has 1320 values, needs at most 100"):
            read(tmp_path / "b.zarr")


def test_a_cut_off_chunk_is_told_when_read(made: xr.Dataset, tmp_path: Path) -> None:
    zarrstack.save(made, tmp_path / "a.zarr")
    chunk = next(path for path in (tmp_path / "a.zarr" / "reflectance" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(chunk.read_bytes()[:40])
    with pytest.raises(BadSource, match=r"a\.zarr cannot be read at date"):
        zarrstack.open(tmp_path / "a.zarr").compute()


def test_a_stack_read_at_once_is_the_one_read_by_windows(tmp_path):
    made = testing.series(testing.landscape((20, 24), seed=1), days=3, cloud=0.2).stack
    made["reflectance"].values[1, 2, 3, 4] = np.nan
    made["reflectance"].values[0, 0, 0, 0] = 3.0
    path = zarrstack.save(made, tmp_path / "a.zarr")
    assert zarrstack.load(path).identical(zarrstack.open(path).load())


def test_what_a_result_has_beside_its_pixels_is_read_at_once_too(tmp_path):
    made = testing.series(testing.landscape((20, 24), seed=1), days=2).stack
    path = zarrstack.save(made.assign(sigma=made["reflectance"] * 0.1), tmp_path / "a.zarr")
    kept = zarrstack.load(path)
    assert "sigma" in kept.data_vars and kept.identical(zarrstack.open(path).load())
