"""Results into an object store."""

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import rasterio
from fsspec.implementations.memory import MemoryFileSystem

from dione import testing
from dione.base.errors import CannotWrite
from dione.sources import carrying
from dione.sources.carrying import staged

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")


def test_a_prediction_is_sent_whole_and_is_that_of_a_folder(bucket: str, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "kept"))
    series = testing.write_geotiffs(testing.series(testing.landscape((40, 40)), days=3).stack, tmp_path / "series")
    words = ["predict", series, "--model", "bicubic", "--device", "cpu", "--precision", "float32", "-o"]
    code, told, fault = run(*words, f"{bucket}/field")
    assert code == 0, fault
    assert f"{bucket}/field/2024-05-11_sr.tif" in told
    assert run(*words, tmp_path / "field")[0] == 0
    store = s3fs.S3FileSystem()
    sent = {name.rsplit("/", 1)[1] for name in store.ls(f"{bucket}/field", refresh=True)}
    assert sent == {path.name for path in (tmp_path / "field").iterdir() if not path.name.startswith(".")} and "collection.json" in sent
    with (
        rasterio.MemoryFile(store.cat_file(f"{bucket}/field/2024-05-11_sr.tif")) as file,
        file.open() as far,
        rasterio.open(tmp_path / "field" / "2024-05-11_sr.tif") as near,
    ):
        np.testing.assert_array_equal(far.read(), near.read())
    assert run(*words, f"{bucket}/tiled", "--tiles", "512")[0] == 0
    names = set(store.find(f"{bucket}/tiled"))
    assert {name.rsplit("/", 1)[1] for name in names if "/2024-05-11/" in name} >= {
        f"2024-05-11_r00c00_{what}.tif" for what in ("sr", "sigma", "support", "input")
    }
    assert f"{bucket.removeprefix('s3://')}/tiled/2024-05-11_sr.vrt" in names
    assert not any((tmp_path / "kept" / "outputs").iterdir())


def test_a_store_that_takes_nothing_is_found_out_before_anything_is_computed(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "kept"))
    with pytest.raises(CannotWrite, match=r"(?s)cannot write to s3://nobucket/x.*credentials") as error, staged("s3://nobucket/x"):
        pytest.fail("the block was entered")
    assert "verysecret" not in str(error.value)


def test_what_was_stopped_goes_on_in_the_same_folder_and_is_not_sent(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "kept"))
    folders = []

    def stopped() -> None:
        with staged(f"{bucket}/stopped") as folder:
            (folder / "half").write_text("x")
            folders.append(folder)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert not s3fs.S3FileSystem().exists(f"{bucket}/stopped/half")
    with staged(f"{bucket}/stopped/") as again:
        assert [again] == folders and (again / "half").read_text() == "x"
    assert s3fs.S3FileSystem().exists(f"{bucket}/stopped/half")


def test_what_is_half_sent_over_results_of_before_does_not_pass_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "kept"))
    store = MemoryFileSystem()

    def predicted(words: str) -> None:
        with staged("memory://bucket/over") as folder:
            for name in ("a_sr.tif", "b_sr.tif", "run.json"):
                (folder / name).write_text(words)

    def killed(here: str, there: str) -> None:
        if there.endswith("b_sr.tif"):
            raise KeyboardInterrupt
        store.pipe_file(there, Path(here).read_bytes())

    predicted("once")
    with monkeypatch.context() as dying:
        dying.setattr(MemoryFileSystem, "put_file", lambda _, *files, **__: killed(*files))
        with pytest.raises(KeyboardInterrupt):
            predicted("again")
    assert [store.cat_file(f"bucket/over/{name}_sr.tif") for name in "ab"] == [b"again", b"once"] and not store.exists("bucket/over/run.json")
    predicted("again")
    assert store.cat_file("bucket/over/run.json") == store.cat_file("bucket/over/b_sr.tif") == b"again"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("SlowDown", "too much to do, or fails: run the same command again later"),
        ("InternalError", "too much to do, or fails"),
        ("RequestTimeTooSkewed", "clock of this machine is wrong"),
        ("NoSuchBucket", "check the name"),
    ],
)
def test_a_store_that_has_too_much_to_do_or_another_time_is_told_so_and_not_its_credentials_to_be_checked(
    monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    errors = pytest.importorskip("s3fs.errors")
    fault = errors.ERROR_CODE_TO_EXCEPTION[code]("The difference between the request time and the current time is too large.")
    monkeypatch.setattr(MemoryFileSystem, "pipe_file", Mock(side_effect=fault))
    with pytest.raises(CannotWrite, match=words), staged("memory://bucket/x"):
        pytest.fail("the block was entered")
    with pytest.raises(CannotWrite, match=words):
        carrying.put("memory://bucket/x/file", b"x")
