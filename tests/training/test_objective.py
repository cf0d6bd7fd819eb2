import json
from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from dione.base.errors import BadModel, BadRecipe
from dione.measure.lanczos import lanczos
from dione.measure.losses import loss
from dione.nets.older import shiftnet
from dione.nets.resolver import load
from dione.nets.zoo import make
from dione.patches import store
from dione.patches.dataset import Batch
from dione.training import devices
from dione.training.config import TrainConfig
from dione.training.lossconfig import Perceptual, Registration, TrainLoss
from dione.training.objective import Objective, mean_tie
from dione.training.part import open_parts
from dione.training.run import train

PUBLISHED = [
    "net.kind=highresnet",
    "net.config={channels=4, encoder_blocks=1, residual=false, centre=[0.05, 0.05, 0.03, 0.1], spread=[0.2, 0.2, 0.3, 0.5]}",
    "train.loss={charbonnier=0, gradient=0, likelihood=0, mse=1, dissimilarity=0.1, unit='network', bias=true, mean_tie=10}",
    "train.loss.registration={side_px=40, filters=4, hidden=16}",
    "train.optimizer=adam",
    "train.augment.order=kept",
]


@pytest.fixture
def batch(patches):
    return open_parts(store.read(patches))["train"].patches.batch(torch.arange(4))


def objective(net=None, **settings):
    config = TrainConfig(loss=TrainLoss(**settings))
    return Objective.begin(config, net or make("highresnet", {"channels": 4, "encoder_blocks": 1}), devices.fabric("32-true"))


def test_without_helpers_it_is_the_loss_and_nothing_else(batch):
    sr, sigma = batch.hr + 0.01 * torch.rand_like(batch.hr), torch.zeros_like(batch.hr)
    plain, made = loss(sr, sigma, batch.hr), objective().terms(sr, sigma, batch)
    assert torch.equal(made.total, plain.total) and set(made.parts) == set(plain.parts) and objective().kept() == {}


def test_the_tie_is_the_sum_over_bands_of_the_means_apart():
    target = torch.rand(2, 4, 3, 3)
    sr = target.repeat_interleave(4, -1).repeat_interleave(4, -2) + torch.tensor([0.1, -0.2, 0.0, 0.3])[:, None, None]
    seen = torch.ones(2, 3, 3, dtype=torch.bool)
    assert float(mean_tie(sr, target, seen)) == pytest.approx(0.6, rel=1e-4)
    seen[:, 0] = False
    sr[..., :4, :] = torch.nan  # clouded: it does not count
    assert float(mean_tie(sr, target, seen)) == pytest.approx(0.6, rel=1e-4)
    assert float(mean_tie(sr, target, torch.zeros_like(seen))) == 0


def test_in_the_networks_unit_errors_are_divided_by_its_spread(batch):
    net = make("highresnet", {"channels": 4, "encoder_blocks": 1, "spread": (0.1, 0.2, 0.4, 0.5), "centre": (0.1, 0.0, 0.0, 0.0)})
    settings = dict(charbonnier=0, gradient=0, likelihood=0, mae=1.0, unit="network")
    made = objective(net, **settings).terms(batch.hr + 0.02, torch.zeros_like(batch.hr), batch)
    assert float(made.total) == pytest.approx(0.02 * (10 + 5 + 2.5 + 2) / 4, rel=1e-3)


def test_a_network_without_a_unit_is_told():
    with pytest.raises(BadRecipe, match=r"train\.loss\.unit"):
        objective(make("setsr", {"encoder_channels": 8, "channels": 8, "blocks": 1}), unit="network", likelihood=0)


def test_sigma_cannot_be_judged_in_another_unit():
    with pytest.raises(ValidationError, match="likelihood"):
        TrainLoss(unit="network")


def test_the_shiftnet_learns_where_the_result_lies(batch):
    torch.manual_seed(0)
    moved = lanczos(batch.hr, torch.tensor([[1.0, -1.5]]).expand(4, 2))
    made = objective(charbonnier=0, gradient=0, likelihood=0, mse=1.0, registration=Registration(side_px=40, filters=8, hidden=32))
    learnt = []
    for _ in range(60):
        terms = made.terms(moved, torch.zeros_like(moved), batch)
        terms.total.backward()
        made.clip(devices.fabric("32-true"), 1.0)
        made.step(5e-3)
        learnt.append(float(terms.parts["mse"]))
    assert sum(learnt[-5:]) < 0.5 * sum(learnt[:5]) and float(terms.parts["shift_length"]) == pytest.approx(1.8, abs=0.6)


def test_what_the_shiftnet_finds_moves_the_result_onto_the_reference():
    """Its numbers are pixels right and down, and that is where `lanczos` is told to take the result from."""

    class Knows(nn.Module):
        def forward(self, fixed, moving, generator):
            return torch.tensor([[-1.5, 1.0]]).expand(len(fixed), 2)

    hr = torch.nn.functional.avg_pool2d(torch.nn.functional.avg_pool2d(torch.rand(2, 4, 64, 64), 5, stride=1), 5, stride=1)
    sr = lanczos(hr, torch.tensor([[1.0, -1.5]]).expand(2, 2))
    made = Objective(TrainLoss(registration=Registration(side_px=40)), shared=Knows())
    back, length = made._registered(sr, hr, made.config.registration)
    assert (back - hr)[..., 10:-10, 10:-10].abs().max() < 0.02 and float(length) == pytest.approx((1.5**2 + 1) ** 0.5)


def test_patches_too_small_for_the_registration_are_told(batch):
    made = objective(registration=Registration(side_px=96))
    with pytest.raises(BadRecipe, match=r"side_px: 96 px do not fit into patches of 56×56 sharp px\nset it to 56"):
        made.terms(batch.hr, torch.zeros_like(batch.hr), batch)


def test_registration_starts_from_a_shiftnet_that_fits(tmp_path):
    config = Registration(side_px=40, filters=4, hidden=8)
    kept = shiftnet.ShiftNet(config.shiftnet(4))
    nn.init.normal_(kept.fc2.weight)
    path = shiftnet.store(tmp_path / "shift.safetensors", kept)
    made = objective(registration=config.model_copy(update={"start": path}))
    assert torch.equal(made.register.fc2.weight, kept.fc2.weight) and made.register.training
    with pytest.raises(BadModel, match="filters"):
        objective(registration=Registration(side_px=40, filters=8, hidden=8, start=path))


class Bright(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 3, 3)

    def forward(self, x):
        return self.conv(x)


def bright():
    torch.manual_seed(3)
    return Bright()


@pytest.fixture
def importable(monkeypatch):
    import sys
    import types

    module = types.ModuleType("made_up_features")
    module.bright, module.nothing, module.words = bright, lambda: None, lambda: lambda x: "words"
    monkeypatch.setitem(sys.modules, "made_up_features", module)


def test_gradients_reach_the_result_through_features_and_style_but_not_their_weights(batch, importable):
    made = objective(charbonnier=0, gradient=0, likelihood=0, perceptual=Perceptual(features="made_up_features:bright", trust=True))
    sr = (batch.hr + 0.05 * torch.rand_like(batch.hr)).requires_grad_()
    terms = made.terms(sr, torch.zeros_like(sr), batch)
    terms.total.backward()
    assert sr.grad.abs().sum() > 0 and terms.parts["perceptual"] > 0 and terms.parts["style"] > 0
    assert float(terms.total.detach()) == pytest.approx(0.05 * float(terms.parts["perceptual"] + terms.parts["style"]), rel=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_code_is_run_only_when_trusted(batch, tmp_path):
    with pytest.raises(BadRecipe, match=r"code that would be run"):
        objective(perceptual=Perceptual(features="made_up_features:bright"))
    path = tmp_path / "features.pt"
    torch.jit.trace(bright(), batch.hr).save(str(path))
    with pytest.raises(BadRecipe, match=r"--set train\.loss\.perceptual\.trust=true"):
        objective(perceptual=Perceptual(features=str(path)))
    made = objective(perceptual=Perceptual(features=str(path), trust=True))
    sr = (batch.hr + 0.05 * torch.rand_like(batch.hr)).requires_grad_()
    made.terms(sr, torch.zeros_like(sr), batch).total.backward()
    assert sr.grad.abs().sum() > 0 and torch.allclose(made.features(batch.hr)[0], bright()(batch.hr), atol=1e-5)
    path.write_bytes(b"nothing")
    with pytest.raises(BadRecipe, match="cannot be read as TorchScript"):
        objective(perceptual=Perceptual(features=str(path), trust=True))


@pytest.mark.parametrize("name", ["made_up_features:missing", "no_such_module_here:x", "made_up_features", "made_up_features:nothing"])
def test_features_that_cannot_be_had_are_told(importable, name):
    with pytest.raises(BadRecipe, match=r"train\.loss\.perceptual\.features"):
        objective(perceptual=Perceptual(features=name, trust=True))


def test_features_of_another_form_are_told(batch, importable):
    made = objective(perceptual=Perceptual(features="made_up_features:words", trust=True))
    with pytest.raises(BadRecipe, match="needed features"):
        made.terms(batch.hr, torch.zeros_like(batch.hr), batch)


def test_a_highresnet_trains_as_published_and_logs_each_part(recipe):
    chosen = recipe(*PUBLISHED)
    made = load(train(chosen))
    rows = [json.loads(line) for line in (chosen.folder / "log.jsonl").read_text().splitlines()]
    assert {"mse", "dissimilarity", "mean_tie", "shift_length"} <= set(rows[0]) and made.net.config.spread == (0.2, 0.2, 0.3, 0.5)
    left = chosen.folder / "shiftnet.safetensors"
    again = recipe(*PUBLISHED, f"train.loss.registration.start={left}", "train.steps=1", out="again")
    assert shiftnet.load(left).config.side_px == 40 and train(again).is_file()


def test_with_a_shiftnet_stopped_and_resumed_is_the_same_as_never_stopped(recipe):
    from unittest.mock import patch

    from dione.training import loop

    whole = load(train(recipe(*PUBLISHED, out="whole"))).net.state_dict()
    count, real = iter(range(100)), loop.backward

    def backward(*given):
        if next(count) == 5:
            raise KeyboardInterrupt
        return real(*given)

    with patch.object(loop, "backward", backward), pytest.raises(KeyboardInterrupt):
        train(recipe(*PUBLISHED, out="halted"))
    again = load(train(recipe(*PUBLISHED, out="halted"))).net.state_dict()
    assert all(torch.equal(whole[key], again[key]) for key in whole)


def test_a_batch_without_clouds_or_with_is_tied_alike(batch):
    made = objective(charbonnier=0, gradient=0, likelihood=0, mean_tie=1.0)
    sr = batch.lr[:, 0].repeat_interleave(4, -1).repeat_interleave(4, -2)
    clouded = replace(batch, valid=batch.valid.clone())
    clouded.valid[:, 0, :5] = False
    assert isinstance(clouded, Batch)
    for each in (batch, clouded):
        assert float(made.terms(sr, torch.zeros_like(sr), each).total) < 1e-5
