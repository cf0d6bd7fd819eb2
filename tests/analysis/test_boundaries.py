"""Boundaries: the fields that are there are found, and nothing parts what nobody is sure of."""

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Geod, Transformer
from scipy import ndimage
from scipy.ndimage import gaussian_filter

import dione
from dione.analysis.boundaries import SCHARR, BoundaryRule, boundaries, edges, fields, tiled
from dione.analysis.trust import Trust
from dione.base import stack as stacks
from dione.base.errors import BadGrid, NothingClear
from dione.testing import landscape, series
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


def test_where_no_field_is_found_it_is_told_with_what_to_change(sharp, caplog):
    found = boundaries(sharp.isel(y=slice(8, 16), x=slice(8, 16)))
    assert len(found) == 0 and "no field is found" in caplog.text and "further than 12.5 m from any edge" in caplog.text and "least_m2" in caplog.text
    caplog.clear()
    assert len(boundaries(sharp, BoundaryRule(least=4, core_m=0))) and not caplog.records


@pytest.mark.parametrize(("crs", "across", "along"), [("EPSG:3857", 5, 5), ("EPSG:4326", 4.5e-5, 2.2e-5), ("EPSG:32631", 2.5, 2.5)])
def test_an_area_is_that_of_the_ground(sharp, crs, across, along):
    turn = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    (left, top), smooth = turn.transform(3.6, 60), sharp.isel(time=[0], y=slice(8, 32), x=slice(8, 32))
    placed = stacks.make(
        smooth["reflectance"].values * 0 + 0.2, smooth["valid"].values, ["2024-05-01"], GeoBox((24, 24), Affine(across, 0, left, 0, -along, top), crs)
    )
    found = boundaries(placed, BoundaryRule(core_m=0))
    geodesic = shapely.transform(found.geometries[0], lambda points: np.column_stack(turn.transform(*points.T, direction="INVERSE")))
    assert found.columns["area_m2"] == pytest.approx([abs(Geod(ellps="WGS84").geometry_area_perimeter(geodesic)[0])], rel=0.005)


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
