import itertools
import json
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from dione.base.errors import BadRecipe, CannotWrite, DioneError
from dione.nets.resolver import load
from dione.nets.zoo import make
from dione.patches import store
from dione.training import devices, loop, pictures
from dione.training.draws import Draws
from dione.training.part import open_parts
from dione.training.run import train
from dione.training.state import State
from dione.training.validation import validate


def rows(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def interrupted(chosen, *, at):
    """Train, and stop as Ctrl-C would at step `at`."""
    count = iter(range(100))
    real = loop.backward

    def backward(*given):
        if next(count) == at:
            raise KeyboardInterrupt
        return real(*given)

    with patch.object(loop, "backward", backward), pytest.raises(KeyboardInterrupt):
        train(chosen)


def same(one, two):
    a, b = load(one), load(two)
    one, two = a.net.state_dict(), b.net.state_dict()
    return all(torch.equal(one[key], two[key]) for key in one) and a.about.sigma_scale == b.about.sigma_scale


@pytest.fixture
def parts(patches):
    return open_parts(store.read(patches))


def test_stopped_and_resumed_is_the_same_as_never_stopped(recipe):
    whole = train(recipe(out="whole"))
    interrupted(recipe(out="halted"), at=5)
    assert same(whole, train(recipe(out="halted")))


def test_stopped_twice_in_bf16_with_a_patience_is_the_same_as_never_stopped(recipe):
    changes = ("train.precision=bf16-mixed", "train.patience=3", "train.validate_every=1", "train.save_every=1", "train.ema=0.5")
    whole = train(recipe(*changes, out="whole"))
    for at in (2, 3):
        interrupted(recipe(*changes, out="halted"), at=at)
    assert same(whole, train(recipe(*changes, out="halted")))


def test_the_log_tells_each_thing_once_after_a_stop(recipe):
    chosen = recipe("train.save_every=3")
    interrupted(chosen, at=5)
    train(chosen)
    assert [row["step"] for row in rows(chosen.folder) if "loss" in row] == [2, 4, 6]
    assert [row["step"] for row in rows(chosen.folder) if "gain" in row] == [3, 6]


def test_a_row_of_the_log_says_loss_terms_speed_and_how_busy_the_optimiser_was(recipe):
    train(recipe())
    row = rows(recipe().folder)[0]
    assert {"loss", "charbonnier", "gradient", "likelihood", "rate", "gradient_norm", "samples_per_s"} <= set(row) and 0 <= row["busy"] <= 1


def test_training_brings_the_validation_score_up(recipe, parts):
    chosen = recipe("train.steps=60", "train.dates=[3]", "train.warmup=10", "train.validate_every=100", "train.rate=4e-3")
    fresh = validate(make("setsr", chosen.net.config), parts["validation"], dates=(3,))
    assert validate(load(train(chosen)).net, parts["validation"], dates=(3,)).gain[3] > fresh.gain[3] + 0.05


def test_each_step_and_each_process_draws_its_own_patches_and_again_the_same(recipe, parts):
    config = recipe("train.batch=8").train
    with Draws(parts["train"].patches, config) as one, Draws(parts["train"].patches, config, rank=1) as other:
        drawn = [one.take(step) for step in range(4)]
        again = one.take(2)
        assert torch.equal(again.lr, drawn[2].lr) and torch.equal(again.hr, drawn[2].hr)
        assert not torch.equal(drawn[0].hr, drawn[1].hr) and not torch.equal(other.take(0).hr, drawn[0].hr)
        assert [other.take(step).lr.shape[1] for step in range(4)] == [batch.lr.shape[1] for batch in drawn]


def test_how_many_dates_are_drawn_says_nothing_of_which_patches(recipe, parts):
    config, patches, alike = recipe("train.dates=[1,2]").train, parts["train"].patches, []

    def spied(batch, dates, own, augment):
        alike.append(dates == config.dates[int(torch.randint(2, (), generator=own))])
        return real(batch, dates, own, augment)

    real = patches.draw
    with patch.object(patches, "draw", spied), Draws(patches, config) as draws:
        for step in range(40):
            draws.draw(step)
    assert 5 < sum(alike) < 35


def test_what_is_kept_is_the_best_in_validation(recipe, parts):
    scores = iter([1.0, 3.0, 2.0])
    seen = []

    def look(state, run, logs):
        seen.append({key: value.clone() for key, value in state.averaged.state_dict().items()})
        return next(scores)

    with patch.object(loop, "_look", look):
        kept = load(train(recipe("train.validate_every=2"))).net.state_dict()
    assert all(torch.equal(kept[key], seen[1][key].half().float()) for key in kept)
    assert not all(torch.equal(kept[key], seen[2][key].half().float()) for key in kept)


def test_training_stops_early_when_validation_gains_nothing_more(recipe):
    with patch.object(loop, "_look", lambda *_: 0.0):
        train(recipe("train.steps=50", "train.patience=2"))
    kept = torch.load(recipe().folder / "last.ckpt", weights_only=True)
    assert kept["step"] == 9  # scored at 3, no better at 6 and 9


def test_progress_is_told_each_step(recipe):
    told = []
    train(recipe(), progress=lambda *each: told.append(each))
    assert told == [("train", step, 6) for step in range(1, 7)]


def test_every_validation_leaves_a_sheet_of_pictures(recipe, parts):
    train(recipe())
    folder = recipe().folder / "pictures"
    assert [path.name for path in sorted(folder.iterdir())] == ["000003.png", "000006.png"]
    sheet = np.asarray(Image.open(folder / "000006.png"))
    side, gap = 56 * pictures.ENLARGED, pictures.GAP
    cells = [sheet[pictures.HEAD : pictures.HEAD + side, gap + n * (side + gap) :][:, :side] for n in range(len(pictures.TITLES))]
    assert all(cell.shape == (side, side, 3) and cell.std() > 1 for cell in cells)
    assert all((a != b).any() for a, b in itertools.pairwise(cells))


class Picky(nn.Module):
    """A network that answers NaN to one patch, known by its mean."""

    def __init__(self, hated):
        super().__init__()
        self.weight, self.hated = nn.Parameter(torch.ones(1)), hated

    def forward(self, lr, valid):
        sr = (self.weight * lr[:, 0]).repeat_interleave(4, -1).repeat_interleave(4, -2)
        bad = (lr[:, 0].mean((1, 2, 3)) - self.hated).abs() < 1e-6
        return torch.where(bad[:, None, None, None], torch.nan, sr), sr.new_full(sr.shape, -3.0) * self.weight


def test_a_loss_that_is_not_finite_stops_and_names_the_patch_and_the_last_good_checkpoint(recipe, parts):
    chosen = recipe("train.steps=50", "train.batch=3", "train.save_every=1", "train.validate_every=100")
    chosen.folder.mkdir(parents=True)
    hated = float(parts["train"].patches.batch(torch.tensor([5])).lr[0, 0].mean())
    net = Picky(hated)
    run = loop.Run(parts["train"], parts["validation"], chosen.train, chosen.folder, {})
    with pytest.raises(DioneError) as told:
        loop.train(net, run, devices.fabric("32-true"))
    assert "row 5, here/5" in str(told.value) and "here/4" not in str(told.value) and "last.ckpt is the last good checkpoint" in str(told.value)
    kept = torch.load(chosen.folder / "last.ckpt", weights_only=True)
    assert all(torch.isfinite(value).all() for value in kept["net"].values()) and f"step {kept['step']}:" in str(told.value)
    assert torch.isfinite(net.weight).all()


def test_a_rate_that_blows_up_is_told(recipe):
    with pytest.raises(DioneError, match=r"lower train\.rate"):
        train(recipe("train.rate=1e30", "train.clip=1e30", "train.steps=20", "train.warmup=0", "train.validate_every=100"))


def test_a_batch_that_memory_does_not_suffice_for_is_told(recipe):
    with pytest.raises(BadRecipe, match=r"memory does not suffice for steps of 10000000000000 patches of up to 3 dates\nset train.batch lower"):
        train(recipe("train.batch=10000000000000"))


def test_a_full_disk_is_told_and_leaves_the_checkpoint_before(recipe, monkeypatch):
    from pathlib import Path

    real, saves = Path.write_bytes, iter(range(100))

    def write_bytes(path, data):
        if "ckpt" in path.name and next(saves) == 1:
            real(path, bytes(data)[:100])
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(CannotWrite, match="No space left"):
        train(recipe())
    assert torch.load(recipe().folder / "last.ckpt", weights_only=True)["step"] == 2
    assert not list(recipe().folder.glob(".*partial"))
    train(recipe())


def test_averages_follow_slowly():
    net = nn.Linear(1, 1)
    state = State(net, torch.optim.Adam(net.parameters()), step=1000)
    before = state.averaged.weight.clone()
    with torch.no_grad():
        net.weight += 1
    state.average(0.9)
    assert torch.allclose(state.averaged.weight - before, torch.tensor(0.1))
