import numpy as np
import pytest
import torch

from dione.measure.metrics import cpsnr
from dione.measure.shift import aligned, find, inside, shifted
from dione.testing import landscape


@pytest.fixture(scope="module")
def sharp():
    return torch.from_numpy(np.stack([landscape((14, 14), seed=seed) for seed in range(6)]))


def test_a_shift_by_whole_pixels_is_a_shift_of_the_array(sharp):
    moved = shifted(sharp, torch.tensor([[2.0, -1.0]]).expand(6, 2))
    assert torch.allclose(inside(moved, 3), sharp[..., 5:-1, 2:-4], atol=1e-5)


@pytest.mark.parametrize("by", [(0.0, 0.0), (0.4, -0.3), (2.0, -3.0), (-2.6, 1.7), (3.0, 3.0)])
def test_a_known_shift_is_found_whatever_the_brightness(sharp, by):
    truth = torch.tensor([by]).expand(6, 2)
    seen = shifted(sharp, truth) + torch.linspace(-0.05, 0.05, 4)[:, None, None]
    assert (find(seen, sharp, limit_px=3) - truth).abs().max() < 0.05


def test_each_patch_has_a_shift_of_its_own(sharp):
    truth = (torch.rand(6, 2, generator=torch.Generator().manual_seed(0)) - 0.5) * 4
    assert (find(shifted(sharp, truth), sharp, limit_px=2) - truth).abs().max() < 0.05


def test_no_shift_beyond_the_limit_is_found(sharp):
    seen = shifted(sharp, torch.tensor([[3.0, -3.0]]).expand(6, 2))
    assert find(seen, sharp, limit_px=1.5).abs().max() <= 1.5


def test_the_shift_found_is_never_worse_than_none(sharp):
    noise = 0.1 * torch.randn(sharp.shape, generator=torch.Generator().manual_seed(1))
    seen, moved, _ = aligned(sharp + noise, sharp, limit_px=2)
    here = ((seen - inside(sharp, 4)).var((-2, -1), correction=0)).mean(1)
    assert ((seen - moved).var((-2, -1), correction=0).mean(1) <= here + 1e-7).all()


def test_ground_without_any_feature_has_no_shift():
    flat = torch.full((2, 4, 32, 32), 0.1)
    assert (find(flat, flat, limit_px=2) == 0).all()
    assert (find(flat, flat, limit_px=2, seen=torch.zeros(2, 32, 32, dtype=torch.bool)) == 0).all()


def test_what_was_not_seen_has_no_say_in_the_shift(sharp):
    truth, hidden = torch.tensor([[1.3, -0.7]]).expand(6, 2), torch.zeros(6, 56, 56, dtype=torch.bool)
    hidden[:, 10:30, 20:50] = True
    for cloud in (0.7, 0.0, float("nan")):
        seen = torch.where(hidden[:, None], cloud, shifted(sharp, truth))
        assert (find(seen, sharp, limit_px=3, seen=~hidden) - truth).abs().max() < 0.05


def test_the_score_up_to_a_shift_is_that_of_a_reference_in_place(sharp):
    seen = shifted(sharp, torch.tensor([[1.3, -0.7]]).expand(6, 2))
    assert (cpsnr(*aligned(seen, sharp, limit_px=2)[:2], border=0) > cpsnr(seen, sharp) + 15).all()


def test_patches_too_small_for_the_search_are_told():
    with pytest.raises(ValueError, match="nothing to compare"):
        find(torch.zeros(1, 4, 16, 16), torch.zeros(1, 4, 16, 16), limit_px=5)
