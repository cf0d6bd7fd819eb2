"""A whole EOPatch in, every date sharpened with a window of the past, an EOPatch and GeoTIFFs out."""

import errno
import json
import os

import numpy as np
import rasterio
from fsspec.implementations.local import LocalFileSystem

import dione
from dione import testing
from dione.base import stack as stacks
from dione.sources import zarrstack
from dione.sources.eopatches import eofolder

NAMES = "blue,green,red,nir"


def test_in_and_out_as_eopatch_with_every_date_from_its_past(run, tmp_path):
    made = testing.series(testing.landscape((20, 24), seed=1), days=6).stack
    made["valid"].values[2] = False  # one date is all cloud: neither sharpened nor of help
    made["valid"].values[1, :4, :12] = False  # one is a tenth cloud, which is asked to be good enough
    arrays = {"data/BANDS": np.moveaxis(made["reflectance"].values, 1, -1), "mask/IS_VALID": made["valid"].values[..., None]}
    eofolder.save(tmp_path / "in", arrays=arrays, times=list(made["time"].values), grid=stacks.grid_of(made))

    words = (
        "--bands",
        NAMES,
        "--target",
        "all",
        "--supports",
        "past",
        "--support-cloud",
        0.2,
        "--views",
        3,
        "--model",
        "bicubic-median",
        "--eopatch",
        "MEDIAN",
    )
    code, _, err = run("predict", tmp_path / "in", "-o", tmp_path / "out", *words)
    assert code == 0, err

    out = tmp_path / "out" / "eopatch"
    sharp, coarse, views = (np.load(out / f"{name}.npy") for name in ("data/SR-MEDIAN", "data/S2", "scalar/N_VIEWS"))
    assert sharp.shape == (5, 80, 96, 4) and np.array_equal(coarse, np.delete(arrays["data/BANDS"], 2, 0))
    assert views[:, 0].tolist() == [1, 2, 3, 3, 3]
    told = json.loads((out / "meta_info" / "dione.json").read_text())
    assert told["supports"]["2024-05-16"] == ["2024-05-06", "2024-05-01"] and told["model"] == "bicubic-median"
    with rasterio.open(tmp_path / "out" / "2024-05-16_sr.tif") as file:
        assert np.allclose(np.moveaxis(file.read(), 0, -1) * 1e-4, sharp[2], atol=1e-6)
    assert len(json.loads((out / "timestamps.json").read_text())) == 5


def test_two_passes_of_a_day_are_told_apart_wherever_a_run_is_told(run, tmp_path):
    made = testing.series(testing.landscape((16, 20), seed=1), days=3).stack
    made["valid"].values[:2, :6] = False
    times = np.array(["2024-05-01T10:50:31", "2024-05-01T11:00:31", "2024-05-06T10:50:31"], "datetime64[ns]")
    zarrstack.save(made.assign_coords(time=times), tmp_path / "in.zarr")
    code, _, err = run("predict", tmp_path / "in.zarr", "-o", tmp_path / "out", "--target", "all", "--model", "bicubic", "--eopatch", "B")
    assert code == 0, err

    passes = ["2024-05-01T105031", "2024-05-01T110031"]
    assert all(f"{name}: block 1 of 1" in err and f"note: {name}: 38%" in err for name in passes)
    assert list(json.loads((tmp_path / "out" / "eopatch" / "meta_info" / "dione.json").read_text())["supports"]) == [*passes, "2024-05-06"]
    links = json.loads((tmp_path / "out" / "collection.json").read_text())["links"]
    assert [link["title"].partition(",")[0] for link in links if link["rel"] == "item"] == [*passes, "2024-05-06"]
    with rasterio.open(tmp_path / "out" / f"{passes[1]}_sr.tif") as file:
        assert file.tags()["DIONE_TARGET"] == passes[1] and file.tags()["DIONE_SUPPORTS"] == f"2024-05-06 {passes[0]}"
    page = (tmp_path / "out" / "report.html").read_text()
    assert all(f"<h2>Dates used for {name}</h2>" in page and f'data-words="{name}: target' in page for name in passes)
    assert all(f"{name}   62% clear" in run("info", tmp_path / "in.zarr")[1] for name in passes)
    told = json.loads((tmp_path / "out" / "run.json").read_text())["targets"]
    assert [target["day"] for target in told] == [*passes, "2024-05-06"] == [date["day"] for date in told[0]["dates"]]


def test_of_two_passes_of_a_day_it_is_told_which_was_taken_and_how_to_name_the_other(run, tmp_path):
    made = testing.series(testing.landscape((16, 20), seed=1), days=3).stack
    made["valid"].values[0, :6] = False
    times = np.array(["2024-05-01T10:50:31", "2024-05-01T11:00:31", "2024-05-06T10:50:31"], "datetime64[ns]")
    series = made.assign_coords(time=times)
    zarrstack.save(series, tmp_path / "in.zarr")
    words = "2024-05-01 was seen 2 times: 2024-05-01T105031 (62 % clear), 2024-05-01T110031 (100 % clear); sharpened was the clearest, 2024-05-01T110031"
    code, _, err = run("predict", tmp_path / "in.zarr", "-o", tmp_path / "out", "--target", "2024-05-01", "--model", "bicubic")
    assert code == 0 and f"{words}; another is named by its time: --target 2024-05-01T105031" in err
    assert words in (tmp_path / "out" / "report.html").read_text()
    dione.predict(series, target="2024-05-01", model="bicubic").dione.save(tmp_path / "kept", source=series)
    assert words in json.loads((tmp_path / "kept" / "run.json").read_text())["warnings"][0]

    for target in ("2024-05-01T105031", "2024-05-06", "latest"):
        assert "was seen" not in run("predict", tmp_path / "in.zarr", "-o", tmp_path / target, "--target", target, "--model", "bicubic")[2]


def test_another_word_for_supports_is_wrong_usage(run, tmp_path):
    assert run("predict", tmp_path, "-o", tmp_path / "out", "--supports", "future")[0] == 2


def test_a_patch_of_somebody_else_is_never_written_over(run, tmp_path):
    made = testing.series(testing.landscape((16, 20), seed=1), days=2).stack
    patch = tmp_path / "field" / "eopatch"
    arrays = {"data/BANDS": np.moveaxis(made["reflectance"].values, 1, -1)}
    eofolder.save(patch, arrays=arrays, times=list(made["time"].values), grid=stacks.grid_of(made))
    words = ("predict", patch, "--bands", NAMES, "-o", tmp_path / "field", "--model", "nearest", "--eopatch", "R")
    code, _, err = run(*words)
    assert code and "eopatch is there already, and was not written by dione" in err
    assert np.array_equal(np.load(patch / "data" / "BANDS.npy"), arrays["data/BANDS"]) and not [*(tmp_path / "field").glob("*.tif")]
    words = (*words[:5], tmp_path / "out", *words[6:])
    assert run(*words)[0] == 0 and run(*words, "--fresh")[0] == 0  # its own it may


def test_an_eopatch_that_a_full_disk_cut_short_is_known_as_ours_and_made_again(run, tmp_path, monkeypatch):
    testing.write_geotiffs(testing.series(testing.landscape((16, 20), seed=1), days=1).stack, tmp_path / "in")
    words = ("predict", tmp_path / "in", "-o", tmp_path / "out", "--model", "bicubic", "--eopatch", "B")
    with monkeypatch.context() as full:
        full.setattr(LocalFileSystem, "pipe_file", _full(LocalFileSystem.pipe_file))
        code, _, err = run(*words)
    assert code == 1 and "No space left" in err
    code, _, err = run(*words)
    assert code == 0, err
    assert (tmp_path / "out" / "eopatch" / "bbox.geojson").exists()


def _full(write):
    """A disk that takes no array."""

    def refusing(self, path, value, **how):
        if path.endswith(".npy"):
            write(self, path, value[:100], **how)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, path, value, **how)

    return refusing


def test_a_name_that_no_file_of_an_eopatch_can_bear_is_refused_before_anything_is_computed(run, tmp_path):
    folder = testing.write_geotiffs(testing.series(testing.landscape((16, 20)), days=2).stack, tmp_path / "in")
    for name in ("a/b", "../b", "", " "):
        code, _, err = run("predict", folder, "-o", tmp_path / "out", "--model", "nearest", "--eopatch", name)
        assert code == 2 and "--eopatch" in err and f"'{name}'" in err, name
    assert not (tmp_path / "out").exists()
