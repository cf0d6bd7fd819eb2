"""Pieces that networks share."""

import pytest
import torch

from dione.nets.blocks import box_mean, summed


@pytest.mark.parametrize("size", [1, 3, 5, 9, 15])
@pytest.mark.parametrize("shape", [(4, 7), (30, 21)])
def test_box_means_are_means_with_nothing_beyond_the_edges(size, shape):
    x = torch.randn(2, 3, *shape, generator=torch.Generator().manual_seed(0))
    plain = torch.nn.functional.avg_pool2d(x, size, stride=1, padding=size // 2)
    assert torch.allclose(box_mean(x, size), plain, atol=1e-6)


def test_a_sum_of_many_maps_is_the_same_wherever_in_memory_a_pixel_lies():
    maps = torch.randn(1, 4, 8, 100, 130, generator=torch.Generator().manual_seed(0))
    part = maps[..., :63, :].contiguous()
    assert torch.equal(summed(part, 2), summed(maps, 2)[..., :63, :])
    assert torch.allclose(summed(maps, 2), maps.sum(2), atol=1e-5)
