"""Products that are folders or zips, known by their names alone: those that a path means."""

import re
from pathlib import Path

from dione.base.errors import BadSource
from dione.sources.places import is_remote, shown


def holds(path: str, name: re.Pattern[str]) -> bool:
    """Whether `path` is a folder on this disk with an entry that `name` matches whole."""
    return not is_remote(path) and Path(path).is_dir() and any(name.fullmatch(one.name) for one in Path(path).iterdir())


def meant(path: str | Path, name: re.Pattern[str], *, instead: str) -> list[Path]:
    """The product itself, or all that a folder holds or a pattern names, by name; not only products.

    name: of a product, matched whole. instead: what to do with products elsewhere. Raises BadSource for a path that is
    not on this disk.
    """
    text = str(path).rstrip("/")
    if is_remote(text):
        raise BadSource(f"{shown(path)}: products are read from this disk only\n{instead}")
    base = Path(text)
    if name.fullmatch(base.name) and base.exists():
        return [base]
    if base.is_dir():
        return sorted(base.iterdir())
    return sorted(base.parent.glob(base.name)) if any(sign in base.name for sign in "*?[") else []
