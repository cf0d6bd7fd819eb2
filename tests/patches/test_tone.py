import numpy as np
import pytest

from dione.base.errors import NotFound
from dione.patches.simulated import tone
from dione.patches.simulated.scenes import SceneSet
from dione.testing import landscape

DISPLAY = SceneSet(path="*.tif", sensor="air", coarse_m=10, reflectance=(0.001, 0.001, 0.001, 0.002), white=255)
REAL = SceneSet(path="*.tif", sensor="s2", coarse_m=40)
DARK = tone.Palette(np.full((1, 4), np.log(0.03), np.float32), np.full((1, 4), 0.05, np.float32))


@pytest.fixture(scope="module")
def cut():
    return np.clip(landscape((32, 32), seed=1), 0.01, 0.25)[None]  # one year, 128 × 128 px


def test_reflectance_keeps_its_contrasts(cut):
    toned = tone.draw(cut, REAL, 4, DARK, np.random.default_rng(0))
    assert np.ptp(toned / cut, axis=(2, 3)).max() < 1e-5


def test_display_imagery_takes_the_brightness_of_real_land_half_of_the_time(cut):
    means = np.array([tone.draw(cut, DISPLAY, 8, DARK, np.random.default_rng(seed)).mean() for seed in range(200)])
    like = np.abs(np.log(means / 0.03)) < 0.1
    assert 0.35 < like.mean() < 0.65


def test_all_years_are_toned_alike(cut):
    both = np.concatenate([cut, cut * 1.1])
    for seed in range(6):
        toned = tone.draw(both, DISPLAY, 8, DARK, np.random.default_rng(seed))
        assert (toned[1] >= toned[0]).all()


def test_a_palette_needs_scenes(tmp_path):
    with pytest.raises(NotFound, match="nothing"):
        tone.palette(["*.tif"], tmp_path)
