import json

import pytest
import safetensors
import safetensors.torch
import torch
from torch import nn

from dione.base.errors import BadModel, BadSource, CannotWrite
from dione.measure import calibration
from dione.nets.deviation import deviation
from dione.nets.resolver import About, load
from dione.patches import store
from dione.training.calibrate import calibrate, calibrate_file
from dione.training.part import open_parts
from dione.training.run import train


class Guess(nn.Module):
    """Nearest, with a sigma that is `factor` times the mean error of each band."""

    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, lr, valid):
        sr = lr[:, 0].repeat_interleave(4, -1).repeat_interleave(4, -2)
        return sr, torch.log(0.02 * self.factor) + torch.zeros_like(sr)


@pytest.fixture
def validation(patches):
    return open_parts(store.read(patches))["validation"]


def test_scaled_intervals_cover_what_they_say_on_the_places_they_were_made_from(validation):
    made = calibrate(Guess(1.0), validation)
    batch = validation.patches.batch(torch.arange(len(validation)))
    sr, log_sigma = Guess(1.0)(batch.lr, batch.valid)
    sigma = deviation(sr, log_sigma, made.factors)
    error = (sr - batch.hr).abs()[..., 4:-4, 4:-4]
    for level, width in made.factors.intervals.items():
        share = float((error <= width * sigma[..., 4:-4, 4:-4]).float().mean())
        assert float(level) <= share < float(level) * 11 / 10 + 0.02  # ten places: the one to come is allowed for


def test_a_sigma_twice_as_large_has_half_the_factor(validation, monkeypatch):
    monkeypatch.setattr(calibration, "FLOORS", (0.0,))
    one, two = (calibrate(Guess(factor), validation).factors for factor in (1.0, 2.0))
    assert torch.allclose(torch.tensor(one.sigma_scale), 2 * torch.tensor(two.sigma_scale), rtol=0.01) and one.intervals == pytest.approx(
        two.intervals, rel=0.01
    )


def test_pixels_that_the_target_did_not_see_do_not_count(validation):
    whole = calibrate(Guess(1.0), validation)
    kept = validation.patches.valid.clone()
    validation.patches.hr[:, :, :28] = 60000  # an error beyond all others ...
    validation.patches.valid[:, 0, :7] = False  # ... where other dates fill the target
    hidden = calibrate(Guess(1.0), validation).factors
    assert max(hidden.sigma_scale) < 3 * max(whole.factors.sigma_scale) and hidden.sigma_filled > 10  # they have a factor of their own
    validation.patches.valid[:] = kept
    assert max(calibrate(Guess(1.0), validation).factors.sigma_scale) > 10 * max(whole.factors.sigma_scale)


def test_targets_that_were_never_seen_calibrate_nothing(validation):
    validation.patches.valid[:, 0] = False
    with pytest.raises(BadSource, match="0 places cannot promise 90%"):
        calibrate(Guess(1.0), validation)


def test_a_weights_file_is_calibrated_without_touching_its_weights(recipe, patches, tmp_path):
    first = train(recipe("train.steps=1"))
    made = calibrate_file(first, patches, tmp_path / "calibrated.safetensors")
    a, b = load(first), load(tmp_path / "calibrated.safetensors")
    assert all(torch.equal(value, b.net.state_dict()[key]) for key, value in a.net.state_dict().items())
    assert b.about.sigma_floor == made.factors.sigma_floor and b.about.sigma_filled == made.factors.sigma_filled
    assert b.about.sigma_scale == made.factors.sigma_scale == a.about.sigma_scale and b.about.intervals == made.factors.intervals
    assert "10 places" in str(made) and "90% within 1.645" in str(made)


def test_the_folder_of_a_calibrated_file_is_made_or_refused_before_anything_is_worked_out(patches, tmp_path, monkeypatch):
    calibrate_file("setsr-s", patches, tmp_path / "new" / "made.safetensors")
    assert load(tmp_path / "new" / "made.safetensors").about.provenance["calibration"]["places"] == 10
    (tmp_path / "file").touch()
    monkeypatch.setattr(store.Store, "rows", lambda *_, **__: pytest.fail("patches were looked at"))
    with pytest.raises(CannotWrite, match="cannot write into"):
        calibrate_file("setsr-s", patches, tmp_path / "file" / "made.safetensors")


def test_a_baseline_has_nothing_to_calibrate(patches, tmp_path):
    with pytest.raises(BadModel, match="baseline"):
        calibrate_file("bicubic", patches, tmp_path / "x.safetensors")


def test_a_weights_file_from_before_there_were_intervals_is_still_read(recipe, tmp_path):
    path = train(recipe("train.steps=1"))
    with safetensors.safe_open(path, framework="pt") as file:
        about, tensors = json.loads(file.metadata()["dione"]), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    del about["intervals"]
    safetensors.torch.save_file(tensors, tmp_path / "old.safetensors", metadata={"dione": json.dumps(about)})
    assert load(tmp_path / "old.safetensors").about.intervals == {} == About(net="setsr", margin=1).intervals


def test_a_file_calibrated_holds_the_weights_that_it_held(patches, tmp_path):
    from dione.nets import resolver

    found = load("setsr-s")
    with torch.no_grad():
        for value in found.net.parameters():
            value.mul_(1 + 1e-5)  # no number of float16 any more
    given = resolver.store(tmp_path / "given.safetensors", found.net, found.about, half=False)
    calibrate_file(given, patches, tmp_path / "made.safetensors")
    before, after = (safetensors.torch.load_file(path) for path in (given, tmp_path / "made.safetensors"))
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_a_network_in_turns_is_not_calibrated_as_if_it_were_asked_once(patches, tmp_path):
    with pytest.raises(BadModel, match="a file holds it once\ncalibrate setsr-s"):
        calibrate_file("setsr-s@4", patches, tmp_path / "made.safetensors")
