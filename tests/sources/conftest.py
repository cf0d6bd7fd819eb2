"""What tests of sources share: a delivery of VHR scenes (who changes it takes a copy), and a series of Sentinel-2 as GeoTIFFs."""

import shutil
from pathlib import Path

import pytest
import xarray as xr

from dione import testing
from dione.testing.delivery import Delivered, deliver


@pytest.fixture(scope="session")
def delivery(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    return deliver(tmp_path_factory.mktemp("vhr") / "delivery")


@pytest.fixture
def copied(delivery: Delivered, tmp_path: Path) -> Path:
    """The folder of the whole delivery, to spoil."""
    return Path(shutil.copytree(delivery.folder, tmp_path / "delivery"))


@pytest.fixture
def made() -> xr.Dataset:
    return testing.series(testing.landscape((30, 44), seed=3), days=3, cloud=0.3, seed=4).stack


@pytest.fixture
def folder(made: xr.Dataset, tmp_path: Path) -> Path:
    return testing.write_geotiffs(made, tmp_path / "series")
