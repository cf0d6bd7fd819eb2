"""Bfloat16 is taken where a trial says that it pays, and doubted where it does not."""

import itertools

import pytest
import torch

from dione.nets import precision
from dione.nets.precision import bfloat16_pays, doubt, trial

EXACT_S = 2.0


@pytest.fixture
def rough_s(monkeypatch):
    """Sets what bfloat16 takes in a trial, float32 taking EXACT_S."""

    def as_if(seconds: float) -> None:
        monkeypatch.setattr(precision, "trial", lambda *kinds: [{torch.float32: EXACT_S, torch.bfloat16: seconds}[kind] for kind in kinds])

    return as_if


@pytest.mark.parametrize(("seconds", "pays"), [(1.0, True), (1.9, False), (30.0, False)])
def test_bfloat16_is_taken_where_the_trial_is_clearly_faster(rough_s, seconds, pays):
    rough_s(seconds)
    assert bfloat16_pays() is pays


def test_the_trial_times_both_precisions():
    assert all(0 < seconds < 10 for seconds in trial(torch.float32, torch.bfloat16, rounds=1))


@pytest.mark.parametrize(("slowness", "rounds"), [(1.2, 9), (20, 2)])
def test_what_is_hopeless_is_not_tried_further(monkeypatch, slowness, rounds):
    asked, clock = itertools.count(), itertools.accumulate(itertools.cycle([0.0, 1.0, 0.0, slowness]))  # between two looks at it, and a layer
    monkeypatch.setattr(precision.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(precision.nn.Conv2d, "forward", lambda self, x: next(asked))
    trial(torch.float32, torch.bfloat16)
    assert next(asked) == 2 * rounds


@pytest.mark.parametrize(("device", "seconds", "told"), [("cpu", 30.0, True), ("cpu", 1.0, False), ("cuda", 30.0, False)])
def test_bfloat16_is_doubted_on_a_processor_without_it(rough_s, caplog, device, seconds, told):
    rough_s(seconds)
    doubt(device, "leave it out")
    assert caplog.text.rstrip().endswith("leave it out") is told
