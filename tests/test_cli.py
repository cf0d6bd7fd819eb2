"""Every verb from outside, as a user types it; and every bad input ends in a clear error and nothing half-written."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pytest
import rasterio

from dione.testing import grid_at, landscape, series, write_geotiffs

DAY = "2024-05-21"


@dataclass
class Ended:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def dione(run):
    """The command, in this process: `dione("predict", ..., check=0)`."""

    def typed(*words, check=None):
        ended = Ended(*run(*words))
        assert check is None or ended.returncode == check, ended.stderr
        return ended

    return typed


@pytest.fixture
def refused(dione, tmp_path):
    """Predict must fail with exit 1, say these things, and leave no file behind."""

    def run(folder, *words, says=()):
        ended = dione("predict", folder, "-o", tmp_path / "refused", "--model", "bicubic", *words, check=1)
        for word in (says,) if isinstance(says, str) else says:
            assert word in ended.stderr
        assert not list((tmp_path / "refused").glob("*.tif")), "half output left"
        return ended.stderr

    return run


@pytest.fixture(scope="module")
def made():
    return series(landscape((40, 36), seed=1), days=5, cloud=0.2, seed=2)


@pytest.fixture
def folder(made, tmp_path):
    return write_geotiffs(made.stack, tmp_path / "in")


def rewrite(path, change=lambda numbers: numbers, **profile):
    """A GeoTIFF again with other numbers or another profile."""
    with rasterio.open(path) as file:
        numbers, kept, names, scales = file.read(), file.profile, file.descriptions, file.scales
    numbers = change(numbers)
    kept.update(count=len(numbers), dtype=numbers.dtype, height=numbers.shape[1], width=numbers.shape[2], **profile)
    with rasterio.open(path, "w", **kept) as file:
        file.write(numbers)
        file.descriptions, file.scales = names[: len(numbers)], scales[: len(numbers)]


def every(folder, change=lambda numbers: numbers, **profile):
    for path in folder.glob("*.tif"):
        rewrite(path, change, **profile)


def test_predict_writes_every_output(dione, folder, tmp_path):
    dione("predict", folder, "-o", tmp_path / "out", "--target", "all", "--max-cloud", "0.9", "--model", "bicubic-median", check=0)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"quicklook.png", "report.html", "run.json", f"{DAY}_sr.tif", f"{DAY}_sigma.tif", f"{DAY}_support.tif", f"{DAY}.json"} <= names
    assert len([name for name in names if name.endswith("_sr.tif")]) == 5 and not [name for name in names if name.startswith(".")]


def test_results_of_an_earlier_run_in_the_same_folder_are_told(dione, folder, tmp_path):
    words = ("predict", folder, "-o", tmp_path / "out", "--model", "bicubic")
    assert "earlier" not in dione(*words, "--target", "all", "--max-cloud", 0.9, check=0).stderr
    assert "earlier runs too, which are not in its report and collection: 2024-05-01 to 2024-05-16, 4 dates" in dione(*words, check=0).stderr


def test_an_eopatch_of_an_earlier_run_in_the_same_folder_is_told(dione, folder, tmp_path):
    words = ("predict", folder, "-o", tmp_path / "out", "--model", "bicubic")
    assert "eopatch" not in dione(*words, "--eopatch", "A", check=0).stderr
    assert "out/eopatch is of an earlier run; --eopatch NAME makes it anew" in dione(*words, check=0).stderr


def test_the_cloud_of_supports_in_the_past_is_refused_where_it_would_decide_nothing(dione, folder, tmp_path):
    ended = dione("predict", folder, "-o", tmp_path / "out", "--model", "nearest", "--support-cloud", 0.2, check=2)
    assert "--support-cloud" in ended.stderr and "--supports past" in " ".join(ended.stderr.split())
    dione("predict", folder, "-o", tmp_path / "out", "--model", "nearest", "--support-cloud", 0.2, "--supports", "past", check=0)


def test_predict_speaks_json(dione, folder, tmp_path):
    facts = json.loads(dione("predict", folder, "-o", tmp_path / "out", "--model", "bicubic", "--json", check=0).stdout)
    assert facts["targets"][0]["day"] == DAY and facts["model"]["name"] == "bicubic"


def test_info_tells_dates_clouds_and_grid(dione, folder):
    facts = json.loads(dione("info", folder, "--json", check=0).stdout)
    assert len(facts["dates"]) == 5 and facts["grid"]["shape"] == [40, 36] and facts["grid"]["crs"] == "EPSG:32631" and 0.7 < facts["dates"][0]["clear"] < 0.9
    assert "EPSG:32631" in dione("info", folder, check=0).stdout


def test_a_fetched_stack_gives_the_same_result(dione, folder, tmp_path):
    dione("fetch", folder, "-o", tmp_path / "kept.zarr", check=0)
    for source, out in ((folder, "a"), (tmp_path / "kept.zarr", "b")):
        dione("predict", source, "-o", tmp_path / out, "--model", "bicubic", check=0)
    with rasterio.open(tmp_path / "a" / f"{DAY}_sr.tif") as a, rasterio.open(tmp_path / "b" / f"{DAY}_sr.tif") as b:
        assert np.array_equal(a.read(), b.read())


def test_dates_and_area_cut_the_series(dione, refused, folder, tmp_path):
    run = dione("predict", folder, "-o", tmp_path / "out", "--model", "nearest", "--dates", "2024-05-01/2024-05-11", "--max-cloud", "1", "--json", check=0)
    assert json.loads(run.stdout)["targets"][0]["day"] == "2024-05-11"
    refused(folder, "--area", "10,10,11,11", says="does not touch the scene")


def test_models_are_listed_and_shown(dione):
    assert "bicubic" in dione("models", "list", check=0).stdout
    assert json.loads(dione("models", "show", "setsr-s", "--json", check=0).stdout)["net"] == "setsr"


def test_help_is_quick_and_does_not_import_torch():
    probe = "import sys; sys.argv = ['dione', '--help']\nfrom dione.cli import main\ntry:\n    main()\nexcept SystemExit:\n    pass\nassert not {'torch', 'xarray', 'numpy'} & set(sys.modules)"
    began = time.perf_counter()
    assert subprocess.run([sys.executable, "-c", probe], capture_output=True, timeout=60).returncode == 0
    assert time.perf_counter() - began < 5  # benchmarks measure it; this only catches an import that should not be there


def test_wrong_usage_exits_with_two(dione, folder):
    dione("predict", folder, check=2)
    dione("predict", folder, "-o", "x", "--views", "0", check=2)
    dione("no-such-verb", check=2)


def test_no_files(refused, tmp_path):
    (tmp_path / "in").mkdir()
    refused(tmp_path / "in", says="GeoTIFF")
    refused(tmp_path / "nowhere", says="nothing found")


def test_one_date_works(dione, folder, tmp_path):
    for path in sorted(folder.glob("*.tif"))[:-1]:
        path.unlink()
    dione("predict", folder, "-o", tmp_path / "out", "--model", "bicubic", check=0)


def test_dates_on_other_grids_are_named_and_can_be_aligned(dione, refused, folder, tmp_path):
    odd = folder / "2024-05-06.tif"
    rewrite(odd, transform=rasterio.Affine(10, 0, 355_004, 0, -10, 4_832_000))
    refused(folder, says=("2024-05-06", "--align"))
    dione("predict", folder, "-o", tmp_path / "aligned", "--model", "bicubic", "--align", check=0)


def test_missing_doubled_and_unknown_bands(dione, refused, folder, tmp_path):
    every(folder, lambda n: n[:3])
    refused(folder, says="nir")
    doubled = write_geotiffs(series(landscape((20, 20)), days=1).stack, tmp_path / "doubled", names=("B02", "B03", "B02", "B08"))
    refused(doubled, says="blue")
    unnamed = write_geotiffs(series(landscape((20, 20)), days=1).stack, tmp_path / "unnamed", names=None)
    refused(unnamed, says="--bands")
    dione("predict", unnamed, "-o", tmp_path / "named", "--model", "bicubic", "--bands", "blue,green,red,nir", check=0)


def test_unscaled_floats(refused, folder):
    every(folder, lambda n: n.astype(np.float32))
    for path in folder.glob("*.tif"):
        with rasterio.open(path, "r+") as file:
            file.scales = (1.0,) * 4
    assert "0.0001" in refused(folder)


def test_eight_bit_imagery(refused, folder):
    every(folder, lambda n: np.clip(n / 20, 1, 255).astype(np.uint8))
    refused(folder, says="8-bit")


def test_an_offset_that_was_not_applied(dione, refused, folder, tmp_path):
    every(folder, lambda n: np.where(n > 0, n + 1000, 0).astype(np.uint16))
    refused(folder, says=("--offset -0.1", "--offset 0"))
    dione("predict", folder, "-o", tmp_path / "out", "--model", "bicubic", "--offset", "-0.1", "--scale", "0.0001", check=0)


def test_nan_and_infinity_are_nodata(dione, folder, tmp_path):
    def spoil(numbers):
        spoiled = (numbers / 1e4).astype(np.float32)
        spoiled[:, 3:6, 3:6], spoiled[1, 10, 10] = np.nan, np.inf
        return spoiled

    every(folder, spoil, nodata=np.nan)
    for path in folder.glob("*.tif"):
        with rasterio.open(path, "r+") as file:
            file.scales = (1.0,) * 4
    dione("predict", folder, "-o", tmp_path / "out", "--model", "bicubic-median", "--target", DAY, check=0)
    with rasterio.open(tmp_path / "out" / f"{DAY}_sr.tif") as file:
        numbers = file.read()
    assert (numbers[:, 12:24, 12:24] == 0).all() and (numbers[:, 40:44, 40:44] == 0).all() and (numbers[:, 100:, 100:] > 0).any()


@pytest.mark.parametrize("length", [0, 60, 3000])
def test_a_truncated_file(refused, folder, length):
    path = folder / "2024-05-11.tif"
    path.write_bytes(path.read_bytes()[:length])
    refused(folder, says="2024-05-11.tif")


def test_a_file_that_is_no_raster(refused, folder):
    (folder / "2024-05-26.tif").write_text("not an image")
    refused(folder, says="2024-05-26.tif")


def test_without_crs_it_works_and_warns(dione, tmp_path):
    bare = write_geotiffs(series(landscape((20, 20)), days=2, grid=grid_at((20, 20), crs=None)).stack, tmp_path / "in")
    run = dione("predict", bare, "-o", tmp_path / "out", "--model", "bicubic", check=0)
    assert "CRS" in run.stderr
    with rasterio.open(tmp_path / "out" / "2024-05-06_sr.tif") as file:
        assert file.crs is None and file.shape == (80, 80)


def test_an_area_too_narrow_to_be_compared_is_not_called_unseen(dione, folder, tmp_path):
    strip = "POLYGON((1.203 43.6250, 1.204 43.6260, 1.2042 43.6260, 1.203 43.6250))"
    told = dione("predict", folder, "--model", "bicubic", "--area", strip, "-o", tmp_path / "out", check=0).stdout
    assert "100% clear" in told and "none can be compared" in told


def test_degrees_work(dione, tmp_path):
    grid = grid_at((20, 30), crs="EPSG:4326", left=1.2, top=43.6, pixel=9e-5)
    dione(
        "predict", write_geotiffs(series(landscape((20, 30)), days=2, grid=grid).stack, tmp_path / "in"), "-o", tmp_path / "out", "--model", "bicubic", check=0
    )
    with rasterio.open(tmp_path / "out" / "2024-05-06_sr.tif") as file:
        assert file.crs == "EPSG:4326" and file.transform.a == pytest.approx(9e-5 / 4)


@pytest.mark.parametrize("shape", [(1, 1), (3, 7)])
def test_a_scene_smaller_than_the_margin(dione, tmp_path, shape):
    small = series(landscape((40, 40)), days=3).stack.isel(y=slice(shape[0]), x=slice(shape[1]))
    dione("predict", write_geotiffs(small, tmp_path / "in"), "-o", tmp_path / "out", check=0)
    with rasterio.open(tmp_path / "out" / "2024-05-11_sr.tif") as file:
        assert file.shape == (4 * shape[0], 4 * shape[1]) and (file.read() > 0).all()


def test_a_target_that_is_not_in_the_series_lists_the_nearest(refused, folder):
    refused(folder, "--target", "2024-05-19", says=("2024-05-21", "2024-05-16"))


def test_every_date_cloudy(refused, folder):
    every(folder, lambda n: np.zeros_like(n))
    refused(folder, says="2024-05-01")


def test_an_output_folder_that_cannot_be_written(dione, folder, tmp_path):
    (tmp_path / "file").write_text("")
    run = dione("predict", folder, "-o", tmp_path / "file" / "out", "--model", "bicubic", check=1)
    assert "cannot write" in run.stderr


def test_a_weights_file_that_is_damaged_or_missing(dione, folder, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0garbage")
    run = dione("predict", folder, "-o", tmp_path / "out", "--model", tmp_path / "bad.safetensors", check=1)
    assert "not a whole .safetensors" in run.stderr and not (tmp_path / "out").exists()
    assert "setsr-s" in dione("predict", folder, "-o", tmp_path / "out", "--model", "setsr-xl", check=1).stderr
