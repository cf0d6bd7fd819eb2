import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dione.patches.simulated.scenes import blocks, windows


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


def test_ground_without_any_whole_window_gives_none():
    assert not list(windows(np.full((1, 4, 40, 40), np.nan, np.float32), 20, 2, np.random.default_rng(0)))
