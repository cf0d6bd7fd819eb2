"""The recipes that come with the house can be used as they stand."""

from pathlib import Path

import pytest

from dione.nets.resolver import load
from dione.nets.zoo import make
from dione.recipe import read
from dione.training.config import TrainRecipe
from dione.training.run import train

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
SMALL = ("train.steps=2", "train.batch=2", "net.config.channels=4", "net.config.encoder_blocks=1", "train.logs=[]", "train.dates=[3]")
SMALL += ("train.loss.registration.side_px=40", "train.loss.registration.filters=4", "train.loss.registration.hidden=8")


@pytest.mark.parametrize("path", [path for path in sorted(RECIPES.glob("*.toml")) if "[net]" in path.read_text()], ids=lambda path: path.stem)
def test_a_recipe_makes_its_network(path):
    recipe = read(path, TrainRecipe)
    assert recipe.name == path.stem and make(recipe.net.kind, recipe.net.config)


@pytest.mark.parametrize(("name", "parts"), [("highresnet-pixelshuffle", {"mse"}), ("highresnet-deconv", {"mse", "dissimilarity"})])
def test_the_published_configuration_trains(name, parts, patches, tmp_path):
    recipe = read(RECIPES / f"{name}.toml", TrainRecipe, (*SMALL, f"store={patches}", f"out={tmp_path}", "train.log_every=1"))
    made = load(train(recipe))
    row = (tmp_path / name / "log.jsonl").read_text().splitlines()[0]
    assert all(f'"{part}"' in row for part in parts | {"mean_tie", "shift_length"}) and made.about.net == "highresnet"


def test_the_published_networks_have_the_published_size():
    sizes = [
        sum(p.numel() for p in make("highresnet", read(RECIPES / f"highresnet-{name}.toml", TrainRecipe).net.config).parameters())
        for name in ("pixelshuffle", "deconv")
    ]
    assert sizes == [1_038_357, 1_067_289]
