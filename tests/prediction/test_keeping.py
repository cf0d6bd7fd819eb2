"""`.dione.save`: a result in memory becomes the folder that the command writes."""

import json

import numpy as np
import pystac
import pytest
import rasterio
import xarray as xr

import dione
from dione.base.errors import BadGrid, BadSource
from dione.nets.resolver import at_zoom
from dione.prediction.config import PredictConfig
from dione.prediction.files import form
from dione.prediction.job import predict_to
from dione.sources import results
from dione.testing import grid_at, landscape, series


@pytest.fixture(scope="module")
def stack():
    return series(landscape((24, 20), seed=3), days=3, cloud=0.2, seed=3).stack


@pytest.fixture(scope="module")
def sharp(stack):
    return dione.predict(stack, model="bicubic-median", target="all", max_cloud=0.9)


def test_with_its_source_it_is_the_folder_of_the_command(stack, sharp, tmp_path):
    made = sharp.dione.save(tmp_path / "a", source=stack)
    run = predict_to(stack, tmp_path / "b", resolver=dione.load("bicubic-median"), config=PredictConfig(target="all", max_cloud=0.9))
    names = sorted(path.name for path in (tmp_path / "b").iterdir() if not path.name.startswith("."))
    assert sorted(path.name for path in made) == sorted(path.name for path in (tmp_path / "a").iterdir() if not path.name.startswith(".")) == names
    ours, theirs = (json.loads((tmp_path / folder / "run.json").read_text()) for folder in "ab")
    for one, other in zip(ours["targets"], theirs["targets"], strict=True):
        assert {key: one[key] for key in ("day", "dates", "clear", "filled")} == {key: other[key] for key in ("day", "dates", "clear", "filled")}
        assert one["consistency"] == pytest.approx(other["consistency"], abs=1e-5)
    for target in run.targets:
        with rasterio.open(tmp_path / "a" / target.sr.name) as kept, rasterio.open(target.sr) as known:
            assert np.array_equal(kept.read(), known.read()) and kept.crs == known.crs


def test_alone_it_has_items_and_their_collection_and_no_claim_of_what_was_measured(sharp, tmp_path):
    names = {path.name for path in sharp.dione.save(tmp_path)}
    assert {"collection.json", "2024-05-06.json", "2024-05-06_sr.qml", "2024-05-06_support.tif"} <= names
    assert not names & {"report.html", "quicklook.png", "2024-05-06_input.tif"}
    items = list(pystac.Collection.from_file(str(tmp_path / "collection.json")).get_items())
    assert [item.id for item in items] == ["2024-05-01", "2024-05-06", "2024-05-11"]
    assert set(items[1].assets) == {"sr", "sigma", "support"} and items[1].properties["dione:supports"] == ["2024-05-11", "2024-05-01"]


def test_as_a_store_it_keeps_its_sigma_and_support(sharp, tmp_path):
    sharp.dione.save(tmp_path / "kept.zarr")
    back = dione.open(tmp_path / "kept.zarr")
    for name in ("sigma", "support"):
        np.testing.assert_array_equal(back[name], sharp[name])
    assert list(back["choice"].values) == list(sharp["choice"].values)


def test_sigma_and_support_say_what_they_are_wherever_they_come_from(sharp, tmp_path):
    sharp.dione.save(tmp_path / "kept.zarr")
    sharp.dione.save(tmp_path / "files")
    for result in (sharp, dione.open(tmp_path / "kept.zarr"), dione.open(tmp_path / "files")):
        assert (result["sigma"].attrs["long_name"], result["sigma"].attrs["units"]) == ("1σ of reflectance", "1")
        told = result["support"].attrs
        assert len(told["flag_meanings"].split()) == len(told["flag_values"]) and told["flag_meanings"].split()[form.LEARNED] == "learned"


def test_the_time_of_day_comes_back_from_the_files_so_that_dates_meet(stack, sharp, tmp_path):
    sharp.dione.save(tmp_path / "files")
    predict_to(stack, tmp_path / "tiles", resolver=dione.load("bicubic-median"), config=PredictConfig(target="all", max_cloud=0.9, tiles=512))
    for folder in ("files", "tiles"):
        np.testing.assert_array_equal(dione.open(tmp_path / folder)["time"], sharp["time"])
    assert (dione.open(tmp_path / "files")["reflectance"] - sharp["reflectance"]).sizes["time"] == 3
    for name, text in (("2024-05-01", "[1, 2"), ("2024-05-06", '{"properties": {"datetime": "2023-01-01T00:00:00Z"}}'), ("2024-05-11", '{"properties": []}')):
        (tmp_path / "files" / f"{name}.json").write_text(text)
    assert [str(time)[:19] for time in dione.open(tmp_path / "files")["time"].values] == [f"2024-05-{day}T00:00:00" for day in ("01", "06", "11")]


def test_a_part_of_a_result_is_still_a_result(sharp, tmp_path):
    names = {path.name for path in sharp.isel(time=[1]).dione.save(tmp_path)}
    assert "2024-05-06.json" in names and "2024-05-01.json" not in names


def test_another_source_is_refused_with_every_fault(sharp, tmp_path):
    other = series(landscape((20, 20), seed=3), days=2).stack
    with pytest.raises(BadGrid, match=r"24×20[\s\S]*its dates are 2024-05-01, 2024-05-06, the"):
        sharp.dione.save(tmp_path, source=other)


def test_a_source_of_another_place_is_told_by_its_place(sharp, tmp_path):
    elsewhere = series(landscape((24, 20), seed=3), days=3, grid=grid_at((24, 20), crs="EPSG:32733")).stack
    with pytest.raises(BadGrid, match=r"its grid is not [^\n]*CRS EPSG:32733 instead of EPSG:32631"):
        sharp.dione.save(tmp_path, source=elsewhere)


def test_the_source_of_a_result_five_times_finer_is_known_again(tmp_path):
    grid = grid_at((12, 12), crs="EPSG:4326", left=1.2345678, top=43.61234567, pixel=9e-5 * 1.1)  # whose fifths, five times, are not it to the last bit
    stack = series(landscape((12, 12)), days=1, grid=grid).stack
    five = dione.predict(stack, model=at_zoom(dione.load("bicubic"), 5))
    assert "report.html" in [file.name for file in five.dione.save(tmp_path, source=stack)]


def test_results_of_two_series_that_were_joined_do_not_have_one_source(stack, sharp, tmp_path):
    later = stack.assign_coords(time=stack["time"] + np.timedelta64(100, "D"))
    joined = xr.concat([sharp, dione.predict(later, model="bicubic-median")], "time")
    with pytest.raises(BadGrid, match=r"the result was made of 2024-08-09, 2024-08-14, 2024-08-19\n"):
        joined.dione.save(tmp_path / "a", source=stack)
    assert len(joined.dione.save(tmp_path / "b")) > len(joined["time"])


def test_results_of_two_models_that_were_joined_are_not_kept_as_those_of_one(stack, tmp_path):
    first, second = (dione.predict(stack, model=model, target=day) for model, day in (("bicubic", "2024-05-01"), ("nearest", "2024-05-11")))
    joined = xr.concat([first, second], "time")
    for part in (joined, joined.isel(time=[1])):
        with pytest.raises(BadSource, match="bicubic made it, but dates of it were made by nearest"):
            part.dione.save(tmp_path, source=stack)
    joined.isel(time=[0]).dione.save(tmp_path, source=stack)


def test_a_stack_of_another_origin_is_kept_as_geotiffs(stack, tmp_path):
    assert [path.name for path in stack.isel(time=[0]).dione.save(tmp_path)] == ["2024-05-01_sr.tif"]


def test_a_damaged_memory_of_what_it_was_made_of_is_refused(sharp, tmp_path):
    with pytest.raises(BadSource, match="choice"):
        sharp.assign_coords(choice=("time", ["{}"] * 3)).dione.save(tmp_path)


def test_a_part_that_cuts_pixels_of_the_input_is_refused_before_anything_is_written(sharp, tmp_path):
    with pytest.raises(BadGrid, match="this part of a result has 95×80 px, needs whole pixels of its input: multiples of 4"):
        sharp.isel(y=slice(1, 96)).dione.save(tmp_path)
    assert not [*tmp_path.glob("*.tif")]
    sharp.isel(y=slice(3, 43)).dione.save(tmp_path)
    made = json.loads((tmp_path / "2024-05-06.json").read_text())["properties"]
    with rasterio.open(tmp_path / "2024-05-06_sr.tif") as file:
        assert made["proj:shape"] == [*file.shape] and made["proj:transform"] == [*file.transform][:6]


def test_a_place_at_home_is_there_and_no_folder_called_tilde(stack, sharp, tmp_path, monkeypatch, run):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    sharp.dione.save("~/kept")
    dione.write(sharp, "~/written")
    sharp.dione.boundaries(least_m2=0).write("~/fields.geojson")
    stack.dione.save(tmp_path / "series.zarr")
    for words in (
        ("predict", tmp_path / "series.zarr", "--model", "bicubic", "--output=~/out"),
        ("indices", tmp_path / "home" / "kept", "NDVI", "--output=~/ndvi"),
    ):
        code, _, err = run(*words)
        assert code == 0, err
    assert {path.name for path in (tmp_path / "home").iterdir()} == {"kept", "written", "fields.geojson", "out", "ndvi"} and not (tmp_path / "~").exists()


def test_a_folder_whose_name_begins_with_a_tilde_is_nobodys_home(stack, sharp, tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    stack.dione.save(tmp_path / "series.zarr")
    code, _, err = run("predict", "series.zarr", "--model", "bicubic", "-o", "./~no such user/out")
    assert code == 0, err
    sharp.dione.save("~no such user/kept")
    assert {path.name for path in (tmp_path / "~no such user").iterdir()} == {"kept", "out"}


def test_what_was_done_to_a_sharper_input_is_told_as_the_command_tells_it(stack, tmp_path):
    dione.predict(stack, modulation=0.5, views=1, max_cloud=0.9).dione.save(tmp_path / "a", source=stack)
    predict_to(stack, tmp_path / "b", resolver=dione.load("setsr-s"), config=PredictConfig(modulation=0.5, views=1, max_cloud=0.9))
    ours, theirs = (json.loads((tmp_path / folder / "run.json").read_text()) for folder in "ab")
    assert ours["warnings"] == theirs["warnings"] and len(ours["warnings"]) == 1
    one, other = ours["targets"][0], theirs["targets"][0]
    assert one["warnings"] == other["warnings"] and "one date only" in one["warnings"][0]
    assert one["consistency"] == pytest.approx(other["consistency"], abs=1e-5)
    assert "input_modulation" not in ours["notes"]


def test_what_is_kept_takes_the_place_of_tiles_of_the_same_date(tmp_path):
    stack = series(landscape((136, 20), seed=3), days=2).stack
    predict_to(stack, tmp_path, resolver=dione.load("nearest"), config=PredictConfig(tiles=512))
    sharp = dione.predict(stack, model="bicubic")
    sharp.dione.save(tmp_path, source=stack)
    assert not [*tmp_path.glob("*.vrt"), *tmp_path.glob("*/*.tif")]
    assert np.allclose(results.open(tmp_path)["reflectance"], sharp["reflectance"], atol=1e-4)
