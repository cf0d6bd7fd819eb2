"""Pieces that networks share."""

import pytest
import torch

from dione.nets.parts.blocks import relu_
from dione.nets.parts.means import box_mean, summed
from dione.nets.parts.rims import spare


@pytest.mark.parametrize("size", [1, 3, 5, 9, 15])
@pytest.mark.parametrize("shape", [(4, 7), (30, 21)])
def test_box_means_are_means_with_nothing_beyond_the_edges(size, shape):
    x = torch.randn(2, 3, *shape, generator=torch.Generator().manual_seed(0))
    plain = torch.nn.functional.avg_pool2d(x, size, stride=1, padding=size // 2)
    assert torch.allclose(box_mean(x, size), plain, atol=1e-6)


@torch.no_grad()
def test_signs_of_bfloat16_are_compared_as_whole_numbers_to_the_same_effect():
    x = torch.cat([torch.linspace(-3, 3, 1001), torch.tensor([0.0, -0.0, torch.inf, -torch.inf, 1e-40, -1e-40])]).to(torch.bfloat16)
    assert torch.equal(relu_(x.clone()).view(torch.int16), torch.relu(x).abs().view(torch.int16)) and relu_(x) is x


def test_a_few_more_columns_are_left_where_that_makes_them_even():
    assert spare((9, 9, 9, 9), 5, torch.zeros(60, 70)) == ((4, 4, 4, 2), (5, 5, 5, 7))
    assert spare((9, 9, 9, 6), 5, torch.zeros(60, 79)) == ((4, 4, 4, 0), (5, 5, 5, 6))  # no more than there are
    assert spare((9, 9, 0, 0), 5, torch.zeros(60, 70)) == ((4, 4, 0, 0), (5, 5, 0, 0))


def test_a_sum_of_many_maps_is_the_same_wherever_in_memory_a_pixel_lies():
    maps = torch.randn(1, 4, 8, 100, 130, generator=torch.Generator().manual_seed(0))
    part = maps[..., :63, :].contiguous()
    assert torch.equal(summed(part, 2), summed(maps, 2)[..., :63, :])
    assert torch.allclose(summed(maps, 2), maps.sum(2), atol=1e-5)
