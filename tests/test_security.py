"""What SECURITY.md promises of recipes; the doors' own promises are tested with the doors."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from dione import recipe
from dione.base.errors import BadRecipe
from dione.pairs.recipe import BuildRecipe
from dione.patches.simulated.build import SimulateConfig
from dione.pipeline.recipe import PipelineRecipe
from dione.training.config import TrainRecipe

RECIPES = (TrainRecipe, PipelineRecipe, BuildRecipe, SimulateConfig)
SECRETS = re.compile(r"secret|passw|token|credential|(api|access|private)_?key", re.IGNORECASE)


@pytest.mark.parametrize("value", ["true", "1", '"yes"'])
@pytest.mark.parametrize("above", ["[train.loss.perceptual]", "[anything.else]", "[[a.list]]\n[[a.list]]"])
def test_a_recipe_cannot_vouch_for_code_itself(tmp_path: Path, above: str, value: str) -> None:
    (tmp_path / "r.toml").write_text(f"{above}\ntrust = {value}\n")
    for kind in RECIPES:
        with pytest.raises(BadRecipe, match=r"says that code may be run(.|\n)*trust = (.|\n)*cannot vouch for itself"):
            recipe.read(tmp_path / "r.toml", kind)


def settings(schema: Any) -> Iterator[str]:
    """The names of all settings below a JSON schema."""
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from settings(part)
    yield from schema.get("properties", {}) if isinstance(schema, dict) else ()


@pytest.mark.parametrize("kind", RECIPES, ids=lambda kind: kind.__name__)
def test_no_recipe_has_a_place_for_a_credential(tmp_path: Path, kind: type[BaseModel]) -> None:
    names = set(settings(kind.model_json_schema()))
    assert len(names) > 5 and [name for name in names if SECRETS.search(name)] == []
    (tmp_path / "r.toml").write_text('password = "x"\n')
    with pytest.raises(BadRecipe, match="password: extra inputs are not permitted"):
        recipe.read(tmp_path / "r.toml", kind)
