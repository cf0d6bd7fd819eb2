"""Credentials are planted wherever a run can meet them, and looked for in all that it leaves and says."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rasterio.warp import transform_bounds

from dione import testing
from dione.testing.archive import MadeProduct, coarser, item, write
from dione.testing.loopback import Loopback

SECRET = "verysecret"
TILE = testing.grid_at((48, 48), left=300_000, top=4_900_020)
MARKUP = '<script src="//evil.example/x.js">'


@pytest.fixture
def stocked(server: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Loopback:
    """Two dates whose files have to be asked for with a signature, in an archive with a password, and secrets in the environment."""
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "SH_CLIENT_ID",
        "SH_CLIENT_SECRET",
        "PC_SDK_SUBSCRIPTION_KEY",
        "WANDB_API_KEY",
    ):
        monkeypatch.setenv(name, f"{SECRET}-{name}")
    monkeypatch.setenv("DIONE_PRIVATE_HOSTS", "127.0.0.1")
    for day in (3, 8):
        numbers = np.random.default_rng(day).integers(1100, 3000, (4, *TILE.shape)).astype(np.uint16)
        one = MadeProduct(numbers, TILE, np.full(coarser(TILE).shape, 4, np.uint8), start=f"2024050{day}T105031", offset=-0.1, applied=False)
        hrefs = server.hrefs(write(one, server.folder, block=128))
        signed = {band: f"{href.replace('http://', f'http://key:{SECRET}@')}?sig={SECRET}&se=2024" for band, href in hrefs.items()}
        server.items.append({**item(one, signed), "id": f"{one.name}{MARKUP if day == 8 else ''}"})
    return server


def words(server: Loopback, out: Path) -> list[str]:
    west, south, east, north = transform_bounds("EPSG:32631", "EPSG:4326", *TILE[4:-4, 4:-4].boundingbox.bbox)
    source = f"stac:{server.url.replace('http://', f'http://user:{SECRET}@')}#sentinel-2-l2a"
    return ["predict", source, "-o", str(out), "--area", f"{west},{south},{east},{north}", "--model", "bicubic", "-v"]


def left(folder: Path) -> list[str]:
    """Files, and names of files, that hold a secret."""
    return [str(path) for path in folder.rglob("*") if SECRET in path.name or (path.is_file() and SECRET.encode() in path.read_bytes())]


def test_a_run_leaves_and_says_no_secret_and_its_pages_run_nothing_of_strangers(stocked: Loopback, run, tmp_path: Path) -> None:
    code, told, said = run(*words(stocked, tmp_path / "out"))
    assert code == 0, said
    assert SECRET not in told + said and "dione" in said
    assert (tmp_path / "out" / "report.html").is_file() and left(tmp_path / "out") + left(tmp_path / "kept") == []
    page = (tmp_path / "out" / "report.html").read_text()
    assert "evil.example" in page and "<script src" not in page


def test_a_run_that_fails_and_asks_again_says_none_either(stocked: Loopback, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIONE_HTTP_TRIES", "2")
    for fault in ("fail", "refused", "missing", "cut", f"http://10.0.0.1/x?token={SECRET}"):
        stocked.fault = lambda path, number, fault=fault: fault if path.endswith("B04.tif") else ""
        code, told, said = run(*words(stocked, tmp_path / "out"))
        assert code == 1 and "error:" in said and SECRET not in told + said, fault
    assert left(tmp_path / "out") == []


def test_a_fault_of_the_command_itself_says_none(tmp_path: Path) -> None:
    """In a process of its own, as it is typed: what it prints is what a log of a scheduler keeps."""
    source = f"stac:https://user:{SECRET}@127.0.0.1:9/v1?key={SECRET}#c"
    typed = [sys.executable, "-c", "from dione.cli import main; main()", "info", source, "--area", "2.1,48.5,2.2,48.6", "-v"]
    here = {**os.environ, "DIONE_HTTP_TRIES": "1", "DIONE_CACHE": str(tmp_path), "NO_PROXY": "*"}
    ran = subprocess.run(typed, capture_output=True, text=True, env=here, check=False)
    assert ran.returncode == 1 and "error:" in ran.stderr and SECRET not in ran.stdout + ran.stderr
