"""A delivery that the tests of VHR scenes share; who changes it takes a copy."""

import shutil
from pathlib import Path

import pytest

from dione.testing.delivery import Delivered, deliver


@pytest.fixture(scope="session")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    return deliver(tmp_path_factory.mktemp("vhr") / "delivery")


@pytest.fixture
def copied(delivery: Delivered, tmp_path: Path) -> Path:
    """The folder of the whole delivery, to spoil."""
    return Path(shutil.copytree(delivery.folder, tmp_path / "delivery"))
