from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import ColorInterp

from dione import testing
from dione.base.bands import BANDS
from dione.base.errors import BadRecipe
from dione.base.grid import finer
from dione.patches.simulated import scenes, tone
from dione.patches.simulated.build import SimulateConfig, patches
from dione.patches.simulated.scenes import SceneSet, blocks, image, windows
from dione.patches.split import SplitRule
from dione.recipe import read
from dione.testing import rasters

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


@given(st.integers(20, 300), st.integers(20, 300), st.integers(30, 90), st.integers(0, 9))
def test_blocks_never_touch_and_stay_a_gap_apart(height, width, side, gap):
    ground = np.arange(height * width, dtype=np.float32).reshape(1, 1, height, width)
    spans = []
    for _, block in blocks(ground, side, gap):
        first, last = block[0, 0, 0, 0], block[0, 0, -1, -1]
        spans.append((first // width, first % width, last // width, last % width))
    for i, one in enumerate(spans):
        for other in spans[i + 1 :]:
            apart = max(other[0] - one[2], one[0] - other[2], other[1] - one[3], one[1] - other[3])
            assert apart > gap


def test_years_with_a_gap_in_a_window_are_left_out_of_it():
    ground = np.ones((3, 4, 40, 40), np.float32)
    ground[1] = np.nan
    found = list(windows(ground, 20, 2, np.random.default_rng(0)))
    assert len(found) == 8
    assert all(cut.shape == (2, 4, 20, 20) and years.tolist() == [0, 2] for cut, years in found)


@pytest.mark.parametrize("how", ["inside", "beside", "alpha", "near infrared that is called alpha"])
def test_where_the_mask_of_a_scene_says_nothing_is_no_data(how: str, tmp_path: Path):
    values, seen = np.full((5, 4, 6), 200, np.uint8), np.full((4, 6), 255, np.uint8)
    seen[:, :2] = 0
    values[4] = seen
    path = rasters.write(tmp_path / "a.tif", values[: 5 if how == "alpha" else 4], testing.grid_at((4, 6), pixel=2))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=how == "inside"), rasterio.open(path, "r+") as file:
        file.descriptions = ("blue", "green", "red", "nir", "opacity")[: file.count]
        if "alpha" in how:
            file.colorinterp = [*file.colorinterp[: file.count - 1], ColorInterp.alpha]
        else:
            file.write_mask(seen)
    made = image(str(path), SceneSet(path="a.tif", sensor="x", coarse_m=8)).pixels
    assert (np.isfinite(made).all(0) == ((seen > 0) | (how == "near infrared that is called alpha"))).all()


def test_ground_without_any_whole_window_gives_none():
    assert not list(windows(np.full((1, 4, 40, 40), np.nan, np.float32), 20, 2, np.random.default_rng(0)))


@pytest.mark.parametrize("recipe", ["simulate", "simulate-plain", "simulate-elsewhere"])
def test_every_scene_that_the_shipped_recipes_name_is_taken(shared_data, recipe):
    config = read(RECIPES / f"{recipe}.toml", SimulateConfig)
    assert tone.palette(config.tones, shared_data) if config.tones else True
    for kind in config.scenes:
        found = scenes.places(kind, shared_data)
        assert all(scenes.ground(place, config.degradation.zoom)[1] > 0 for place in found[:: max(len(found) // 40, 1)])


def test_ground_that_two_tables_show_at_two_scales_is_cut_into_the_same_squares(tmp_path: Path):
    numbers = (1e4 * testing.landscape((150, 150), seed=1)).astype("uint16")
    rasters.write(tmp_path / "scene.tif", numbers, finer(testing.grid_at((150, 150)), 4), bands=BANDS)
    tables = tuple(SceneSet(path="scene.tif", sensor="made up", coarse_m=side, draws=1) for side in (10, 20))
    config = SimulateConfig(scenes=tables, split=SplitRule(validation=0.5))
    facts = [patch.facts for patch in patches(config, tmp_path, workers=1)]
    squares, coarser = ({(one["place"], one["split"]) for one in facts if one["coarse_m"] == side} for side in (10, 20))
    assert squares == coarser and len(squares) == 4


def test_scenes_that_are_of_another_site_in_another_table_are_refused(tmp_path: Path):
    rasters.write(tmp_path / "wales.tif", np.ones((4, 64, 64), np.uint16), testing.grid_at((64, 64), pixel=2), bands=BANDS)
    tables = tuple(SceneSet(path="wales.tif", sensor="made up", coarse_m=8, site=site) for site in ("folder", "place"))
    with pytest.raises(BadRecipe, match=rf"several sites.*\n  - wales.tif: {tmp_path.name} and wales\n"):
        list(patches(SimulateConfig(scenes=tables, split=SplitRule(test=("wales",))), tmp_path, workers=1))
