import sys
from subprocess import run

import numba
import pytest
import torch

from dione.base.machine import compiled
from dione.nets import loops, resolver
from dione.nets.loops import beyond as of_beyond
from dione.nets.loops import contrast as of_contrast
from dione.nets.loops import shifts as of_shifts
from dione.nets.parts import contrast, shifts
from dione.nets.parts.means import box_mean
from dione.prediction.windows.engine import Engine

HEIGHT, WIDTH = 41, 157  # more than a strip, and no whole number of anything
EDGES = [(HEIGHT, WIDTH), (3, 5), (16, 128)]
SMALL = """
import sys, torch
from dione.nets.setsr import SetSR
with torch.no_grad():
    SetSR()(torch.rand(1, 2, 4, 32, 32), torch.ones(1, 2, 32, 32, dtype=torch.bool))
print("numba" in sys.modules)
"""


def dates(shape, *, pictures=2, count=3, seed=0):
    """Dates without their local mean, the target's, and where both are seen: a hole, and a date that saw nothing."""
    random = torch.Generator().manual_seed(seed)
    own = (torch.rand(pictures, count, 4, *shape, generator=random) - 0.5) * 0.1
    both = (torch.rand(pictures, count, 1, *shape, generator=random) > 0.1).float()
    both[0, 1, :, shape[0] // 4 :, : shape[1] // 2] = 0
    both[1, -1] = 0
    return own, own[:, :1] + 0.3 * own.flip(1)[:, :1], both


@pytest.fixture
def ask_loops(monkeypatch):
    """Have maps of any size worked out by loops; returns the names of those that were asked."""
    asked = []

    def begin():
        monkeypatch.setattr(loops, "FROM_PX", 0)
        for room, name in ((of_shifts, "likened"), (of_shifts, "measured"), (of_beyond, "beyond"), (of_contrast, "differing")):
            made = getattr(room, name)
            monkeypatch.setattr(room, name, lambda *given, name=name, made=made: (asked.append(name), made(*given)))
        return asked

    return begin


@torch.no_grad()
@pytest.mark.parametrize("shape", EDGES)
def test_means_are_those_of_pytorch_to_the_bit(shape):
    x = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    made = torch.empty(shape)
    of_shifts.pooled(x.numpy(), made.numpy())
    assert torch.equal(made, box_mean(x, 2 * shifts.RADIUS + 1))


@torch.no_grad()
@pytest.mark.parametrize("shape", EDGES)
def test_dates_are_compared_as_pytorch_does_to_the_bit(shape, ask_loops):
    given = dates(shape)
    by_torch = shifts.compared(*given)
    asked = ask_loops()
    by_loops = shifts.compared(*given)
    assert {*asked} == {"likened", "measured"}
    assert float(by_torch[1].abs().max()) > 0.1 or shape == (3, 5)
    assert all(torch.equal(one, other) for one, other in zip(by_torch, by_loops, strict=True))


@torch.no_grad()
@pytest.mark.parametrize("shape", EDGES)
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_what_the_dates_show_beyond_a_picture_is_what_pytorch_says_to_the_bit(shape, kind, ask_loops):
    random = torch.Generator().manual_seed(2)
    own, target, both = dates(shape)
    expected = ((torch.rand(2, 4, 9, *shape, generator=random) - 0.5) * 0.1).to(kind).float()
    shift = (torch.rand(2, 3, 2, *shape, generator=random) - 0.5) * 1.2
    share = torch.rand(2, 3, 1, *shape, generator=random) * both
    given = shifts.Dates((own - target) * both, shift, share)
    by_torch = given.beyond(expected)
    asked = ask_loops()
    assert all(torch.equal(one, other) for one, other in zip(by_torch, given.beyond(expected), strict=True)) and {*asked} == {"beyond"}


@torch.no_grad()
@pytest.mark.parametrize("shape", EDGES)
@pytest.mark.parametrize("bands", [1, 4, 7])
def test_what_a_date_shows_beyond_its_local_mean_is_what_pytorch_says_to_the_bit(shape, bands, ask_loops):
    random = torch.Generator().manual_seed(4)
    seen = (torch.rand(2, 3, 1, *shape, generator=random) > 0.2).float()
    seen[1, 0, :, :, : shape[1] // 2] = 0  # a target with a hole larger than the mean
    x = torch.rand(2, 3, bands, *shape, generator=random) * seen
    by_torch = contrast.differences(x, seen)
    asked = ask_loops()
    assert all(torch.equal(one, other) for one, other in zip(by_torch, contrast.differences(x, seen), strict=True)) and {*asked} == {"differing"}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_window_is_the_same_whichever_works_it_out(precision, ask_loops):
    random = torch.Generator().manual_seed(3)
    lr, valid = torch.rand(1, 4, 4, 48, 70, generator=random) * 0.3, torch.rand(1, 4, 48, 70, generator=random) > 0.1
    model, engine = resolver.load("setsr-s"), Engine("cpu", precision)
    by_torch = engine.run(model, lr, valid, (3, 0, 5, 2))
    asked = ask_loops()
    by_loops = engine.run(model, lr, valid, (3, 0, 5, 2))
    assert {*asked} == {"likened", "measured", "beyond", "differing"}
    assert all(torch.equal(one, other) for one, other in zip(by_torch, by_loops, strict=True))


def test_they_serve_large_maps_of_a_processor_that_nothing_is_learned_from():
    large = torch.zeros(1, 400, 400)
    assert not loops.serve(large)  # its gradient may be asked for
    with torch.no_grad():
        assert loops.serve(large)
        assert not loops.serve(large[:, :200])
        assert not loops.serve(large.to(torch.bfloat16))
        assert not loops.serve(large.to("meta"))


def test_a_small_prediction_does_not_wait_for_a_compiler():
    assert run([sys.executable, "-c", SMALL], capture_output=True, text=True, check=True).stdout.strip() == "False"


def test_where_nothing_can_be_kept_they_are_compiled_all_the_same(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")  # and none is provided

    def twice(x):
        return 2 * x

    assert compiled.loop(twice)(3.0) == 6.0
