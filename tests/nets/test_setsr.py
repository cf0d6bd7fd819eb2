import pytest
import torch

from dione.nets.setsr import SetSR, SetSRConfig
from dione.testing import landscape, series


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    made = SetSR(SetSRConfig(encoder_channels=16, channels=16, blocks=2)).eval()
    for last in made.detail:
        torch.nn.init.normal_(last.weight, std=0.05)  # an untrained network adds no detail: let it
    return made


@pytest.fixture(scope="module")
def dates():
    made = series(landscape((30, 26), seed=1), days=5, cloud=0.3, seed=2).stack
    return torch.from_numpy(made["reflectance"].values[::-1].copy())[None], torch.from_numpy(made["valid"].values[::-1].copy())[None]


@torch.inference_mode()
def outputs(net, lr, valid):
    sr, log_sigma = net(lr, valid)
    return torch.stack([sr, log_sigma])


def test_support_dates_may_come_in_any_order(net, dates):
    lr, valid = dates
    order = [0, 3, 1, 4, 2]
    assert torch.allclose(outputs(net, lr, valid), outputs(net, lr[:, order], valid[:, order]), atol=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, 60.0])
def test_the_value_of_an_invalid_pixel_changes_nothing(net, dates, value):
    lr, valid = dates
    other = torch.where(valid[:, :, None], lr, torch.tensor(value))
    assert torch.equal(outputs(net, lr, valid), outputs(net, other, valid))


def test_dates_without_a_valid_pixel_change_nothing(net, dates):
    lr, valid = dates
    more = torch.cat([lr, torch.rand(1, 3, *lr.shape[2:])], 1)
    unseen = torch.cat([valid, torch.zeros(1, 3, *valid.shape[2:], dtype=torch.bool)], 1)
    assert torch.allclose(outputs(net, lr, valid), outputs(net, more, unseen), atol=1e-5)


def test_nothing_beyond_the_margin_changes_a_pixel(net):
    side = 2 * net.margin + 5
    lr, valid = torch.rand(1, 3, 4, side, side) * 0.3, torch.rand(1, 3, side, side) > 0.2
    far, unseen = lr.clone(), valid.clone()
    far[..., :1, :], far[..., -1:, :] = 0.9, 0.9  # rows at distance margin + 1 of the rows compared
    inner = (..., slice(4 * (net.margin + 1), 4 * (net.margin + 4)), slice(4 * (net.margin + 1), 4 * (net.margin + 4)))
    assert torch.allclose(outputs(net, lr, valid)[inner], outputs(net, far, unseen)[inner], atol=1e-6)


def test_the_result_scales_with_the_scene_where_no_difference_is_held_back(net, dates):
    lr, valid = 0.05 + 0.005 * torch.rand_like(dates[0]), torch.ones_like(dates[1])
    assert torch.allclose(net(lr * 2, valid)[0], net(lr, valid)[0] * 2, atol=1e-4)


def test_an_unnoticed_cloud_counts_no_more_however_bright_it_is(net, dates):
    lr, valid = 0.05 + 0.005 * torch.rand_like(dates[0]), torch.ones_like(dates[1])
    where = torch.zeros_like(lr, dtype=torch.bool)
    where[:, 1:, :, 12:18, 12:18] = True
    grey, white = (outputs(net, torch.where(where, lr + by, lr), valid) for by in (0.5, 5.0))
    assert torch.allclose(grey, white, atol=1e-5)
    assert not torch.allclose(grey, outputs(net, lr, valid), atol=1e-3)


def test_one_date_is_enough(net, dates):
    lr, valid = dates
    assert outputs(net, lr[:, :1], valid[:, :1]).isfinite().all()


def test_it_averages_back_to_the_target(net):
    clear = series(landscape((30, 30), seed=4), days=3, seed=5).stack
    lr = torch.from_numpy(clear["reflectance"].values[::-1].copy())[None]
    with torch.inference_mode():
        sr, _ = net(lr, torch.ones(1, 3, 30, 30, dtype=torch.bool))
        plain = torch.nn.functional.pixel_shuffle(net.enlarge(lr[:, 0]), 4)
        apart = [(net.reduce(torch.nn.functional.pixel_unshuffle(x, 4)) - lr[:, 0]).abs().mean() for x in (sr, plain)]
    assert apart[0] < apart[1]


def test_sigma_is_finite_and_never_below_the_floor(net, dates):
    log_sigma = outputs(net, *dates)[1]
    assert log_sigma.isfinite().all() and (log_sigma.exp() >= 4.9e-4).all()


def test_half_the_precision_in_the_network_leaves_the_picture_exact(net, dates):
    lr, valid = dates
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = outputs(net, lr, valid)
    apart = (rough - outputs(net, lr, valid))[0].abs()
    assert rough.dtype == torch.float32 and float(apart.mean()) < 1e-3


@pytest.mark.parametrize("holes", [True, False])
@pytest.mark.parametrize("rim", [(35, 0, 60, 11), (1, 40, 40, 40), (0, 0, 0, 0)])
def test_a_rim_that_is_not_wanted_changes_nothing_inside(net, rim, holes):
    torch.manual_seed(0)
    lr, valid = torch.rand(1, 3, 4, 90, 110) * 0.3, torch.rand(1, 3, 90, 110) > 0.1
    valid[:, 0] |= not holes  # without any, less around the result is encoded
    top, bottom, left, right = (4 * side for side in rim)
    with torch.inference_mode():
        whole, part = net(lr, valid), net(lr, valid, rim)
    for one, other in zip(whole, part, strict=True):
        inside = one[..., top : one.shape[-2] - bottom, left : one.shape[-1] - right]
        assert other.shape == inside.shape
        assert (inside - other).abs().max() < 1e-5


def test_heads_that_do_not_share_out_the_features_of_a_date_are_refused_unless_nothing_attends():
    with pytest.raises(ValueError, match="encoder_channels is 30, needs a multiple of the 4 heads"):
        SetSRConfig(encoder_channels=30)
    made = SetSR(SetSRConfig(encoder_channels=10, channels=8, blocks=1, fusion="mean"))
    assert made(torch.rand(1, 2, 4, 8, 8), torch.ones(1, 2, 8, 8, dtype=torch.bool))[0].shape == (1, 4, 32, 32)
