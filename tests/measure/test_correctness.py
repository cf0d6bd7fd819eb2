import sys
import types

import pytest
import torch
import torch.nn.functional as F

from dione.measure.correctness import correctness
from dione.testing import landscape


@pytest.fixture(scope="module")
def scene() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Truth, the coarse image, and the coarse image enlarged."""
    hr = torch.from_numpy(landscape((16, 16), seed=5))[None]
    lr = F.avg_pool2d(hr, 4)
    return hr, lr, F.interpolate(lr, scale_factor=4.0, mode="bilinear", align_corners=False)


def shares(sr, hr, enlarged, seen=None):
    found = correctness(sr, hr, enlarged, torch.ones(1, *hr.shape[2:], dtype=torch.bool) if seen is None else seen)
    return [float(part / found.pixels) for part in (found.improvement, found.omission, found.hallucination)]


def test_the_truth_is_all_improvement(scene):
    hr, _, enlarged = scene
    assert shares(hr, hr, enlarged)[0] > 0.9


def test_the_enlarged_input_is_all_omission(scene):
    hr, _, enlarged = scene
    assert shares(enlarged, hr, enlarged)[1] > 0.9


def test_detail_of_another_place_is_invented(scene):
    hr, _, enlarged = scene
    wrong = (enlarged + 3 * (hr - enlarged).flip(-1)).clamp_min(0.001)
    found = shares(wrong, hr, enlarged)
    assert found[2] > 0.6 and sum(found) == pytest.approx(1, abs=1e-5)


def test_pixels_that_are_not_seen_change_nothing(scene):
    hr, _, enlarged = scene
    seen = torch.ones(1, *hr.shape[2:], dtype=torch.bool)
    seen[:, :20] = False
    spoiled = hr.clone()
    spoiled[:, :, :20] = 0.9
    assert shares(spoiled, hr, enlarged, seen) == shares(hr, hr, enlarged, seen)


@pytest.mark.filterwarnings("ignore")
def test_opensr_tests_own_metrics_say_the_same(scene, monkeypatch):
    monkeypatch.setitem(sys.modules, "satalign", types.ModuleType("satalign"))  # its aligner needs torchvision; nothing is aligned here
    theirs = pytest.importorskip("opensr_test")
    hr, lr, enlarged = scene
    sr = 0.5 * hr + 0.5 * enlarged + 0.01 * torch.randn(hr.shape, generator=torch.Generator().manual_seed(0))
    metrics = theirs.Metrics(harm_apply_spectral=False, harm_apply_spatial=False, border_mask=0)
    found = metrics.correctness(lr=lr[0], sr=sr[0], hr=hr[0], gradient_threshold="auto75")
    assert shares(sr, hr, enlarged) == pytest.approx([found["im_metric"], found["om_metric"], found["ha_metric"]], abs=1e-4)
