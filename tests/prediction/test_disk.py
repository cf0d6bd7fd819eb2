"""A scene larger than the disk is told before anything is computed."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from dione.base.errors import CannotWrite
from dione.nets.resolver import load
from dione.prediction.config import PredictConfig
from dione.prediction.files import disk
from dione.prediction.job import predict_to
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
    assert not [file for file in (tmp_path / "out").rglob("*") if file.is_file()]


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
