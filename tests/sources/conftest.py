"""What the tests of doors share: a delivery of VHR scenes (who changes it takes a copy), and an archive on this machine."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dione.sources import web
from dione.testing.delivery import Delivered, deliver
from dione.testing.loopback import Loopback


@pytest.fixture(scope="session")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    return deliver(tmp_path_factory.mktemp("vhr") / "delivery")


@pytest.fixture
def copied(delivery: Delivered, tmp_path: Path) -> Path:
    """The folder of the whole delivery, to spoil."""
    return Path(shutil.copytree(delivery.folder, tmp_path / "delivery"))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """An archive on this machine, asked without a proxy and with little patience; what is read is kept in a folder of the test's own."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("DIONE_CACHE", str(tmp_path / "kept"))
    monkeypatch.setenv("DIONE_HTTP_TIMEOUT", "0.5")
    monkeypatch.setattr(web.Patience, "pause_s", 0.02)
    (tmp_path / "files").mkdir()
    with Loopback(tmp_path / "files") as made:
        yield made
    web.close()
