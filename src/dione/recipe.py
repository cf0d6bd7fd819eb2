"""Recipes: the settings of a room as TOML, checked strictly, every fault at once with its path."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import tomli_w
from pydantic import BaseModel, ValidationError

from dione.base.errors import BadRecipe, NotFound, faults
from dione.base.storage import documents
from dione.sources.carrying import get
from dione.sources.places import near

Settings = TypeVar("Settings", bound=BaseModel)


def read(path: str | Path, kind: type[Settings], changes: Iterable[str] = ()) -> Settings:
    """A recipe from TOML, here or at s3://, with `a.b=value` changes applied (values in TOML's notation, or plain text).

    Raises NotFound, or BadRecipe with every fault and its path.
    """
    try:
        values = documents.toml_of(get(path))
    except NotFound as error:
        raise NotFound(f"no recipe: {error}{near(path)}") from error
    except ValueError as error:
        raise BadRecipe(f"{path} is not TOML: {error}") from error
    if trusting := list(_trusting(values)):
        advice = "a recipe cannot vouch for itself: leave it out, and say it on the command line with --set, if the code is your own"
        raise BadRecipe(faults(f"{path} says that code may be run", trusting, advice))
    for change in changes:
        _set(values, change)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        found = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()} (found {fault['input']!r:.60})" for fault in error.errors()]
        raise BadRecipe(faults(f"{path} has {len(found)} faults" if len(found) > 1 else f"{path} has a fault", found)) from error


def _trusting(value: Any, path: str = "") -> Iterator[str]:
    """Where a file says that something is to be trusted, in lists of tables too."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        below = f"{path}.{key}" if path else str(key)
        if key == "trust" and part is not False:
            yield f"{below} = {str(part).lower()}"
        yield from _trusting(part, below)


def text(recipe: BaseModel) -> str:
    """A recipe as TOML, every setting written out."""
    return tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))


def _set(values: dict[str, Any], change: str) -> None:
    path, equals, value = change.partition("=")
    if not equals or not path:
        raise BadRecipe(f"--set takes a.b=value, found '{change}'")
    try:
        parsed = documents.toml_of(f"value = {value}".encode())["value"]
    except ValueError:
        parsed = value
    *above, last = path.split(".")
    for key in above:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise BadRecipe(f"--set {change}: '{key}' holds a value, not a table")
    values[last] = parsed
