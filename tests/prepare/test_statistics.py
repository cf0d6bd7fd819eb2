"""Statistics of scenes: what numpy says of the whole raster, made in pieces; clouds as planted."""

import tracemalloc
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from dione.base.errors import BadRecipe, BadValues, NothingClear
from dione.base.windows import Window, lattice
from dione.prepare.reference import scenestatistics, statistics
from dione.prepare.reference.brightness import CloudRule
from dione.sources import vhr
from dione.sources.delivered import deliveries, scenetable
from dione.testing.delivery import Delivered

OPENER = scenestatistics.Opener(scenetable.numbers, scenetable.stack)


def rows(delivery: Delivered) -> list[dict[str, Any]]:
    return [scenetable.row(product) for product in deliveries.scan(delivery.folder).products]


@pytest.fixture(scope="module")
def made(delivery: Delivered) -> list[dict[str, Any]]:
    added = scenestatistics.add(rows(delivery), OPENER)
    assert not added.failed
    return list(added.rows)


def test_statistics_are_those_of_the_whole_raster(delivery: Delivered, made: list[dict[str, Any]]) -> None:
    for planted, row in zip(delivery.scenes, made[::2], strict=True):
        with rasterio.open(planted.ms.with_suffix(".tif")) as file:
            red, blue = file.read(2).astype(float), file.read(4) * planted.gain[0] + planted.bias[0]
        assert row["red_median_dn"] == np.median(red[planted.seen])
        cloud = blue > 97
        assert row["cloud"] == pytest.approx(cloud[planted.seen].mean())
        assert row["cloud"] == pytest.approx(planted.cloud[planted.seen].mean(), abs=0.02)
        used = planted.seen & ~cloud if row["cloud"] >= 0.1 else planted.seen
        assert row["red_clear_mean_dn"] == pytest.approx(red[used].mean())
        assert row["red_clear_median_dn"] == np.median(red[used])
        assert row["red_clear_std_dn"] == pytest.approx(red[used].std())


def test_radiance_follows_by_gain_and_bias(delivery: Delivered, made: list[dict[str, Any]]) -> None:
    row, planted = made[4], delivery.scenes[2]
    assert row["blue_clear_mean_radiance"] == pytest.approx(row["blue_clear_mean_dn"] * planted.gain[0] + planted.bias[0])
    assert row["blue_clear_std_radiance"] == pytest.approx(row["blue_clear_std_dn"] * planted.gain[0])


def test_a_scene_with_little_cloud_uses_all_its_pixels(made: list[dict[str, Any]]) -> None:
    assert 0 < made[2]["cloud"] < 0.1
    assert made[2]["clear_pixels"] == made[2]["pixels"]
    assert made[4]["clear_pixels"] < made[4]["pixels"]


def test_pan_and_pansharpened_take_their_clouds_from_the_colours(delivery: Delivered, made: list[dict[str, Any]]) -> None:
    for planted, ms, pan in zip(delivery.scenes, made[::2], made[1::2], strict=True):
        assert pan["cloud"] == ms["cloud"] == ms["sharp_cloud"]
        assert pan["pixels"] == 16 * ms["pixels"]
        assert ms["sharp_green_clear_mean_dn"] == pytest.approx(ms["green_clear_mean_dn"], rel=0.06)
        assert pan["pan_clear_mean_radiance"] == pytest.approx(pan["pan_clear_mean_dn"] * planted.pan_gain + planted.pan_bias)


def test_any_windows_add_up_to_the_same(delivery: Delivered) -> None:
    raster = vhr.Numbers(vhr.read(delivery.scenes[2].ms))
    clouds = statistics.own_clouds(raster, CloudRule())
    whole = statistics.tally(raster, clouds)
    windows = list(lattice(raster.shape, 17))
    parts = statistics.tally(raster, clouds, windows=windows[::2]) + statistics.tally(raster, clouds, windows=windows[1::2])
    np.testing.assert_array_equal(parts.everything.counts, whole.everything.counts)
    np.testing.assert_array_equal(parts.clear.counts, whole.clear.counts)


@dataclass(frozen=True)
class Large:
    """A raster that would take 7 GB."""

    shape: tuple[int, int] = (30_000, 30_000)
    names: tuple[str, ...] = ("blue", "green", "red", "nir")

    @property
    def gain(self) -> NDArray[np.float64]:
        return np.full(4, 0.1)

    @property
    def bias(self) -> NDArray[np.float64]:
        return np.zeros(4)

    def read(self, window: Window) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        return np.full((4, *window.shape), 500, np.uint16), np.ones(window.shape, bool)


def test_memory_does_not_grow_with_the_scene() -> None:
    raster = Large()
    windows = list(lattice(raster.shape, statistics.BLOCK_PX))[:12]
    tracemalloc.start()
    statistics.tally(raster, statistics.own_clouds(raster, CloudRule()), windows=windows[:2])
    few = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    statistics.tally(raster, statistics.own_clouds(raster, CloudRule()), windows=windows)
    many = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert many < 1.1 * few < 200e6


def test_a_scene_that_is_all_cloud_is_told_and_stops_no_other(delivery: Delivered) -> None:
    added = scenestatistics.add(rows(delivery)[2:6], OPENER, rule=CloudRule(blue_above=-1), sharpen=None)
    assert len(added.failed) == 2
    assert all("all cloud" in why for _, why in added.failed)
    listed = rows(delivery)
    listed[0] = listed[0] | {"raster": "nowhere.tif"}
    added = scenestatistics.add(listed[:4], OPENER, sharpen=None)
    assert [path for path, _ in added.failed] == ["nowhere.tif"]
    assert "blue_clear_mean_dn" in added.rows[2] and "blue_clear_mean_dn" not in added.rows[0]


def test_a_raster_without_data_blue_or_radiance_is_refused(delivery: Delivered) -> None:
    product = vhr.read(delivery.scenes[0].ms)
    raster = vhr.Numbers(replace(product, nodata=None))
    nothing = statistics.tally(raster, statistics.own_clouds(raster, CloudRule()), windows=[])
    with pytest.raises(NothingClear, match="holds no data"):
        statistics.columns(nothing, raster, CloudRule())
    with pytest.raises(BadValues, match="clouds are found by blue"):
        statistics.own_clouds(vhr.Numbers(vhr.read(delivery.scenes[0].pan)), CloudRule())
    listed = [row | {"blue_unit": "reflectance"} for row in rows(delivery)[:1]]
    assert all(word in scenestatistics.add(listed, OPENER).failed[0][1] for word in ("holds reflectance", "go on without statistics"))
    with pytest.raises(BadRecipe, match="there are ratio, gsa, or no"):
        scenestatistics.method("magic")
