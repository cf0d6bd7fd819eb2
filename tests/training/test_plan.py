import pytest
import torch
from torch import nn

from dione.training.plan import flops_per_pixel, plan


class OneConvolution(nn.Module):
    """3×3 from every date's bands to 2 channels."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 2, 3, padding=1, bias=False)

    def forward(self, lr, valid):
        return self.conv(lr.flatten(0, 1))


def test_operations_are_counted_per_coarse_pixel_two_for_a_multiplication_and_an_addition():
    assert flops_per_pixel(OneConvolution(), dates=8) == 2 * 8 * 4 * 2 * 9


def test_more_dates_take_more_operations(recipe):
    from dione.nets.zoo import make

    net = make("setsr", recipe().net.config)
    assert flops_per_pixel(net, dates=8) > flops_per_pixel(net, dates=2) > flops_per_pixel(net, dates=1)


def test_a_plan_tells_sizes_and_costs_and_writes_nothing(recipe, tmp_path):
    made = plan(recipe())
    assert made.patches == {"train": 8, "validation": 10} and made.lr == (3, 4, 14, 14) and made.hr == (4, 56, 56)
    assert made.hours > 0 and made.samples_per_s > 0 and 0.05 < made.memory_gb < 20 and made.parameters > 1000
    assert all(word in str(made) for word in ("MFLOP per 10 m pixel", "GB", "8 train", "3×4×14×14"))
    assert not recipe().folder.exists()


def test_more_steps_take_more_hours(recipe):
    few, many = plan(recipe("train.steps=10")).hours, plan(recipe("train.steps=1000")).hours
    assert many == pytest.approx(100 * few, rel=0.7)


def test_a_plan_leaves_the_randomness_of_others_alone(recipe):
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    plan(recipe())
    assert torch.equal(torch.rand(1), wanted)
