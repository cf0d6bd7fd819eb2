from inspect import unwrap

import numpy as np
import pytest
import torch

from dione.base.errors import BadRecipe, DioneError
from dione.base.windows import Window, lattice
from dione.nets.resolver import About, Resolver
from dione.nets.setsr import SetSR, SetSRConfig
from dione.prediction.windows import engine as engines
from dione.prediction.windows.engine import EXACT, Engine, engine
from dione.prediction.windows.scene import pieces
from dione.prepare.select import choose
from dione.testing import landscape, series


class Cramped(torch.nn.Module):
    """A network on a machine with room for so many pixels."""

    def __init__(self, net, room, error):
        super().__init__()
        self.net, self.room, self.error, self.asked = net, room, error, []

    def forward(self, lr, valid):
        self.asked.append(lr.shape[-2] * lr.shape[-1])
        if self.asked[-1] > self.room:
            raise self.error
        return self.net(lr, valid)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(1)
    made = SetSR(SetSRConfig(encoder_channels=8, channels=8, blocks=2)).eval()
    for last in (*made.detail, made.spread.last):
        torch.nn.init.normal_(last.weight, std=0.1)
    return made


@pytest.fixture(scope="module")
def made():
    return series(landscape((150, 130), seed=1), days=3, cloud=0.2, seed=3).stack


def kept(piece):
    return piece


def resolver(net, margin):
    return Resolver(net, About(net="setsr", config={}, margin=margin), "made up")


def of_this_machine():
    """As PyTorch says it here."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    return caught.value


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
    of_this_machine(),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["gpu", "windows", "here"])
def test_where_memory_does_not_suffice_the_window_is_halved_and_the_result_is_the_same(net, made, error):
    cramped = Cramped(net, 130 * 120, error)
    choice, windows = choose(made)[0], list(lattice((150, 130), 256))
    whole, halved = (next(pieces(made, resolver(each, net.margin), choice, windows, use=kept)) for each in (net, cramped))
    assert len(cramped.asked) > 2
    assert np.array_equal(whole.valid, halved.valid)
    assert np.allclose(whole.sr, halved.sr, atol=1e-5, equal_nan=True) and np.allclose(whole.sigma, halved.sigma, atol=1e-5, equal_nan=True)


def test_another_error_is_not_taken_for_want_of_memory(net, made):
    with pytest.raises(RuntimeError, match="something else"):
        next(pieces(made, resolver(Cramped(net, 0, RuntimeError("something else")), net.margin), choose(made)[0], [Window(0, 0, 150, 130)], use=kept))


def test_want_of_memory_for_the_smallest_window_is_told(net, made):
    with pytest.raises(torch.OutOfMemoryError):
        next(pieces(made, resolver(Cramped(net, 0, OUT_OF_MEMORY[0]), net.margin), choose(made)[0], [Window(0, 0, 64, 64)], use=kept))


def test_a_processor_takes_bfloat16_where_it_pays(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for pays, wanted in ((True, "bfloat16"), (False, "float32")):
        engine.cache_clear()
        monkeypatch.setattr(engines, "bfloat16_pays", lambda pays=pays: pays)
        assert engine().precision == wanted
    engine.cache_clear()


@pytest.mark.parametrize(("has", "wanted"), [(True, "bfloat16"), (False, "float32")])
def test_a_gpu_takes_bfloat16_only_if_it_has_it_and_does_not_make_believe(monkeypatch, has, wanted):
    asked = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: asked.append(including_emulation) or has)
    monkeypatch.setattr(torch, "empty", lambda *_, device: None)
    engine.cache_clear()
    assert str(engine()) == f"cuda, {wanted}" and asked == [False]
    assert str(engine("cuda", "float32")) == "cuda, float32"
    engine.cache_clear()


def test_bfloat16_stays_near_and_gives_float32(net):
    lr, valid = 0.1 + torch.rand(1, 3, 4, 40, 40) * 0.02, torch.ones(1, 3, 40, 40, dtype=torch.bool)
    exact, rough = (each.run(resolver(net, net.margin), lr, valid)[0] for each in (EXACT, Engine("cpu", "bfloat16")))
    assert rough.dtype == torch.float32 and not torch.equal(exact, rough)
    assert float((exact - rough).abs().mean()) < 2e-3


def test_a_precision_that_is_none_is_told():
    with pytest.raises(BadRecipe, match="'half', needs one of auto, float32, bfloat16"):
        unwrap(engine)("cpu", "half")


def test_a_device_that_is_not_there_is_told():
    with pytest.raises(DioneError, match="there is cpu"):
        engine("cuda:7")
