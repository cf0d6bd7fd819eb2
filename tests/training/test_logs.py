import errno
import importlib.util
import json
import sys
import threading
import types

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from dione.base.errors import BadRecipe, CannotWrite
from dione.patches import store
from dione.training import distributions, logs
from dione.training.part import open_parts
from dione.training.run import train


class Repeated(nn.Module):
    """Nearest, with a weight."""

    def __init__(self):
        super().__init__()
        self.one = nn.Parameter(torch.ones(()))

    def forward(self, lr, valid):
        sr = self.one * lr[:, 0].repeat_interleave(4, -1).repeat_interleave(4, -2)
        return sr, sr


class FakeRun:
    def __init__(self):
        self.rows, self.finished = [], False

    def log(self, values, step):
        self.rows.append((step, values))

    def finish(self):
        self.finished = True


@pytest.fixture
def wandb(monkeypatch):
    """A stand-in for the package that keeps what it is told."""
    fake = types.ModuleType("wandb")
    fake.run, fake.given = FakeRun(), {}
    fake.init = lambda **given: fake.given.update(given) or fake.run
    fake.Error = type("Error", (Exception,), {})
    fake.Image = lambda image: ("picture", image.size)
    fake.Histogram = lambda values: ("distribution", values.size)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    return fake


def test_weights_and_biases_is_told_the_recipe_the_rows_and_the_pictures(recipe, wandb):
    train(recipe("train.logs=['wandb']"))
    assert wandb.given["name"] == "tiny" and wandb.given["config"]["train"]["steps"] == 6 and wandb.given["resume"] == "allow"
    told = {name for _, values in wandb.run.rows for name in values}
    assert {"loss", "busy", "gain/1", "gain/8", "validation", "blue/input", "nir/result", "red/truth"} <= told and wandb.run.finished
    steps = [step for step, _ in wandb.run.rows]
    assert steps == sorted(steps) and steps[-1] == 6


def test_a_training_that_goes_on_is_the_same_run_there_and_one_that_starts_over_another(recipe, wandb):
    def trained(**options):
        train(recipe("train.logs=['wandb']"), **options)
        return wandb.given["id"]

    first = trained()
    assert first.startswith("tiny-") and trained() == first
    assert first != trained(resume=False) == trained()


@pytest.mark.parametrize(("name", "advice"), [("tensorboard", "dione[train]"), ("wandb", "dione[wandb]")])
def test_a_package_that_is_asked_for_and_missing_is_named_with_how_to_get_it(recipe, monkeypatch, name, advice):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BadRecipe) as told:
        train(recipe(f"train.logs=['{name}']"))
    assert name in str(told.value) and f"pip install '{advice}'" in str(told.value)


@pytest.mark.skipif(not importlib.util.find_spec("tensorboard"), reason="tensorboard is not installed")
def test_who_is_not_logged_in_is_told_and_a_run_that_does_not_begin_leaves_no_log(recipe, wandb):
    def refused(**given):
        raise wandb.Error("No API key configured. Use `wandb login` to log in.")

    wandb.init = refused
    with pytest.raises(BadRecipe, match=r"No API key configured.*\nlog in, or set WANDB_MODE=offline"):
        train(recipe("train.logs=['tensorboard','wandb']"))
    assert not [file for file in recipe().folder.rglob("*") if not file.name.startswith(".")]


@pytest.mark.skipif(not importlib.util.find_spec("tensorboard"), reason="tensorboard is not installed")
@pytest.mark.filterwarnings("ignore")
def test_tensorboard_holds_the_rows_and_the_pictures(recipe):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(recipe("train.logs=['tensorboard']"))
    found = EventAccumulator(str(recipe().folder / "tensorboard"))
    found.Reload()
    assert {"loss", "busy", "gain/8"} <= set(found.Tags()["scalars"]) and found.Tags()["images"] == ["validation"]
    assert {"blue/input", "nir/result", "red/truth"} <= set(found.Tags()["histograms"])
    assert [event.step for event in found.Scalars("loss")] == [2, 4, 6]


@pytest.mark.skipif(not getattr(importlib.util.find_spec("wandb"), "origin", None), reason="wandb is not installed")
@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases_works_offline(recipe, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    train(recipe("train.logs=['wandb']"))
    assert list((recipe().folder / "wandb").glob("offline-run-*/*.wandb"))


def test_a_log_that_goes_on_keeps_what_stands_up_to_its_step_and_no_cut_line(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 2, "loss": 1}\n{"step": 4, "loss": 0.5}\n{"step": 5, "lo')
    lines = logs.JsonLines(tmp_path, 3)
    lines.row(4, {"loss": 0.25})
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [{"step": 2, "loss": 1}, {"step": 4, "loss": 0.25}]


def test_a_log_on_a_full_disk_is_told(tmp_path):
    lines = logs.JsonLines(tmp_path, 0)
    lines.path.mkdir()
    with pytest.raises(CannotWrite, match="cannot write"):
        lines.row(1, {})


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_tensorboard_on_a_full_disk_is_told_once_and_without_a_traceback(recipe, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    printed = []
    monkeypatch.setattr(threading, "excepthook", printed.append)
    hook = threading.excepthook
    monkeypatch.setattr(importlib.import_module("tensorboard.summary.writer.record_writer").RecordWriter, "write", full)
    with pytest.raises(CannotWrite, match=r"(?s)cannot write .*tensorboard: No space left.*free some space"):
        train(recipe("train.logs=['tensorboard']"))
    assert not printed and threading.excepthook is hook


def test_weights_and_biases_on_a_full_disk_is_told(recipe, wandb, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(wandb.run, "log", full)
    with pytest.raises(CannotWrite, match=r"(?s)cannot write .*wandb: No space left.*free some space"):
        train(recipe("train.logs=['wandb']"))


def test_tables_in_a_row_become_paths():
    assert logs.flat({"loss": 1.0, "gain": {1: 2.0, 8: 3.0}}) == {"loss": 1.0, "gain/1": 2.0, "gain/8": 3.0}


def test_lines_of_json_take_no_pictures(tmp_path):
    lines = logs.JsonLines(tmp_path, 0)
    lines.picture(1, Image.fromarray(np.zeros((2, 2, 3), np.uint8)))
    lines.close()
    assert not list(tmp_path.iterdir())


def test_distributions_are_of_what_the_target_saw_band_by_band(patches):
    part = open_parts(store.read(patches))["validation"]
    part.patches.valid[:, 0, :7] = False
    part.patches.hr[:, :, :28] = 60000  # unseen
    values = distributions.values(Repeated(), part)
    assert len(values) == 12 and values["nir/truth"].size == 16 * values["nir/input"].size == 10 * 28 * 56 and values["nir/truth"].max() < 2
    assert np.allclose(values["red/result"].mean(), values["red/input"].mean(), rtol=1e-4)
