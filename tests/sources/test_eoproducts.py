"""The adapter of EOReader, before a product that is made up."""

import sys
from datetime import datetime
from enum import Enum
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rioxarray  # noqa: F401  gives DataArrays .rio, as EOReader's have
import xarray as xr
from affine import Affine
from rasterio.crs import CRS
from rasterio.windows import Window

from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadBands, BadSource, DioneError
from dione.sources import vhr
from dione.sources.delivered import eopixels
from dione.testing import grid_at


class Band(Enum):
    NIR = "NIR"
    BLUE = "BLUE"
    GREEN = "GREEN"
    RED = "RED"


class EoReaderError(Exception):
    pass


class Product(SimpleNamespace):
    constellation = SimpleNamespace(value="Pleiades")
    name = "IMG_PHR1A_001"
    bands = tuple(Band)
    is_ortho = True
    cleaned = 0

    def has_band(self, name: str) -> bool:
        return name in [band.name for band in self.bands]

    def get_datetime(self, as_datetime: bool) -> datetime:
        assert as_datetime
        return datetime(2020, 5, 11, 2, 31, 58)

    def default_transform(self) -> tuple[Any, int, int, Any]:
        grid = grid_at((5, 6), pixel=2)
        return grid.affine, 6, 5, CRS.from_user_input(str(grid.crs))

    def load(self, names: list[str], pixel_size: float, window: Window | None = None) -> xr.Dataset:
        assert pixel_size == 2, "its own pixel, not the nominal one"
        self.asked = window
        grid = grid_at((5, 6), pixel=2)
        rng = np.random.default_rng(0)
        made = {}
        for band in Band:  # EOReader's order is its own
            values = rng.uniform(0.01, 0.5, (1, 5, 6)).astype(np.float32)
            values[:, 0, 0] = np.nan
            made[band] = xr.DataArray(values, dims=("band", "y", "x")).rio.write_crs(str(grid.crs)).rio.write_transform(grid.affine)
        self.loaded = made
        if window is None:
            return xr.Dataset(made)
        cut, moved = slice(window.col_off, window.col_off + window.width), grid.affine * Affine.translation(window.col_off, 0)
        return xr.Dataset({band: values[:, :, cut].rio.write_transform(moved) for band, values in made.items()})

    def clean_tmp(self) -> None:
        self.cleaned += 1


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    held = SimpleNamespace(product=Product(), fault=None)

    class Reader:
        def open(self, path: str, remove_tmp: bool) -> Any:
            if held.fault:
                raise held.fault
            return held.product

    for name, content in {"eoreader": {}, "eoreader.reader": {"Reader": Reader}, "eoreader.exceptions": {"EoReaderError": EoReaderError}}.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return held


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "IMG_PHR1A_001"
    path.mkdir()
    (path / "VOL_PHR.XML").write_text("<a/>")
    return path


def test_a_product_becomes_a_stack_with_its_bands_in_order(reader: SimpleNamespace, folder: Path) -> None:
    stack = stacks.check(vhr.open(folder))
    for band in ("blue", "green", "red", "nir"):
        found = stack["reflectance"].sel(band=band).values[0]
        np.testing.assert_array_equal(found[1:], reader.product.loaded[Band[band.upper()]].values[0, 1:])
    assert not stack["valid"].values[0, 0, 0] and stack["valid"].values[0].sum() == 29
    assert when.days(stack) == ["2020-05-11"]
    assert stacks.grid_of(stack).affine.a == 2
    assert stack.attrs["sensor"] == "Pleiades"


def test_it_is_read_piece_by_piece_and_nothing_that_eoreader_wrote_is_left(reader: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eopixels, "SIDE_PX", 5)
    stack = vhr.open(folder)
    assert not hasattr(reader.product, "asked")
    right = stack.isel(x=[5]).load()
    assert (reader.product.asked.col_off, reader.product.asked.width, reader.product.cleaned) == (5, 1, 1)
    whole = stack.load()
    assert reader.product.cleaned == 2
    np.testing.assert_array_equal(whole["reflectance"].values[..., 5:], right["reflectance"].values)
    np.testing.assert_array_equal(whole["reflectance"].values[0, 0, 1:], reader.product.loaded[Band.BLUE].values[0, 1:])


def test_what_eoreader_has_to_orthorectify_is_read_whole(reader: SimpleNamespace, folder: Path) -> None:
    reader.product.is_ortho = False
    stack = stacks.check(vhr.open(folder))
    assert reader.product.asked is None and not reader.product.cleaned
    np.testing.assert_array_equal(stack["reflectance"].values[0, 0, 1:], reader.product.loaded[Band.BLUE].values[0, 1:])


def test_what_eoreader_does_not_know_or_cannot_read_is_told(reader: SimpleNamespace, folder: Path) -> None:
    reader.fault = EoReaderError("no metadata")
    with pytest.raises(BadSource, match="cannot be read by EOReader: no metadata"):
        vhr.open(folder)
    reader.fault, reader.product = None, None
    with pytest.raises(BadSource, match="no product that EOReader knows"):
        vhr.open(folder)


def test_a_product_without_near_infrared_is_refused(reader: SimpleNamespace, folder: Path) -> None:
    reader.product.bands = (Band.RED, Band.GREEN, Band.BLUE)
    with pytest.raises(BadBands, match="no band nir"):
        vhr.open(folder)


def test_without_eoreader_the_command_to_install_it_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("eoreader", "eoreader.reader", "eoreader.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DioneError, match=r"pip install 'dione\[vhr\]'"):
        vhr.open(folder)
