"""The adapter of ukis-csmask, before a network that is made up."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dione import testing
from dione.base.errors import DioneError
from dione.prepare import csmask
from dione.sources import vhr
from dione.testing.delivery import Delivered


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the network was asked; it takes blue above 0.3 for cloud."""
    seen: list[dict[str, Any]] = []

    def network(img: np.ndarray, **options: Any) -> SimpleNamespace:
        seen.append({"shape": img.shape, "dtype": img.dtype, **options})
        return SimpleNamespace(valid=(img[..., :1] < 0.3).astype(np.uint8))

    package, module = ModuleType("ukis_csmask"), ModuleType("ukis_csmask.mask")
    module.CSmask = network  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ukis_csmask", package)
    monkeypatch.setitem(sys.modules, "ukis_csmask.mask", module)
    return seen


def test_each_date_goes_through_the_network_at_20_m(delivery: Delivered, asked: list[dict[str, Any]]) -> None:
    planted = delivery.scenes[3]
    stack = vhr.open(planted.ms)
    clear = csmask.without_clouds(stack)
    assert asked == [{"shape": (12, 15, 4), "dtype": np.float32, "band_order": ["blue", "green", "red", "nir"], "product_level": "l1c", "nodata_value": 0}]
    valid = clear["valid"].values[0]
    assert not (valid & ~planted.seen).any()
    assert (valid == (planted.seen & ~planted.cloud))[planted.seen].mean() > 0.85


def test_sizes_that_do_not_divide_are_whole(asked: list[dict[str, Any]]) -> None:
    stack = testing.series(testing.landscape((13, 15), seed=1), days=2).stack
    made = csmask.without_clouds(stack, level="l2a")
    assert made["valid"].shape == (2, 13, 15)
    assert [one["shape"] for one in asked] == [(7, 8, 4)] * 2


def test_without_the_package_the_command_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ukis_csmask", None)
    with pytest.raises(DioneError, match=r"pip install 'dione\[clouds\]'\nor go without: leave find_clouds \(--find-clouds\) out.*; of VHR scenes"):
        csmask.without_clouds(testing.series(testing.landscape((4, 4)), days=1).stack)
