"""Sources in an object store, on a server of our own on this machine."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr

from dione import fetching, sources, testing
from dione.base.errors import BadSource, CannotWrite, DioneError, NotAStack, NotFound
from dione.base.storage.files import PARTIAL
from dione.sources import places, zarrstack
from dione.sources.remote import remotefile
from dione.testing import archive

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def made() -> xr.Dataset:
    return testing.series(testing.landscape((30, 44), seed=3), days=3, cloud=0.3, seed=4).stack


def upload(folder: Path, to: str) -> None:
    import s3fs

    s3fs.S3FileSystem().put(str(folder), to, recursive=True)


def test_geotiffs_open_and_read_like_local_ones(bucket: str, made: xr.Dataset, tmp_path: Path) -> None:
    local = testing.write_geotiffs(made, tmp_path / "series")
    upload(local, f"{bucket}/series")
    stack, here = sources.open(f"{bucket}/series"), sources.open(local)
    xr.testing.assert_identical(stack.compute().drop_attrs(deep=False), here.compute().drop_attrs(deep=False))
    assert stack.attrs["source"] == "s3://bucket/series"
    assert sources.open(f"{bucket}/series/*-06.tif").sizes["time"] == 1


def test_other_grids_are_aligned_there_too(bucket: str, made: xr.Dataset, tmp_path: Path) -> None:
    folder = testing.write_geotiffs(made.isel(time=[0]), tmp_path / "shifted")
    moved = testing.series(testing.landscape((30, 44), seed=3), days=2, seed=4, grid=testing.grid_at((30, 44), left=355_003)).stack
    testing.write_geotiffs(moved.isel(time=[1]), folder)
    upload(folder, f"{bucket}/shifted")
    np.testing.assert_array_equal(sources.open(f"{bucket}/shifted", align=True)["reflectance"], sources.open(folder, align=True)["reflectance"])


@pytest.mark.parametrize("inside", [True, False])
def test_a_mask_inside_or_beside_a_file_counts_there_too(inside: bool, bucket: str, made: xr.Dataset, tmp_path: Path) -> None:
    path = next(testing.write_geotiffs(made.isel(time=[0]), tmp_path / f"masked-{inside}").glob("*.tif"))
    seen = np.full((30, 44), 255, np.uint8)
    seen[:, :5] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside), rasterio.open(path, "r+") as file:
        file.write_mask(seen)
    upload(path.parent, f"{bucket}/{path.parent.name}")
    valid = sources.open(f"{bucket}/{path.parent.name}")["valid"].values
    assert not valid[..., :5].any() and valid[..., 5:].any()
    np.testing.assert_array_equal(valid, sources.open(path.parent)["valid"])


def test_a_folder_there_that_is_no_stack_is_not_written_over(bucket: str, made: xr.Dataset, tmp_path: Path) -> None:
    upload(testing.write_geotiffs(made, tmp_path / "series"), f"{bucket}/precious")
    with pytest.raises(CannotWrite, match="precious is no Stack"):
        zarrstack.save(made, f"{bucket}/precious", overwrite=True)
    assert sources.open(f"{bucket}/precious").sizes["time"] == 3
    zarrstack.save(made, f"{bucket}/over.zarr")
    zarrstack.save(made.isel(time=[1]), f"{bucket}/over.zarr", overwrite=True)
    assert sources.open(f"{bucket}/over.zarr").sizes["time"] == 1


def test_a_stack_is_saved_whole_and_opened(bucket: str, made: xr.Dataset) -> None:
    import s3fs

    zarrstack.save(made, f"{bucket}/kept/stack.zarr")
    kept = sources.open(f"{bucket}/kept/stack.zarr")
    np.testing.assert_array_equal(kept["reflectance"], made["reflectance"])
    assert [name.split("/")[-1] for name in s3fs.S3FileSystem().ls("bucket/kept", refresh=True)] == ["stack.zarr"]
    with pytest.raises(CannotWrite, match="there already"):
        zarrstack.save(made, f"{bucket}/kept/stack.zarr")


def test_a_profile_opens_the_store_as_the_environment_does_and_a_stack_is_fetched_from_there_to_there(
    bucket: str, made: xr.Dataset, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    upload(testing.write_geotiffs(made, tmp_path / "by-profile"), f"{bucket}/by-profile")
    (tmp_path / "credentials").write_text("[mine]\naws_access_key_id = key\naws_secret_access_key = verysecret\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    s3fs.S3FileSystem.clear_instance_cache()
    code, told, err = run("fetch", f"{bucket}/by-profile", "-o", f"{bucket}/fetched.zarr", "-v")
    assert code == 0 and "verysecret" not in told + err, err
    np.testing.assert_array_equal(sources.open(f"{bucket}/fetched.zarr")["reflectance"], sources.open(tmp_path / "by-profile")["reflectance"])
    store = s3fs.S3FileSystem()
    assert not any(b"verysecret" in store.cat_file(name) for name in store.find(f"{bucket}/fetched.zarr"))
    monkeypatch.setenv("AWS_PROFILE", "another")
    s3fs.S3FileSystem.clear_instance_cache()
    code, _, err = run("info", f"{bucket}/by-profile")
    assert code == 1 and "another" in err and "Traceback" not in err
    s3fs.S3FileSystem.clear_instance_cache()


def test_an_eopatch_opens(bucket: str, made: xr.Dataset, tmp_path: Path) -> None:
    (tmp_path / "patch" / "data").mkdir(parents=True)
    square = [[0, 0], [0, 300], [440, 300], [440, 0], [0, 0]]
    (tmp_path / "patch" / "bbox.geojson").write_text(
        json.dumps({"type": "Polygon", "coordinates": [square], "crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::32631"}}})
    )
    (tmp_path / "patch" / "timestamps.json").write_text(json.dumps([str(time)[:19] for time in made["time"].values]))
    np.save(tmp_path / "patch" / "data" / "BANDS.npy", np.moveaxis(made["reflectance"].values, 1, -1))
    upload(tmp_path / "patch", f"{bucket}/patch")
    stack = sources.open(f"{bucket}/patch", bands=("blue", "green", "red", "nir"))
    np.testing.assert_array_equal(stack["reflectance"].isel(time=2, y=slice(3, 9)), made["reflectance"].isel(time=2, y=slice(3, 9)))


def test_what_is_not_there_is_told_without_secrets(bucket: str) -> None:
    for missing in (f"{bucket}/nothing", f"{bucket}/series/*.jp2", "s3://nobucket/x", f"{bucket}/nothing.zarr"):
        with pytest.raises(DioneError) as error:
            sources.open(missing)
        assert isinstance(error.value, NotFound | BadSource)
        assert missing in str(error.value) and "verysecret" not in str(error.value)


def test_a_cut_off_file_is_named(bucket: str, made: xr.Dataset, tmp_path: Path) -> None:
    folder = testing.write_geotiffs(made, tmp_path / "cut")
    file = folder / "2024-05-06.tif"
    file.write_bytes(file.read_bytes()[:3000])
    upload(folder, f"{bucket}/cut")
    with pytest.raises(BadSource, match=r"s3://bucket/cut/2024-05-06\.tif"):
        sources.open(f"{bucket}/cut").compute()


def test_nothing_is_asked_of_buckets_of_others(bucket: str, made: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    upload(testing.write_geotiffs(made, tmp_path / "own"), f"{bucket}/own")
    asked, call = [], s3fs.S3FileSystem._call_s3
    monkeypatch.setattr(
        s3fs.S3FileSystem, "_call_s3", lambda self, method, *more, **told: asked.append(told.get("Bucket")) or call(self, method, *more, **told)
    )
    sources.open(f"{bucket}/own").load()
    assert set(asked) == {"bucket"}


def test_the_size_of_a_file_is_asked_for_once(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "kept"))
    grid = testing.grid_at((600, 600), left=300_000, top=4_900_020)
    numbers = np.random.default_rng(2).integers(1100, 5000, (4, 600, 600)).astype(np.uint16)
    one = archive.MadeProduct(numbers, grid, np.full((300, 300), 4, np.uint8), offset=-0.1, applied=False)
    files = archive.write(one, tmp_path / "many", block=128)
    upload(tmp_path / "many", f"{bucket}/many")
    (tmp_path / "item.json").write_text(json.dumps(archive.item(one, {band: f"{bucket}/many/{path.name}" for band, path in files.items()})))
    asked, call = [], s3fs.S3FileSystem._call_s3
    monkeypatch.setattr(
        s3fs.S3FileSystem, "_call_s3", lambda self, method, *more, **told: asked.append((method, told["Key"])) or call(self, method, *more, **told)
    )
    stack = sources.open(f"stac:{tmp_path / 'item.json'}")
    for rows in (slice(0, 200), slice(200, 600)):
        np.testing.assert_allclose(stack.isel(time=0, y=rows)["reflectance"].values, numbers[:, rows] * 1e-4 - 0.1, atol=1e-6)
    sizes = [key for method, key in asked if method == "head_object"]
    assert len(sizes) == len(set(sizes)) == 5 and len(asked) > 20


def test_items_of_an_archive_may_lie_there(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "kept"))
    grid = testing.grid_at((64, 64), left=300_000, top=4_900_020)
    numbers = np.random.default_rng(1).integers(1100, 5000, (4, 64, 64)).astype(np.uint16)
    one = archive.MadeProduct(numbers, grid, np.full((32, 32), 4, np.uint8), offset=-0.1, applied=False)
    files = archive.write(one, tmp_path / "product")
    upload(tmp_path / "product", f"{bucket}/product")
    made = archive.item(one, {band: f"{bucket}/product/{path.name}" for band, path in files.items()})
    (tmp_path / "item.json").write_text(json.dumps(made))
    stack = sources.open(f"stac:{tmp_path / 'item.json'}")
    np.testing.assert_array_equal(stack["reflectance"][0], numbers.astype(np.float32) * np.float32(1e-4) - np.float32(0.1))
    s3fs.S3FileSystem().rm(f"{bucket}/product", recursive=True)
    np.testing.assert_array_equal(sources.open(f"stac:{tmp_path / 'item.json'}")["valid"], stack["valid"])
    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "empty"))
    remotefile.heads.forget()
    with pytest.raises(NotFound, match=f"item {one.name} lacks rows 0 to 64"):
        sources.open(f"stac:{tmp_path / 'item.json'}").load()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_stack_that_was_half_sent_when_its_run_was_killed_is_sent_again(
    bucket: str, made: xr.Dataset, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    place = f"{bucket}/killed-{overwrite}/field.zarr"
    if overwrite:
        zarrstack.save(made, place)
    fs, _ = places.system(place)
    copy, rm, calls = fs.copy, fs.rm, itertools.count()

    def killed(*given: object) -> None:
        if next(calls) == 2:
            raise KeyboardInterrupt
        copy(*given)

    with monkeypatch.context() as dying:
        dying.setattr(fs, "copy", killed)
        dying.setattr(fs, "rm", lambda path, **options: None if path.endswith(PARTIAL) else rm(path, **options))
        with pytest.raises(KeyboardInterrupt):
            zarrstack.save(made, place, overwrite=overwrite)
    with pytest.raises(NotAStack, match="half copied"):
        zarrstack.open(place)
    done = fetching.fetch({"field": {}}, place.rpartition("/")[0], lambda _: made, settings="same", overwrite=overwrite)
    assert done.fresh == ("field",), done.failed
    np.testing.assert_array_equal(sources.open(place)["reflectance"], made["reflectance"])


def test_a_folder_that_is_no_stack_stays_though_a_part_of_another_is_beside(bucket: str, made: xr.Dataset) -> None:
    import s3fs

    s3fs.S3FileSystem().pipe_file(f"{bucket}/mixed/precious/thesis.txt", b"years")
    s3fs.S3FileSystem().pipe_file(f"{bucket}/mixed/.other.zarr.0123abcd.partial/zarr.json", b"{}")
    with pytest.raises(CannotWrite, match="precious is no Stack"):
        zarrstack.save(made, f"{bucket}/mixed/precious", overwrite=True)
