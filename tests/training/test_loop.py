import json

import pytest
import torch

from dione.base.errors import BadModel, BadRecipe, BadSource
from dione.nets.resolver import load
from dione.nets.zoo import make
from dione.patches import store
from dione.patches.dataset import Patches
from dione.recipe import read, text
from dione.testing import landscape, series
from dione.training import loop
from dione.training.run import TrainRecipe, train

TINY = """
name = "tiny"
store = "{store}"
out = "{out}"
[net]
kind = "setsr"
config = {{ encoder_channels = 8, channels = 8, blocks = 1 }}
[train]
steps = 6
batch = 4
warmup = 2
dates = [1, 3]
validate_every = 3
save_every = 2
"""


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "store"

    def each():
        for number in range(12):
            made = series(landscape((14, 14), seed=number), days=3, seed=number)
            facts = {"site": "here", "place": str(number), "sensor": "made up", "split": "train" if number < 8 else "validation"}
            yield store.Patch(made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1], made.truth[-1], facts)

    store.write(path, each(), {"made_by": "test"})
    return path


def recipe(tmp_path, patches, *changes, out="runs"):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.format(store=patches, out=tmp_path / out))
    return read(path, TrainRecipe, changes)


def test_a_run_ends_in_a_weights_file_that_says_what_made_it(tmp_path, patches):
    made = load(train(recipe(tmp_path, patches)))
    assert made.name == "tiny" and made.about.provenance["train"]["steps"] == 6 and made.about.provenance["patches"] == 12
    lines = [json.loads(line) for line in (tmp_path / "runs" / "tiny" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "gain" in line] == [3, 6]


def test_stopped_and_resumed_is_the_same_as_never_stopped(tmp_path, patches):
    whole = train(recipe(tmp_path, patches, out="whole"))
    halted = recipe(tmp_path, patches, out="halted")
    stopping = halted.train.model_copy(update={"save_every": 2})
    with pytest.raises(KeyboardInterrupt):
        _interrupted(halted.model_copy(update={"train": stopping}), at=5)
    again = train(halted)
    assert _same(whole, again)


def _interrupted(chosen, *, at):
    """Train, and stop as Ctrl-C would at step `at`."""
    from unittest.mock import patch

    count = iter(range(100))
    real = loop.rate

    def rate(step, config):
        if next(count) == at:
            raise KeyboardInterrupt
        return real(step, config)

    with patch.object(loop, "rate", rate):
        train(chosen)


def _same(one, two):
    a, b = load(one).net.state_dict(), load(two).net.state_dict()
    return all(torch.equal(a[key], b[key]) for key in a)


def test_training_brings_the_validation_score_up(tmp_path, patches):
    chosen = recipe(tmp_path, patches, "train.steps=60", "train.dates=[3]", "train.warmup=10", "train.validate_every=100", "train.rate=4e-3")
    opened = store.read(patches)
    kept = Patches(opened, opened.rows(split="validation"))
    fresh = loop.validate(make("setsr", chosen.net.config), kept, dates=(3,))
    assert loop.validate(load(train(chosen)).net, kept, dates=(3,)).gain[3] > fresh.gain[3] + 0.05


def test_every_fault_of_a_recipe_is_named_with_its_path(tmp_path, patches):
    with pytest.raises(BadRecipe) as told:
        recipe(tmp_path, patches, "train.stepz=3", "train.batch=many", "nett=1")
    assert all(path in str(told.value) for path in ("train.stepz", "train.batch", "nett"))


def test_a_recipe_survives_writing_and_reading(tmp_path, patches):
    made = recipe(tmp_path, patches)
    path = tmp_path / "again.toml"
    path.write_text(text(made))
    assert read(path, TrainRecipe) == made


def test_an_unknown_network_is_told(tmp_path, patches):
    with pytest.raises(BadModel, match="there are"):
        train(recipe(tmp_path, patches, "net.kind=perceptron"))


def test_a_store_without_validation_is_told(tmp_path):
    path = tmp_path / "store"
    made = series(landscape((14, 14)), days=2)
    facts = {"site": "a", "place": "b", "sensor": "c", "split": "train"}
    store.write(path, iter([store.Patch(made.stack["reflectance"].values, made.stack["valid"].values, made.truth[0], facts)]), {})
    with pytest.raises(BadSource, match="no patch for validation"):
        train(recipe(tmp_path, path))
