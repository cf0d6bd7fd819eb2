"""A scene larger than the disk is told before anything is computed."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

import dione.accessor  # noqa: F401
from dione.base.errors import CannotWrite, NotFound
from dione.nets.resolver import load
from dione.prediction.config import PredictConfig
from dione.prediction.files import disk
from dione.prediction.job import predict_to
from dione.prediction.memory import predict, write
from dione.prepare.select import choose
from dione.testing import landscape, series

Usage = namedtuple("Usage", "total used free")


def test_a_scene_larger_than_the_disk_is_refused_with_what_it_takes_and_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = series(landscape((64, 64)), days=2).stack
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 100_000, 100_000))
    with pytest.raises(
        CannotWrite,
        match=r"cannot write .*out: sharpened, the 2 dates take more than there is room for\n0\.1 MB are free on the disk of .*at least 0\.5 MB are needed for it",
    ):
        predict_to(made, tmp_path / "out", resolver=load("nearest"), config=PredictConfig(target="all", device="cpu"))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_was_there_before_stays_when_a_prediction_fails(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        predict_to(series(landscape((16, 16)), days=2).stack, tmp_path, resolver=load("nearest"), config=PredictConfig(target="1999-01-01"))
    assert tmp_path.is_dir() and not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["sharper.tif", "sharper.nc", "Sharper.TIFF", "sharper.zarr"])
def test_results_are_no_file(tmp_path: Path, name: str) -> None:
    made = series(landscape((16, 16)), days=2).stack
    sharp = predict(made, model="nearest")
    saves = [lambda out: predict_to(made, out, resolver=load("nearest")), lambda out: write(sharp, out)]
    for save in saves + [sharp.dione.save, made.dione.save] * (not name.endswith(".zarr")):  # which makes a store
        with pytest.raises(CannotWrite, match=rf"{name} is named as a file or a store, and results are a folder of files\nname a folder, e\.g\. .*arper/"):
            save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_what_is_there_already_needs_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = series(landscape((64, 64)), days=2).stack
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 100_000, 100_000))
    (tmp_path / "2024-05-01_sr.tif").write_bytes(bytes(500_000))
    disk.check(tmp_path, choose(made, target="all"), (64, 64), 4)


def test_what_nobody_saw_takes_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = series(landscape((64, 64)), days=2).stack
    made["valid"][:] = False
    made["valid"][:, :8] = True
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 100_000, 100_000))
    disk.check(tmp_path, choose(made, target="all", max_cloud=1), (64, 64), 4)


@pytest.mark.parametrize(("source", "out"), [("field", "field"), ("field/*.tif", "field"), ("dates", "dates/out")])
def test_results_do_not_go_where_the_series_is_read_from(tmp_path: Path, source: str, out: str) -> None:
    for place in ("field/2024-05-01.tif", "dates/2024-05-01/B02.tif"):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).touch()
    made = series(landscape((16, 16)), days=2).stack.assign_attrs(source=str(tmp_path / source))
    with pytest.raises(CannotWrite, match="the folder of the series itself: one would be taken for the other\nname another folder with -o"):
        predict_to(made, tmp_path / out, resolver=load("nearest"))
    with pytest.raises(CannotWrite, match="the folder of the series itself"):
        predict(made, model="nearest").dione.save(tmp_path / out)
    assert not [*(tmp_path / out).glob("*_sr.tif")]


@pytest.mark.parametrize("source", ["", "a made-up landscape", "stac:earth-search", "s3://bucket/field", "FIELD/2024-05-01.tif", "FIELD/inside.zarr"])
def test_beside_the_series_there_is_room_for_them(tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inside.zarr").mkdir()
    (tmp_path / "2024-05-01.tif").touch()
    disk.apart(tmp_path, source.replace("FIELD", str(tmp_path)))
    disk.apart(tmp_path / "out", str(tmp_path))
