import pytest
import torch
from torch import nn

from dione.nets.setsr import SetSR
from dione.training.optimizers import optimizer, orthogonal


@pytest.mark.parametrize("shape", [(16, 144), (64, 20), (32, 32)])
def test_orthogonal_keeps_singular_vectors_and_levels_their_values(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    inside = u.T @ orthogonal(matrix) @ v.T
    values = inside.diagonal()
    assert ((values > 0.5) & (values < 1.3)).all()
    assert (inside - torch.diag(values)).abs().max() < 1e-3


@pytest.mark.parametrize("kind", ["adam", "muon"])
def test_both_find_the_least_of_a_bowl(kind):
    torch.manual_seed(0)
    net, wanted = nn.Conv2d(16, 16, 3, bias=True), torch.randn(16, 16, 3, 3)
    steps = optimizer(net, kind, 0.02)
    first = None
    for _ in range(300):
        loss = (net.weight - wanted).square().mean() + (net.bias - 1).square().mean()
        first = first or float(loss.detach())
        net.zero_grad()
        loss.backward()
        steps.step()
    assert float(loss.detach()) < 0.02 * first


def test_outer_layers_and_small_ones_take_adams_step():
    net = SetSR()
    groups = {group["orthogonal"]: {id(p) for p in group["params"]} for group in optimizer(net, "muon", 1e-3).param_groups}
    named = dict(net.named_parameters())
    assert id(named["trunk.0.0.first.weight"]) in groups[True]
    assert all(id(p) in groups[False] for name, p in named.items() if name.startswith(net.outer))
    assert len(groups[True]) + len(groups[False]) == len(named)


def test_a_step_is_about_the_size_of_adams():
    torch.manual_seed(0)
    net = nn.Conv2d(64, 64, 3, bias=False)
    before = net.weight.detach().clone()
    steps = optimizer(net, "muon", 1e-2)
    net(torch.randn(2, 64, 8, 8)).square().mean().backward()
    steps.step()
    assert 0.1 < float((net.weight.detach() - before).square().mean().sqrt() / 1e-2) < 0.3
