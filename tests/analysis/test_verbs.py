"""The verbs on a folder of results: files that others open, whole or not at all."""

import csv
import json

import numpy as np
import pytest
import rasterio
import shapely

import dione
from dione.analysis.indices import indices
from dione.analysis.parcels import WRITERS, Parcels, read
from dione.base import stack as stacks
from dione.base.errors import BadGrid, CannotWrite
from dione.base.storage.files import LOCK, alone
from dione.prediction.memory import write
from dione.testing import grid_at, landscape, series, write_geotiffs

LEFT, TOP = 355_000, 4_832_000


def test_results_open_as_a_stack_with_sigma_and_support(folder, sharp):
    opened = dione.open(folder)
    assert sorted(opened.data_vars) == ["reflectance", "sigma", "support", "valid"]
    part = opened.isel(y=slice(30, 60), x=slice(5, 30))
    np.testing.assert_array_equal(part["support"], sharp["support"].isel(y=slice(30, 60), x=slice(5, 30)))
    np.testing.assert_allclose(part["sigma"], sharp["sigma"].isel(y=slice(30, 60), x=slice(5, 30)), atol=6e-5)
    np.testing.assert_array_equal(opened["valid"], sharp["valid"])


def test_info_says_of_results_what_is_sharpened_not_what_was_clear(run, folder):
    code, told, _ = run("info", folder)
    assert code == 0 and "% sharpened  2024-05-01_sr.tif" in told and "clear" not in told


def test_indices_are_written_with_their_uncertainty(run, folder, tmp_path):
    code, told, fault = run("indices", folder, "NDVI", "-o", tmp_path)
    assert code == 0, fault
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["2024-05-01_NDVI.tif", "2024-07-01_NDVI.tif"] and "2024-07-01_NDVI.tif" in told
    with rasterio.open(tmp_path / "2024-05-01_NDVI.tif") as file:
        assert file.descriptions == ("NDVI", "NDVI 1 sigma") and file.dtypes == ("float32",) * 2 and np.isnan(file.nodata)
        expected = indices(dione.open(folder), "NDVI").isel(time=0)
        np.testing.assert_allclose(file.read(), np.stack([expected["NDVI"], expected["NDVI_sigma"]]), atol=1e-6)


def test_where_nothing_is_trusted_it_is_told(run, folder, tmp_path):
    Parcels((shapely.box(LEFT + 20, TOP - 90, LEFT + 90, TOP - 20),), {}, "EPSG:32631").write(tmp_path / "field.geojson")
    for words in (("indices", folder, "NDVI", "-o", tmp_path), ("zonal", folder, tmp_path / "field.geojson", "-o", tmp_path / "zonal.csv")):
        assert "trusted" not in run(*words)[2]
        code, _, fault = run(*words, "--max-sigma", 0.001)
        assert code == 0 and "is trusted; allow a larger sigma" in fault, fault
    assert "2024-05-01_NDVI, 2024-07-01_NDVI: no pixel has a number" in run("indices", folder, "NDVI", "-o", tmp_path, "--max-sigma", 0.001)[2]


@pytest.mark.parametrize(("verb", "files"), [(("indices", "NDVI"), "2024-05-01_NDVI"), (("change", "2024-05-01", "2024-07-01"), "2024-05-01_2024-07-01_NDVI")])
def test_two_runs_do_not_paint_the_same_files_but_others_beside_them(run, folder, tmp_path, verb, files):
    with alone(tmp_path / files, tmp_path / f".{files}{LOCK}"):
        code, _, fault = run(verb[0], folder, *verb[1:], "-o", tmp_path)
    assert code == 1 and f"another run is writing {tmp_path / files}" in fault and not list(tmp_path.iterdir())
    with alone(tmp_path), alone(tmp_path / "other", tmp_path / f".other{LOCK}"):
        code, _, fault = run(verb[0], folder, *verb[1:], "-o", tmp_path)
    assert code == 0, fault


def test_two_that_write_parcels_to_one_file_do_not_mix(tmp_path, monkeypatch):
    one = Parcels((shapely.box(LEFT, TOP - 100, LEFT + 100, TOP),), {"name": np.array(["inner"])}, "EPSG:32631")
    real, others = WRITERS[".csv"], [one]

    def slow(made, path):
        real(made, path)
        if others:
            others.pop().write(tmp_path / "zones.csv")

    monkeypatch.setitem(WRITERS, ".csv", slow)
    Parcels(one.geometries, {"name": np.array(["outer"])}, one.crs).write(tmp_path / "zones.csv")
    assert "outer" in (tmp_path / "zones.csv").read_text() and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", ["zones.csv", "zones.gpkg"])
def test_what_a_run_that_was_killed_left_of_parcels_goes_with_the_next_but_not_what_another_is_writing(tmp_path, name):
    one = Parcels((shapely.box(LEFT, TOP - 100, LEFT + 100, TOP),), {"name": np.array(["whole"])}, "EPSG:32631")
    left = [tmp_path / f".{name}.0123abcd.partial{ending}" for ending in ("", ".gpkg", ".gpkg-journal")]
    others = tmp_path / f".{name}.old.0123abcd.partial"
    for half in (*left, others):
        half.write_bytes(b"half")
    with alone(tmp_path / name, tmp_path / f".{name}{LOCK}"):
        one.write(tmp_path / name)
        assert all(half.exists() for half in left)
    one.write(tmp_path / name)
    assert sorted(tmp_path.iterdir()) == [others, tmp_path / name]


def test_a_geopackage_that_a_full_disk_does_not_take_says_how_much_is_free(tmp_path, monkeypatch):
    def full(*given, **how):
        raise RuntimeError("no such table: gpkg_contents")  # what SQLite makes of it

    monkeypatch.setattr("pyogrio.raw.write", full)
    with pytest.raises(CannotWrite, match=r"no such table.*\n.* are free on the disk of .*free some space"):
        Parcels((shapely.box(LEFT, TOP - 100, LEFT + 100, TOP),), {}, "EPSG:32631").write(tmp_path / "fields.gpkg")


@pytest.fixture(scope="module")
def twice(sharp, tmp_path_factory):
    """Results of two passes on one day."""
    out = tmp_path_factory.mktemp("twice")
    write(sharp.assign_coords(time=np.array(["2024-05-01T10:50:31", "2024-05-01T12:30:31"], "datetime64[ns]")), out)
    return out


def test_two_passes_on_a_day_are_told_apart_by_every_verb(run, twice, tmp_path):
    names = ("2024-05-01T105031", "2024-05-01T123031")
    assert run("indices", twice, "NDVI", "-o", tmp_path)[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}_NDVI.tif" for name in names]
    Parcels((shapely.box(LEFT, TOP - 100, LEFT + 100, TOP),), {}, "EPSG:32631").write(tmp_path / "one.geojson")
    code, told, _ = run("zonal", twice, tmp_path / "one.geojson", "-o", tmp_path / "zones.csv", "--json")
    assert code == 0 and json.loads(told)["columns"][::4] == [f"NDVI_{name}_mean" for name in names]
    assert run("change", twice, "2024-05-01", names[1])[0] == 1
    code, told, fault = run("change", twice, *names, "-o", tmp_path, "--json")
    assert code == 0, fault
    assert (tmp_path / f"{names[0]}_{names[1]}_NDVI_flag.tif").exists() and json.loads(told)["before"] == names[0]


def test_change_is_written_as_layers_and_classes(run, folder, tmp_path):
    code, told, fault = run("change", folder, "2024-05-01", "2024-07-01", "-o", tmp_path, "--json")
    assert code == 0, fault
    facts = json.loads(told)
    assert 0.24 < facts["less"] < 0.27 and facts["more"] < 0.01 and facts["not_trusted"] == pytest.approx(125 / 6400, abs=1e-4)
    with rasterio.open(tmp_path / "2024-05-01_2024-07-01_NDVI_flag.tif") as file:
        assert file.colormap(1)[3] == (118, 42, 131, 255) and file.tags(1)["CLASS_3"] == "less" and (file.read(1)[:40, :40] == 3).mean() > 0.99
    with rasterio.open(tmp_path / "2024-05-01_2024-07-01_NDVI_change.tif") as file:
        assert file.descriptions == ("difference", "sigma", "z")


def test_boundaries_and_zones_go_hand_in_hand(run, folder, tmp_path):
    pytest.importorskip("pyogrio")
    assert run("boundaries", folder, "-o", tmp_path / "fields.gpkg", "--least", "4")[0] == 0
    assert len(read(tmp_path / "fields.gpkg")) > 2
    code, told, fault = run("zonal", folder, tmp_path / "fields.gpkg", "-o", tmp_path / "zones.csv", "--index", "NDVI", "--index", "NDWI")
    assert code == 0, fault
    with (tmp_path / "zones.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"NDVI_2024-05-01_mean", "NDWI_2024-07-01_sigma"} <= rows[0].keys() and "parcels" in told


def test_what_fails_leaves_nothing(run, folder, tmp_path):
    assert run("indices", folder, "NDMI", "-o", tmp_path / "out")[0] == 1
    assert run("indices", tmp_path, "NDVI")[0] == 1
    Parcels((shapely.box(LEFT, TOP - 9, LEFT + 9, TOP),), {}, "EPSG:32631").write(tmp_path / "one.geojson")
    assert run("zonal", folder, tmp_path / "one.geojson", "-o", tmp_path / "out.xyz")[0] == 1
    assert not list(tmp_path.rglob("*.tif")) and not list(tmp_path.glob("out.xyz*"))


@pytest.mark.parametrize("ending", ["sigma", "support"])
@pytest.mark.parametrize("grid", [grid_at((70, 80), pixel=2.5), grid_at((80, 80), pixel=2.5, left=LEFT + 5000)])
def test_results_whose_sigma_or_support_lies_on_other_ground_are_refused(sharp, tmp_path, ending, grid):
    write(sharp, tmp_path)
    variables = {name: sharp[name].values[..., : grid.shape[0], :] for name in ("reflectance", "valid", "sigma", "support")}
    other = stacks.make(variables["reflectance"], variables["valid"], list(sharp["time"].values), grid)
    other = other.assign({name: (sharp[name].dims, variables[name]) for name in ("sigma", "support")})
    write(other, tmp_path / "other")
    for file in (tmp_path / "other").glob(f"*_{ending}.tif"):
        file.replace(tmp_path / file.name)
    with pytest.raises(BadGrid, match=f"(?s){ending}.*(70×80 px instead of 80×80|corners 2e.03 px apart)"):
        dione.open(tmp_path)


def test_the_folder_for_parcels_is_made_before_anything_is_worked_out(run, folder, sharp, tmp_path, monkeypatch):
    Parcels((shapely.box(LEFT, TOP - 100, LEFT + 100, TOP),), {}, "EPSG:32631").write(tmp_path / "new" / "one.geojson")
    code, told, _ = run("zonal", folder, tmp_path / "new" / "one.geojson", "-o", tmp_path / "further" / "on" / "zones.csv")
    assert code == 0 and told.endswith("zones.csv  1 parcel\n")
    assert (tmp_path / "further" / "on" / "zones.csv").exists()
    monkeypatch.setattr("dione.analysis.boundaries.boundaries", None)
    (tmp_path / "file").touch()
    code, _, fault = run("boundaries", folder, "-o", tmp_path / "file" / "fields.geojson")
    assert code == 1 and "cannot write into" in fault


def test_an_index_that_would_be_a_result_on_another_disk_is_not_written_beside_it(run, sharp, tmp_path):
    write(sharp, tmp_path)
    code, _, fault = run("indices", tmp_path, "NDVI", "SR")
    assert code == 1 and "<date>_SR.tif would be <date>_sr.tif" in fault and not list(tmp_path.glob("*NDVI*"))
    assert run("indices", tmp_path, "SR", "-o", tmp_path / "indices")[0] == 0


@pytest.mark.parametrize("tiles", [[], ["--tiles", "512"]])
def test_results_know_what_each_date_saw_itself_in_memory_and_in_files(run, tmp_path, tiles):
    made = series(landscape((144, 152), seed=3), days=2, seed=3).stack
    valid = made["valid"].values.copy()
    valid[1, 5:30, 20:60] = False
    clouded = made.assign(valid=(made["valid"].dims, valid))
    write_geotiffs(clouded, tmp_path / "in")
    code, _, fault = run("predict", tmp_path / "in", "-o", tmp_path / "out", "--model", "bicubic-median", *tiles)
    assert code == 0, fault
    found, inner = dione.open(tmp_path / "out"), {"y": slice(13, 250), "x": slice(70, 251)}
    expected = np.repeat(np.repeat(valid[1], 4, 0), 4, 1)
    np.testing.assert_array_equal(found["seen"].values[0], expected)
    np.testing.assert_array_equal(found["seen"].isel(inner).values[0], expected[13:250, 70:251])
    np.testing.assert_array_equal(dione.predict(clouded, model="bicubic-median")["seen"].values[0], expected)
    assert found["valid"].all()
