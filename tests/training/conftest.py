"""A tiny store and a tiny recipe, shared by the tests of training."""

import pytest

from dione.patches import store
from dione.recipe import read
from dione.testing import landscape, series
from dione.training.config import TrainRecipe

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
log_every = 2
"""


@pytest.fixture(scope="session")
def patches(tmp_path_factory):
    """A store of 8 places to learn from and 10 to validate."""
    path = tmp_path_factory.mktemp("store") / "store"

    def each():
        for number in range(18):
            made = series(landscape((14, 14), seed=number), days=3, seed=number)
            facts = {"site": "here", "place": str(number), "sensor": "made up", "split": "train" if number < 8 else "validation"}
            yield store.Patch(made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1], made.truth[-1], facts)

    store.write(path, each(), {"made_by": "test"})
    return path


@pytest.fixture
def toml(tmp_path, patches):
    """The tiny recipe as a file: `toml(out="runs")`."""

    def write(out="runs"):
        path = tmp_path / f"tiny-{out}.toml"
        path.write_text(TINY.format(store=patches, out=tmp_path / out))
        return path

    return write


@pytest.fixture
def recipe(toml):
    """The tiny recipe with changes: `recipe("train.steps=3", out="runs")`."""
    return lambda *changes, out="runs": read(toml(out), TrainRecipe, changes)
