import pytest
import torch

from dione.base.errors import BadModel
from dione.nets.highresnet import in_order, median
from dione.nets.zoo import make

SMALL = {"channels": 6, "encoder_blocks": 1}


def answer(lr, valid=None, **config):
    torch.manual_seed(0)
    seen = torch.ones(*lr.shape[:2], *lr.shape[-2:], dtype=torch.bool) if valid is None else valid
    with torch.inference_mode():
        return make("highresnet", SMALL | config).eval()(lr, seen)[0]


def test_a_date_that_shows_nothing_has_no_place_among_the_others():
    lr, valid = torch.rand(2, 6, 4, 7, 8), torch.ones(2, 6, 7, 8, dtype=torch.bool)
    valid[0, [1, 4]], valid[1, [0, 5]] = False, False
    alone = torch.cat([answer(lr[:1, [0, 2, 3, 5]]), answer(lr[1:, 1:5])])
    assert torch.allclose(answer(lr, valid), alone, atol=1e-6)


def test_what_was_not_seen_is_taken_as_the_reference_says():
    lr, valid = torch.rand(1, 3, 4, 6, 6), torch.ones(1, 3, 6, 6, dtype=torch.bool)
    valid[0, 1, 2:4] = False
    filled = torch.where(valid[:, :, None], lr, median(lr, valid)[:, None])
    assert torch.allclose(answer(lr, valid, residual=False), answer(filled, residual=False), atol=1e-5)


def test_oldest_first_is_the_same_dates_the_other_way_round():
    lr = torch.rand(1, 4, 4, 6, 6)
    assert torch.allclose(answer(lr, order="oldest first"), answer(lr.flip(1)), atol=1e-6) and not torch.allclose(answer(lr), answer(lr.flip(1)), atol=1e-4)


def test_dates_beyond_the_slots_are_left_out_and_empty_slots_count_for_nothing():
    lr = torch.rand(1, 6, 4, 6, 6)
    assert torch.allclose(answer(lr, slots=4), answer(lr[:, :4]), atol=1e-6)
    assert torch.allclose(answer(lr[:, :3], slots=8), answer(lr[:, :3]), atol=1e-6)


def test_no_date_is_dropped_for_being_odd_unless_the_fault_is_asked_for():
    lr = torch.rand(1, 3, 4, 6, 6)
    other = torch.cat([lr[:, :2], lr[:, 2:] + 0.5 * lr[:, :1]], 1)
    kept = [torch.equal(*(answer(each, residual=False, drops_odd=fault, reference="lower median") for each in (lr, lr))) for fault in (False, True)]
    assert kept == [True, True]
    reference = torch.full_like(lr[:, :1], 0.5)
    same = torch.cat([reference, reference, lr[:, 2:]], 1), torch.cat([reference, reference, other[:, 2:]], 1)  # one median
    assert not torch.equal(answer(same[0]), answer(same[1])) and torch.equal(answer(same[0], drops_odd=True), answer(same[1], drops_odd=True))


def test_reflectance_scaled_with_the_spread_scales_the_result():
    lr = torch.rand(1, 3, 4, 6, 6)
    centre, spread = torch.tensor([0.1, 0.2, 0.3, 0.4])[:, None, None], torch.tensor([0.5, 0.6, 0.7, 0.8])[:, None, None]
    for residual in (True, False):
        made = answer(lr * spread + centre, residual=residual, centre=(0.1, 0.2, 0.3, 0.4), spread=(0.5, 0.6, 0.7, 0.8))
        assert torch.allclose(made, answer(lr, residual=residual) * spread + centre, atol=1e-5)


def test_a_spread_of_nothing_or_for_other_bands_is_refused():
    with pytest.raises(BadModel, match="spread"):
        make("highresnet", {"spread": (0.0,)})
    with pytest.raises(BadModel, match="centre need one number, or one for each of 4 bands"):
        make("highresnet", {"centre": (0.1, 0.2)})


def test_medians_of_an_even_number_are_the_mean_of_two_or_the_lower():
    x = torch.tensor([0.4, 0.1, 0.2, 0.9])[None, :, None, None, None]
    seen = torch.ones(1, 4, 1, 1, dtype=torch.bool)
    assert float(median(x, seen)) == pytest.approx(0.3) and float(median(x, seen, lower=True)) == pytest.approx(0.2)
    assert float(median(x, ~seen)) == 0


def test_order_is_kept_but_for_those_that_show_nothing():
    lr = torch.arange(5.0)[None, :, None, None, None].expand(1, 5, 1, 2, 2)
    valid = torch.ones(1, 5, 2, 2, dtype=torch.bool)
    valid[0, [0, 3]] = False
    assert in_order(lr, valid, oldest_first=False)[0][0, :, 0, 0, 0].tolist() == [1, 2, 4, 0, 3]
    assert in_order(lr, valid, oldest_first=True)[0][0, :, 0, 0, 0].tolist() == [4, 2, 1, 3, 0]


@pytest.mark.parametrize(("zoom", "kernel"), [(4, 5), (2, 3), (4, -1), (4, 0)])
def test_a_deconvolution_that_would_give_an_image_of_another_size_is_refused(zoom, kernel):
    with pytest.raises(BadModel, match="deconvolution_kernel"):
        make("highresnet", SMALL | {"decoder": "deconvolution", "zoom": zoom, "deconvolution_kernel": kernel})
    made = answer(torch.rand(1, 2, 4, 6, 6), decoder="deconvolution", zoom=zoom, deconvolution_kernel=zoom - 1)
    assert made.shape == (1, 4, 6 * zoom, 6 * zoom)
