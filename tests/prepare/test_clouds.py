"""What counts as seen clear."""

import numpy as np
import pytest

from dione import testing
from dione.base import stack as stacks
from dione.base.errors import BadGrid
from dione.prepare.clouds import SCL, masked, valid_from_clm, valid_from_scl


def test_the_scene_classification_is_clear_where_the_ground_is_seen() -> None:
    clear = {code for code in SCL if valid_from_scl(np.array([code]))[0]}
    assert clear == {2, 4, 5, 6, 7, 11}
    assert not valid_from_scl(np.array([12, 255])).any()


def test_a_cloud_mask_is_clear_at_zero() -> None:
    np.testing.assert_array_equal(valid_from_clm(np.array([0, 1, 255])), [True, False, False])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.2, 1.7])
def test_values_that_no_ground_has_are_invalid_and_finite(value: float) -> None:
    stack = testing.series(testing.landscape((5, 6)), days=2).stack
    stack["reflectance"][1, 2, 3, 4] = value
    out = masked(stack)
    assert not out["valid"][1, 3, 4] and int(out["valid"].sum()) == 59
    assert np.isfinite(out["reflectance"]).all()
    stacks.check(masked(stack.chunk()))


def test_masks_are_laid_over_what_was_valid() -> None:
    stack = testing.series(testing.landscape((5, 6)), days=2, cloud=0.3).stack
    scl, clm = np.full((2, 5, 6), 4), np.zeros((2, 5, 6))
    scl[:, 0], clm[:, 1] = 9, 1
    out = masked(stack, scl=scl, clm=clm)
    expected = stack["valid"].values.copy()
    expected[:, :2] = False
    np.testing.assert_array_equal(out["valid"], expected)
    with pytest.raises(BadGrid, match="SCL"):
        masked(stack, scl=scl[:, :3])
