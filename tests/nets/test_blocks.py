"""Pieces that networks share."""

import pytest
import torch

from dione.nets.blocks import box_mean


@pytest.mark.parametrize("size", [1, 3, 5, 9, 15])
@pytest.mark.parametrize("shape", [(4, 7), (30, 21)])
def test_box_means_are_means_with_nothing_beyond_the_edges(size, shape):
    x = torch.randn(2, 3, *shape, generator=torch.Generator().manual_seed(0))
    plain = torch.nn.functional.avg_pool2d(x, size, stride=1, padding=size // 2)
    assert torch.allclose(box_mean(x, size), plain, atol=1e-6)
