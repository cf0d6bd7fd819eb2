"""EOPatch folders of both layouts; a pickle in them is read, never run."""

import gzip
import json
import os
import pickle
import sys
import types
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

from dione import testing
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadBands, BadSource, BadValues, NotFound
from dione.sources import eopatch
from dione.sources.eopatches import pickled

OUR_ORDER = ("blue", "green", "red", "nir")


@pytest.fixture
def made() -> xr.Dataset:
    return testing.series(testing.landscape((20, 26), seed=3), days=3, cloud=0.3, seed=4).stack


def cube(made: xr.Dataset, count: int = 4) -> np.ndarray:
    """(time, y, x, band) as an EOPatch holds it; in 12 or 13 bands, ours stand where Sentinel Hub puts them."""
    ours = np.moveaxis(made["reflectance"].values, 1, -1)
    if count == 4:
        return ours
    whole = np.full((*ours.shape[:3], count), 0.5, np.float32)
    whole[..., [1, 2, 3, 7]] = ours
    return whole


def write(folder: Path, made: xr.Dataset, bands: np.ndarray, *, name: str = "BANDS", how: str = "npy") -> Path:
    """A folder as eo-learn 1.0 writes it."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "mask").mkdir(exist_ok=True)
    edges = stacks.grid_of(made).boundingbox
    corners = [[edges.left, edges.bottom], [edges.left, edges.top], [edges.right, edges.top], [edges.right, edges.bottom], [edges.left, edges.bottom]]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}
    (folder / "bbox.geojson").write_text(json.dumps({"type": "Polygon", "crs": crs, "coordinates": [corners]}))
    (folder / "timestamps.json").write_text(json.dumps([str(time)[:19] for time in made["time"].values]))
    _array(folder / "data" / name, bands, how)
    _array(folder / "mask" / "CLM", (~made["valid"].values[..., None]).astype(np.uint8), how)
    return folder


def _array(path: Path, values: np.ndarray, how: str) -> None:
    if how == "zarr":
        kept = zarr.create_array(f"{path}.zarr", shape=values.shape, chunks=(1, 16, 16, values.shape[-1]), dtype=values.dtype, zarr_format=2)
        kept[...] = values
        return
    np.save(path.with_suffix(".npy"), values)
    if how == "npy.gz":
        plain = path.with_suffix(".npy")
        Path(f"{plain}.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()


class BBox:
    """Stands for sentinelhub's class where a pickle is made."""


class CRS:
    """Likewise; an enumeration pickles as a call with its value."""

    def __reduce__(self) -> tuple[Any, ...]:
        return CRS, ("32631",)

    def __init__(self, *_: object) -> None: ...


@pytest.fixture
def sentinelhub(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes pickles name those classes as sentinelhub's."""
    monkeypatch.setitem(sys.modules, "sentinelhub", types.ModuleType("sentinelhub"))
    for kind, module in ((BBox, "sentinelhub.geometry"), (CRS, "sentinelhub.constants")):
        fake = types.ModuleType(module)
        setattr(fake, kind.__name__, kind)
        monkeypatch.setitem(sys.modules, module, fake)
        monkeypatch.setattr(kind, "__module__", module)


def as_of_2021(folder: Path, made: xr.Dataset, *, packed: bool) -> None:
    """Replace box and times by the pickles of eo-learn 0.10."""
    edges = stacks.grid_of(made).boundingbox
    box = BBox()
    box.__dict__ = {"min_x": edges.left, "max_x": edges.right, "min_y": edges.bottom, "max_y": edges.top, "_crs": CRS()}
    times = [datetime.fromisoformat(str(time)[:19]).replace(tzinfo=UTC if packed else None) for time in made["time"].values]
    for name, value in (("bbox", box), ("timestamp", times)):
        data = pickle.dumps(value)
        (folder / f"{name}.pkl{'.gz' if packed else ''}").write_bytes(gzip.compress(data) if packed else data)
    (folder / "bbox.geojson").unlink()
    (folder / "timestamps.json").unlink()


def same(stack: xr.Dataset, made: xr.Dataset) -> None:
    np.testing.assert_array_equal(stack["valid"], made["valid"])
    np.testing.assert_allclose(stack["reflectance"], made["reflectance"], atol=1e-4)
    assert when.days(stack) == when.days(made)


@pytest.mark.parametrize("how", ["npy", "npy.gz", "zarr"])
def test_a_folder_of_today_is_the_stack_it_was_written_from(made: xr.Dataset, tmp_path: Path, how: str) -> None:
    stack = eopatch.open(write(tmp_path / "patch", made, cube(made), how=how), bands=OUR_ORDER)
    same(stack, made)
    assert stacks.grid_of(stack) == stacks.grid_of(made)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.usefixtures("sentinelhub")
def test_a_folder_of_2021_gives_the_same(made: xr.Dataset, tmp_path: Path, packed: bool) -> None:
    folder = write(tmp_path / "patch", made, cube(made))
    as_of_2021(folder, made, packed=packed)
    stack = eopatch.open(folder, bands=OUR_ORDER)
    same(stack, made)
    assert stacks.grid_of(stack) == stacks.grid_of(made)


class Harm:
    def __init__(self, *what: Any) -> None:
        self.what = what

    def __reduce__(self) -> Any:
        return self.what


@pytest.mark.parametrize("what", [(os.system, ("touch harmed",)), (eval, ("open('harmed', 'w')",)), (getattr, (datetime, "now")), (print, ("harmed",))])
@pytest.mark.parametrize("name", ["bbox.pkl", "timestamp.pkl"])
def test_a_pickle_that_names_anything_else_is_refused_before_it_runs(
    made: xr.Dataset, tmp_path: Path, what: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "patch", made, cube(made))
    (folder / {"bbox.pkl": "bbox.geojson", "timestamp.pkl": "timestamps.json"}[name]).unlink()
    (folder / name).write_bytes(pickle.dumps([Harm(*what)]))
    with pytest.raises(BadSource, match=rf"{name} is refused: it names \w+\.{what[0].__name__}"):
        eopatch.open(folder, bands=OUR_ORDER)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("data", [b"", b"\x80\x04", b"garbage", pickle.dumps({"a": 1}), pickle.dumps([1, 2]), b"cos\nsystem\n(S'x'\ntR."])
def test_a_damaged_or_foreign_pickle_is_told(data: bytes) -> None:
    for read in (pickled.box, pickled.times):
        with pytest.raises(BadSource, match="here"):
            read(data, "here")


@pytest.mark.parametrize("count", [12, 13])
def test_all_bands_in_sentinel_hubs_order_need_no_names(made: xr.Dataset, tmp_path: Path, count: int) -> None:
    same(eopatch.open(write(tmp_path / "patch", made, cube(made, count))), made)


def test_four_bands_need_names(made: xr.Dataset, tmp_path: Path) -> None:
    folder = write(tmp_path / "patch", made, cube(made))
    with pytest.raises(BadBands, match="4 bands in an order that the folder does not tell"):
        eopatch.open(folder)
    with pytest.raises(BadBands, match="--bands names 3"):
        eopatch.open(folder, bands=("blue", "green", "red"))


def test_integers_are_reflectance_times_10000_and_bytes_are_refused(made: xr.Dataset, tmp_path: Path) -> None:
    numbers = np.round(cube(made) * 1e4).astype(np.uint16)
    same(eopatch.open(write(tmp_path / "a", made, numbers), bands=OUR_ORDER), made)
    with pytest.raises(BadValues, match="uint8"):
        eopatch.open(write(tmp_path / "b", made, numbers.astype(np.uint8)), bands=OUR_ORDER)


def test_scale_and_offset_can_be_given(made: xr.Dataset, tmp_path: Path) -> None:
    numbers = np.round(cube(made) * 1e4 + 1000).astype(np.uint16)
    stack = eopatch.open(write(tmp_path / "a", made, numbers), bands=OUR_ORDER, offset=-0.1)
    same(stack, made)
    assert stack.attrs["offset_told_by"] == "given"


def test_several_arrays_that_could_be_the_bands_are_listed_and_one_can_be_named(made: xr.Dataset, tmp_path: Path) -> None:
    folder = write(tmp_path / "patch", made, cube(made), name="mine")
    _array(folder / "data" / "yours", cube(made) * 2, "npy")
    with pytest.raises(BadBands, match=r"(?s)data/mine.*data/yours.*--feature mine"):
        eopatch.open(folder, bands=OUR_ORDER)
    same(eopatch.open(folder, feature="mine", bands=OUR_ORDER), made)
    with pytest.raises(NotFound, match="data/mine"):
        eopatch.open(folder, feature="hers", bands=OUR_ORDER)


def test_dates_out_of_order_are_sorted_with_their_masks(made: xr.Dataset, tmp_path: Path) -> None:
    folder = write(tmp_path / "patch", made.isel(time=[2, 0, 1]), cube(made.isel(time=[2, 0, 1])))
    same(eopatch.open(folder, bands=OUR_ORDER), made)


def test_other_masks_count_too(made: xr.Dataset, tmp_path: Path) -> None:
    folder = write(tmp_path / "patch", made, cube(made))
    scl, data = np.full((3, 20, 26, 1), 4, np.uint8), np.ones((3, 20, 26, 1), bool)
    scl[:, 0], data[:, 1] = 8, False
    _array(folder / "mask" / "SCL", scl, "npy")
    _array(folder / "mask" / "dataMask", data, "npy")
    valid = eopatch.open(folder, bands=OUR_ORDER)["valid"].values
    assert not valid[:, :2].any()
    np.testing.assert_array_equal(valid[:, 2:], made["valid"].values[:, 2:])


def test_nan_is_invalid(made: xr.Dataset, tmp_path: Path) -> None:
    bands = cube(made).copy()
    bands[0, 3, 4, 1] = np.nan
    stack = eopatch.open(write(tmp_path / "patch", made, bands), bands=OUR_ORDER).compute()
    assert not stack["valid"][0, 3, 4] and np.isfinite(stack["reflectance"]).all()


def test_arrays_that_are_cut_off_empty_or_hold_objects_are_all_named(made: xr.Dataset, tmp_path: Path) -> None:
    folder = write(tmp_path / "patch", made, cube(made))
    whole = (folder / "data" / "BANDS.npy").read_bytes()
    (folder / "data" / "BANDS.npy").write_bytes(whole[: len(whole) // 2])
    (folder / "mask" / "CLM.npy").write_bytes(b"")
    np.save(folder / "data" / "OBJECTS.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(BadSource, match=r"(?s)3 arrays.*BANDS\.npy is cut off.*OBJECTS\.npy holds pickled.*CLM\.npy"):
        eopatch.open(folder, bands=OUR_ORDER)


def test_a_packed_array_that_is_cut_off_is_named_when_read(made: xr.Dataset, tmp_path: Path) -> None:
    folder = write(tmp_path / "patch", made, cube(made), how="npy.gz")
    file = folder / "data" / "BANDS.npy.gz"
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(BadSource, match=r"BANDS\.npy\.gz"):
        eopatch.open(folder, bands=OUR_ORDER).compute()


def test_parts_that_do_not_fit_together_are_told_at_once(made: xr.Dataset, tmp_path: Path) -> None:
    folder = write(tmp_path / "patch", made, cube(made))
    (folder / "timestamps.json").write_text(json.dumps(["2020-01-01T00:00:00", "2020-01-01T00:00:00"]))
    _array(folder / "mask" / "CLM", np.zeros((3, 4, 5, 1), np.uint8), "npy")
    with pytest.raises(BadSource, match=r"(?s)3 dates, the list of times 2.*more than once.*mask/CLM"):
        eopatch.open(folder, bands=OUR_ORDER)


@pytest.mark.parametrize(("file", "text"), [("timestamps.json", "{"), ("timestamps.json", "[1]"), ("bbox.geojson", "{}"), ("bbox.geojson", "[")])
def test_damaged_metadata_are_named(made: xr.Dataset, tmp_path: Path, file: str, text: str) -> None:
    folder = write(tmp_path / "patch", made, cube(made))
    (folder / file).write_text(text)
    with pytest.raises(BadSource, match=file):
        eopatch.open(folder, bands=OUR_ORDER)


def test_a_real_folder_without_bands_says_what_is_there_and_what_is_missing(shared_data: Path) -> None:
    with pytest.raises(BadBands, match=r"(?s)no array of bands.*data/CLP float32 68×101×100×1.*data/NDVI.*mask/CLM"):
        eopatch.open(shared_data / "eopatch" / "TestEOPatch")


def test_a_real_folder_with_bands_put_in_opens(shared_data: Path, tmp_path: Path) -> None:
    real = shared_data / "eopatch" / "TestEOPatch"
    for file in ("bbox.geojson", "timestamps.json"):
        (tmp_path / file).write_bytes((real / file).read_bytes())
    (tmp_path / "mask").symlink_to(real / "mask")
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "BANDS.npy", np.full((68, 101, 100, 13), 0.2, np.float32))
    stack = eopatch.open(tmp_path)
    grid = stacks.grid_of(stack)
    assert grid.crs == "EPSG:32633" and grid.shape == (101, 100) and grid.affine.a == pytest.approx(10, abs=0.01)
    clouds = np.load(real / "mask" / "CLM.npy")[..., 0]
    np.testing.assert_array_equal(stack["valid"].values, clouds == 0)
