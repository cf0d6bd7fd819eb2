"""Boundaries: the fields that are there are found, and nothing parts what nobody is sure of."""

import numpy as np
import pytest
import shapely
from odc.geo.geobox import GeoBox
from scipy import ndimage
from scipy.ndimage import gaussian_filter

import dione
from dione.analysis.boundaries import SCHARR, BoundaryRule, boundaries, edges, fields, tiled
from dione.analysis.trust import Trust
from dione.base import stack as stacks
from dione.base.errors import BadGrid, NothingClear
from dione.testing import grid_at, landscape, series
from tests.analysis.test_zonal import QUARTERS


def test_the_fields_that_are_there_are_found(sharp):
    found = boundaries(sharp.isel(time=[0]), BoundaryRule(least=4, core_m=0))
    for quarter in QUARTERS[:3]:
        best = max(shapely.intersection(one, quarter).area / shapely.union(one, quarter).area for one in found.geometries)
        assert best > 0.85
    assert len(found) <= 8 and (found.columns["area_m2"] > 0).all()


def test_an_edge_that_nobody_is_sure_of_parts_no_field(sharp):
    unsure = sharp.isel(time=[0]).assign(sigma=sharp["sigma"].isel(time=[0]) * 0 + 0.3)
    smooth = unsure.assign(reflectance=unsure["reflectance"].copy(data=gaussian_filter(unsure["reflectance"].values, (0, 0, 3, 3))))
    assert len(boundaries(smooth, BoundaryRule(trust=Trust(max_sigma=1.0)))) == 1


def test_boundaries_need_a_place_and_something_seen(sharp):
    with pytest.raises(NothingClear):
        boundaries(sharp.assign(valid=sharp["valid"] & False))
    nowhere = stacks.make(sharp["reflectance"].values, sharp["valid"].values, list(sharp["time"].values), _bare(sharp))
    with pytest.raises(BadGrid):
        boundaries(nowhere)


def _bare(sharp):
    grid = stacks.grid_of(sharp)
    return GeoBox(grid.shape, grid.affine, None)


def test_ground_without_any_edge_is_one_field(sharp):
    smooth = sharp.isel(time=[0], y=slice(8, 32), x=slice(8, 32))
    found = boundaries(smooth.assign(reflectance=smooth["reflectance"] * 0 + 0.2), BoundaryRule())
    assert len(found) == 1 and found.columns["edge"][0] == 0 and found.columns["area_m2"][0] == pytest.approx(60 * 60)


def test_fields_on_a_map_whose_metres_are_not_the_grounds_tell_the_grounds_area(sharp):
    at_60 = stacks.make(
        np.full((1, 4, 24, 24), 0.2, "float32"), np.ones((1, 24, 24), bool), ["2024-05-01"], grid_at((24, 24), crs="EPSG:3857", left=1e6, top=8.4e6, pixel=5)
    )
    assert boundaries(at_60, BoundaryRule()).columns["area_m2"][0] == pytest.approx(60 * 60, rel=0.01)


@pytest.fixture(scope="module")
def farmland():
    """Made-up fields and what was made of two dates of them; the truth's own outlines."""
    made = series(landscape((48, 48), seed=6), days=3, seed=6)
    greenness = ((made.truth[:, 3] - made.truth[:, 2]) / (made.truth[:, 3] + made.truth[:, 2])).mean(0)
    steep = np.hypot(*(ndimage.convolve(greenness, kernel, mode="nearest") for kernel in (SCHARR, SCHARR.T)))
    outlines = rims(fields(steep.astype(np.float32), np.ones(steep.shape, bool), least=0.02, least_px=20))
    return dione.predict(made.stack, target="all"), outlines


def rims(labels):
    return ndimage.maximum_filter(labels, 3) != ndimage.minimum_filter(labels, 3)


def test_most_outlines_of_fields_are_found_again_by_default(farmland):
    sharp, outlines = farmland
    rule, near = BoundaryRule(), np.ones((5, 5), bool)
    found = edges(sharp, rule)
    drawn = rims(fields(found.strength, found.seen, least=rule.least, least_px=rule.least_m2 / 6.25, core_px=rule.core_m / 2.5))
    right, met = (drawn & ndimage.binary_dilation(outlines, near)).sum(), (outlines & ndimage.binary_dilation(drawn, near)).sum()
    assert (right + met) / (drawn.sum() + outlines.sum()) > 0.85


def test_edges_in_windows_are_those_of_the_whole(farmland):
    sharp, _ = farmland
    sharp = sharp.assign(valid=sharp["valid"].copy(data=np.random.default_rng(1).random(sharp["valid"].shape) > 0.1))
    whole, pieces = edges(sharp, BoundaryRule()), edges(sharp, BoundaryRule(), block=50)
    for name in ("strength", "mean", "seen"):
        apart = getattr(whole, name) != getattr(pieces, name)
        assert apart.mean() < 0.002, name  # of two trusted pixels that are as near, another may be taken


def test_tiles_give_the_fields_of_the_whole_each_once(farmland):
    sharp, _ = farmland
    rule = BoundaryRule()
    (whole,), parts = tiled(sharp, rule), list(tiled(sharp, rule, tile=70, overlap=60))
    geometries = [one for part in parts for one in part.geometries]
    assert len(parts) == 9 and sum(one.area for one in geometries) == pytest.approx(sum(one.area for one in whole.geometries), rel=0.03)
    assert shapely.union_all(geometries).area == pytest.approx(sum(one.area for one in geometries), rel=0.03), "some ground is in two fields"
    best = [max(shapely.intersection(one, other).area / shapely.union(one, other).area for other in geometries) for one in whole.geometries]
    assert np.median(best) > 0.95
    assert len(set(boundaries(sharp).columns["id"])) == len(whole)


def test_a_gap_in_an_edge_joins_no_two_fields():
    strength = np.zeros((40, 80), np.float32)
    strength[:, 39:41] = 5
    strength[18:21, 39:41] = 0
    seen = np.ones(strength.shape, bool)
    assert fields(strength, seen, least=1, least_px=20).max() == 1
    labels = fields(strength, seen, least=1, least_px=20, core_px=4)
    assert labels.max() == 2 and labels[20, 5] != labels[20, 75]
