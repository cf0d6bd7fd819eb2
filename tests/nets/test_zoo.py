"""Whatever stands in the zoo keeps the promise of a network."""

import pytest
import torch

from dione.base.errors import BadModel
from dione.nets.zoo import BASELINES, NETS, make

SMALL = {"setsr": {"encoder_channels": 8, "channels": 8, "blocks": 1}, "highresnet": {"channels": 8, "encoder_blocks": 1}}
EVERY = [*NETS, *BASELINES]


def made(name):
    return make(name, SMALL.get(name, {})).eval() if name in NETS else BASELINES[name]().eval()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(("dates", "height", "width"), [(1, 1, 1), (2, 7, 5), (5, 12, 31), (8, 3, 2)])
def test_any_number_of_dates_and_any_size(name, dates, height, width):
    with torch.inference_mode():
        sr, log_sigma = made(name)(torch.rand(2, dates, 4, height, width), torch.rand(2, dates, height, width) > 0.3)
    assert sr.shape == log_sigma.shape == (2, 4, 4 * height, 4 * width)
    assert sr.isfinite().all() and log_sigma.isfinite().all()


@pytest.mark.parametrize("name", EVERY)
def test_invalid_values_stay_out(name):
    lr, valid = torch.rand(1, 4, 4, 9, 9), torch.rand(1, 4, 9, 9) > 0.3
    poisoned = torch.where(valid[:, :, None], lr, torch.tensor(float("nan")))
    with torch.inference_mode():
        net = made(name)
        assert torch.equal(net(lr, valid)[0], net(poisoned, valid)[0])


@pytest.mark.parametrize("name", NETS)
def test_a_gradient_reaches_every_weight(name):
    net = make(name, SMALL[name])
    if name == "setsr":
        torch.nn.init.normal_(net.detail[-1].weight, std=0.05)
    sr, log_sigma = net(torch.rand(1, 4, 4, 9, 9), torch.ones(1, 4, 9, 9, dtype=torch.bool))
    ((sr - torch.rand_like(sr)).square().mean() + log_sigma.mean()).backward()
    constant = {"highresnet": ()}  # its log sigma is a constant
    assert not [key for key, value in net.named_parameters() if value.grad is None and key not in constant.get(name, ())]


@pytest.mark.parametrize("name", NETS)
def test_training_is_told_bands_zoom_and_margin(name):
    net = make(name, SMALL[name])
    assert isinstance(net.config, net.Config) and (net.config.bands, net.config.zoom) == (4, 4) and net.margin >= 0


def test_an_unknown_name_or_setting_is_named():
    with pytest.raises(BadModel, match="there are: setsr"):
        make("setsrr", {})
    with pytest.raises(BadModel, match="chanels"):
        make("setsr", {"chanels": 3})


def test_every_output_pixel_of_the_deconvolution_depends_on_the_input():
    net = make("highresnet", SMALL["highresnet"] | {"decoder": "deconvolution", "residual": False})
    lr, valid = torch.rand(1, 2, 4, 6, 6), torch.ones(1, 2, 6, 6, dtype=torch.bool)
    faulty = make("highresnet", SMALL["highresnet"] | {"decoder": "deconvolution", "residual": False, "deconvolution_kernel": 3})
    with torch.inference_mode():
        right, wrong = ((n(lr, valid)[0] - n(lr * 2 + 0.1, valid)[0]).abs().amax((0, 1)) > 0 for n in (net, faulty))
    assert right.all()
    assert wrong.float().mean().item() == pytest.approx(9 / 16)  # the prior art's fault, kept reproducible
