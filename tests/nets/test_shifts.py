import numpy as np
import pytest
import torch

from dione.base import optics
from dione.nets.parts import shifts
from dione.nets.parts.means import local_mean
from dione.nets.parts.resampling import Enlarge, Reduce
from dione.testing import landscape

ZOOM, SIDE = 4, 24


@pytest.fixture(scope="module")
def sharp():
    return landscape((SIDE, SIDE), seed=3)[:, : SIDE * ZOOM, : SIDE * ZOOM].astype(np.float32)


def seen_at(sharp, down, right):
    rows, columns = (optics.sampling(SIDE, SIDE * ZOOM, ZOOM, shift_px=by) for by in (down, right))
    return torch.from_numpy((rows @ sharp @ columns.T).astype(np.float32))


def without_mean(dates):
    mean, _ = local_mean(dates, torch.ones(len(dates), 1, SIDE, SIDE))
    return (dates - mean)[None]


@pytest.mark.parametrize(("down", "right"), [(0.3, -0.2), (-0.4, 0.1), (0.0, 0.0)])
def test_a_shift_is_found_to_a_few_hundredths(sharp, down, right):
    own = without_mean(torch.stack([seen_at(sharp, 0, 0), seen_at(sharp, down, right)]))
    found = shifts.measured(own, own[:, :1], torch.ones(1, 2, 1, SIDE, SIDE))[0, 1, :, 8:-8, 8:-8].mean((-2, -1))
    assert torch.allclose(found, torch.tensor([down, right]), atol=0.08)


def test_a_flat_scene_has_no_shift():
    flat = torch.zeros(1, 3, 4, 20, 20)
    assert not shifts.measured(flat, flat[:, :1], torch.ones(1, 3, 1, 20, 20)).any()


@pytest.mark.parametrize("by", [(0.2, -0.3), (-0.45, 0.45)])
def test_the_polynomial_foresees_what_a_shifted_sensor_sees(sharp, by):
    fine = torch.nn.functional.pixel_unshuffle(torch.from_numpy(sharp)[None], ZOOM)
    phi = shifts.basis(torch.tensor(by)[None, None, :, None, None])[0, 0, 1:]
    foreseen = (shifts.Expected(ZOOM)(fine)[0, :, 1:] * phi).sum(1)[:, 5:-5, 5:-5]
    true = (seen_at(sharp, *by) - seen_at(sharp, 0, 0))[:, 5:-5, 5:-5]
    assert float((foreseen - true).square().mean().sqrt()) < 0.1 * float(true.square().mean().sqrt())


def test_what_the_sensor_sees_comes_first(sharp):
    fine = torch.nn.functional.pixel_unshuffle(torch.from_numpy(sharp)[None], ZOOM)
    assert torch.allclose(shifts.Expected(ZOOM)(fine)[:, :, 0], Reduce(ZOOM)(fine), atol=1e-6)


@pytest.mark.parametrize("look", [Reduce(ZOOM), shifts.Expected(ZOOM)])
def test_of_an_interpolated_picture_it_can_be_told_without_interpolating(look):
    coarse = torch.rand(1, 4, 30, 26, generator=torch.Generator().manual_seed(0))
    there, told = look(Enlarge(ZOOM)(coarse)), look.enlarged(coarse)
    assert torch.allclose(there[..., 5:-5, 5:-5], told[..., 5:-5, 5:-5], atol=1e-6)


def test_a_date_explained_by_the_picture_leaves_no_residual(sharp):
    fine = torch.nn.functional.pixel_unshuffle(torch.from_numpy(sharp)[None], ZOOM)
    by = torch.tensor([0.2, 0.1])[None, None, :, None, None].expand(1, 2, 2, SIDE, SIDE)
    apart = torch.stack([seen_at(sharp, 0, 0) * 0, seen_at(sharp, 0.2, 0.1) - seen_at(sharp, 0, 0)])[None]
    left, _ = shifts.Dates(apart, by, torch.ones(1, 2, 1, SIDE, SIDE)).beyond(shifts.Expected(ZOOM)(fine))
    assert left[..., 5:-5, 5:-5].abs().mean() < 0.1 * apart[:, 1].abs().mean()


def test_another_seasons_contrast_becomes_the_targets():
    target = torch.randn(1, 1, 4, 30, 30, generator=torch.Generator().manual_seed(0))
    other = torch.randn(1, 1, 4, 30, 30, generator=torch.Generator().manual_seed(1))
    found = shifts.likeness(torch.cat([target, target * 2, -target, other], 1), target, torch.ones(1, 4, 1, 30, 30))[..., 10:20, 10:20].mean((0, 2, 3, 4))
    assert torch.allclose(found, torch.tensor([1, 0.5, -1, 0]), atol=0.05)


def test_places_share_a_sample_out():
    weight = shifts.places(torch.tensor([[0.0, 0.25], [0.5, -0.5]])[None, :, :, None, None])
    assert torch.allclose(weight.sum(2), torch.ones(1, 2, 1, 1))
    assert float(weight[0, 1, 6]) == 1.0  # down by a half, left by a half
