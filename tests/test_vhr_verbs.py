"""`dione vhr` from outside: a folder of deliveries becomes a table, and the table gains statistics."""

import re
import shutil
import sys
from pathlib import Path

import pytest

from dione import cli
from dione.sources.delivered import scenetable
from dione.testing.delivery import Delivered, deliver


@pytest.fixture(scope="module")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    return deliver(tmp_path_factory.mktemp("vhr") / "delivery", scenes=3)


def dione(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["dione", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_scan_and_statistics_of_a_whole_delivery(
    delivery: Delivered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "scenes.parquet"
    assert dione(monkeypatch, "vhr", "scan", delivery.folder, "-o", table) == 0
    assert "3 scenes, 3 with pan" in capsys.readouterr().out
    assert dione(monkeypatch, "vhr", "statistics", table) == 0
    rows = scenetable.read(table)
    assert [row["kind"] for row in rows] == ["ms", "pan"] * 3
    assert all(row["sharp_blue_clear_mean_radiance"] > 0 for row in rows[::2])
    assert all(row["pan_clear_median_dn"] > 0 for row in rows[1::2])
    assert dione(monkeypatch, "vhr", "statistics", table, "--sharpen", "no", "-o", tmp_path / "again.parquet") == 0


def test_a_bad_scene_ends_both_verbs_with_1_and_is_told_and_the_others_are_there(
    delivery: Delivered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(delivery.folder, tmp_path / "delivery"))
    bad = next(folder.rglob("DE2_PAN*P002.dim"))
    bad.write_text(re.sub("<NROWS>.*?<", "<NROWS>1<", bad.read_text()))
    table = tmp_path / "scenes.parquet"
    assert dione(monkeypatch, "vhr", "scan", folder, "-o", table) == 1
    said = capsys.readouterr()
    assert "3 scenes, 2 with pan" in said.out
    assert "P002.dim" in said.err and "NROWS is 1, the raster has 240" in said.err
    assert len(scenetable.read(table)) == 5
    next(folder.rglob("DE2_MS4*M000.tif")).unlink()
    assert dione(monkeypatch, "vhr", "statistics", table) == 1
    assert "1 of 3 scenes failed; their rows stand in the table as they were" in capsys.readouterr().err
    assert [row.get("blue_clear_mean_dn") is not None for row in scenetable.read(table)] == [False, False, True, False, True]


@pytest.mark.parametrize("words", [["statistics", "absent.parquet"], ["scan", "absent", "-o", "a.parquet"]])
def test_nothing_there_is_told(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert dione(monkeypatch, "vhr", *words) == 1
    assert "absent" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
