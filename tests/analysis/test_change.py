"""Change: what changed is found, what did not is left alone at the rate that is promised, nothing untrusted is flagged."""

import numpy as np
import pytest
import xarray as xr
from scipy.special import erfc

from dione.analysis.change import LESS, MORE, NODATA, SAME, ChangeRule, change, counts, differences, flagged, threshold
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


def exact(z, rate=0.05):
    """Which are flagged by Benjamini and Hochberg, from the sorted p themselves."""
    p = erfc(np.abs(z.astype(np.float64)) / np.sqrt(2))
    passes = np.flatnonzero(np.sort(p) <= rate * np.arange(1, p.size + 1) / p.size)
    return p <= np.sort(p)[passes[-1]] if passes.size else np.zeros(p.shape, bool)


def of(z):
    return xr.Dataset({"z": (("y", "x"), np.atleast_2d(z).astype(np.float32))})


@pytest.mark.parametrize(("size", "changed"), [(1, 0), (100, 3), (5_500, 500), (200**2, 16), (1_000_000, 1), (1_000_000, 40), (1_000_000, 300_000)])
@pytest.mark.parametrize("strength", [3.0, 5.0, 20.0])
def test_the_flags_are_benjamini_and_hochbergs_in_scenes_of_any_size(size, changed, strength):
    z = np.random.default_rng(3).standard_normal(size).astype(np.float32)
    z[:changed] += strength
    found = flagged(of(z), threshold(counts(of(z)), 0.05))["flag"].values.ravel() != SAME
    wanted = exact(z)
    assert not (found & ~wanted).any()  # never more than the rate allows
    assert (wanted & ~found).sum() <= 2 + 1e-3 * wanted.sum()


def test_a_small_but_certain_change_is_flagged_in_a_large_scene():
    z = np.random.default_rng(1).standard_normal((320, 320)) * 0.3
    z[100:104, 100:104] = -19
    made = of(z)
    flag = flagged(made, threshold(counts(made), 0.05))["flag"].values
    assert (flag[100:104, 100:104] == LESS).all() and (flag == SAME).sum() == flag.size - 16


def test_the_earlier_date_comes_first_and_no_date_twice(sharp):
    with pytest.raises(BadRecipe, match="name the earlier date first: 2024-05-01 2024-07-01"):
        change(sharp, *DATES[::-1])
    with pytest.raises(BadRecipe, match="from a date to itself"):
        change(sharp, DATES[0], DATES[0])


def test_of_two_passes_on_a_day_each_has_a_name_of_its_own(sharp):
    twice = sharp.assign_coords(time=np.array(["2024-05-01T10:50:31", "2024-05-01T12:30:31"], "datetime64[ns]"))
    with pytest.raises(NotFound, match="seen 2 times; name one of 2024-05-01T105031, 2024-05-01T123031"):
        change(twice, "2024-05-01", "2024-05-01T123031")
    made = change(twice, "2024-05-01T105031", "2024-05-01T12:30:31")
    np.testing.assert_array_equal(made["flag"], change(sharp, *DATES)["flag"])
    assert made.attrs == {"before": "2024-05-01T105031", "after": "2024-05-01T123031"}


def test_parts_of_a_scene_add_up_to_the_whole(sharp):
    whole = counts(differences(sharp, *DATES, ChangeRule()))
    parts = sum(counts(differences(sharp.isel(y=slice(start, start + 20)), *DATES, ChangeRule())) for start in range(0, 80, 20))
    np.testing.assert_array_equal(whole, parts)


def test_what_cannot_be_is_told_all_at_once(sharp):
    with pytest.raises(BadRecipe, match=r"(?s)rate.*correlation.*sigma"):
        change(sharp.drop_vars("sigma"), *DATES, ChangeRule(rate=2, correlation=1))
    with pytest.raises(NotFound, match="2024-05-01, 2024-07-01"):
        change(sharp, "2019-01-01", "2024-07-01")
