"""Change: what changed is found, what did not is left alone at the rate that is promised, nothing untrusted is flagged."""

import numpy as np
import pytest

from dione.analysis.change import BINS, LESS, MORE, NODATA, SAME, ChangeRule, change, counts, differences, threshold
from dione.base.errors import BadRecipe, NotFound

DATES = ("2024-05-01", "2024-07-01")


def test_the_harvested_field_is_flagged_and_the_others_hardly(sharp):
    flag = change(sharp, *DATES)["flag"].values
    assert (flag[:40, :40] == LESS).mean() > 0.99
    others = flag[flag != NODATA][np.ones((80, 80), bool)[flag != NODATA]]
    false = ((flag == MORE) | (flag == LESS))[40:, :].sum() + ((flag == MORE) | (flag == LESS))[:40, 40:].sum()
    assert false / ((flag == MORE) | (flag == LESS)).sum() < 0.08 and (others == SAME).any()


def test_nothing_is_flagged_where_one_date_is_not_trusted(sharp):
    made = change(sharp, *DATES)
    assert (made["flag"].values[:5, 75:] == NODATA).all() and (made["flag"].values[70:, 70:] == NODATA).all()
    assert np.isnan(made["z"].values[:5, 75:]).all()


def test_where_nothing_changed_next_to_nothing_is_flagged(sharp):
    still = sharp.isel(time=[0, 0]).assign_coords(time=sharp["time"])
    rng = np.random.default_rng(2)
    still["reflectance"] = still["reflectance"] + 0.01 * rng.standard_normal(still["reflectance"].shape).astype(np.float32)
    flag = change(still, *DATES)["flag"].values
    assert ((flag == MORE) | (flag == LESS)).sum() <= 3


def test_the_threshold_is_benjamini_and_hochbergs():
    rng = np.random.default_rng(3)
    p = np.concatenate([rng.uniform(0, 1, 5000), rng.uniform(0, 1e-3, 500)])
    counted = np.bincount(np.minimum((p * BINS).astype(int), BINS - 1), minlength=BINS)
    ranked = np.sort(p)
    exact = ranked[np.flatnonzero(ranked <= 0.05 * np.arange(1, len(p) + 1) / len(p))[-1]]
    assert (p < threshold(counted, 0.05)).sum() == pytest.approx((p <= exact).sum(), abs=2)
    assert threshold(np.bincount([BINS - 1], minlength=BINS), 0.05) == 0


def test_parts_of_a_scene_add_up_to_the_whole(sharp):
    whole = counts(differences(sharp, *DATES, ChangeRule()))
    parts = sum(counts(differences(sharp.isel(y=slice(start, start + 20)), *DATES, ChangeRule())) for start in range(0, 80, 20))
    np.testing.assert_array_equal(whole, parts)


def test_what_cannot_be_is_told_all_at_once(sharp):
    with pytest.raises(BadRecipe, match=r"(?s)rate.*correlation.*sigma"):
        change(sharp.drop_vars("sigma"), *DATES, ChangeRule(rate=2, correlation=1))
    with pytest.raises(NotFound, match="2024-05-01, 2024-07-01"):
        change(sharp, "2019-01-01", "2024-07-01")
