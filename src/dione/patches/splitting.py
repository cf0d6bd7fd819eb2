"""A store divided into training, validation and test: the column `split` of its index, written anew."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import numpy as np
import pyarrow as pa

from dione.base.errors import BadRecipe, BadSource
from dione.patches import store
from dione.patches.divide import SIDES, Place, divide

AREAS = "areas.parquet"
"""In a store that was cut from areas: name, column, row, neighbours. Without it, places do not touch."""
AGAIN = "make the store again"


@dataclass(frozen=True)
class Split:
    """How it came out."""

    patches: Mapping[str, int]
    """By side, gap among them; those that are kept."""
    places: Mapping[str, int]


def split(opened: store.Store, *, shares: tuple[float, float, float] = (0.6, 0.2, 0.2), by: str | None = None, seed: int = 0) -> Split:
    """Divide the places of a store by area, each value of the column `by` for itself, and write it into the index.

    Raises BadRecipe for shares that are none, a column that is not there, and fewer places than sides.
    """
    if len(shares) != len(SIDES) or not all(0 <= share < inf for share in shares) or sum(shares) <= 0:
        raise BadRecipe(f"shares are {shares}, needs three numbers that are not negative, for {', '.join(SIDES)}: 0.6,0.2,0.2")
    table = opened.index
    if by is not None and by not in table.column_names:
        raise BadRecipe(f"{opened.path} has no column '{by}'; it has {', '.join(sorted(table.column_names))}")
    places = _places(opened, by)
    if len(places) < len(SIDES):
        raise BadRecipe(f"{opened.path} has {len(places)} places, needs at least {len(SIDES)} to divide\nbuild it of more areas, or score it as one test set")
    sides = divide(places, shares=shares, seed=seed)
    names = _names(table)
    store.add(opened, {"split": pa.array([sides[name] for name in names])}, split={"shares": list(shares), "by": by, "seed": seed})
    kept = set(opened.rows().tolist())
    patches = Counter(sides[name] for at, name in enumerate(names) if at in kept)
    return Split(dict(patches), dict(Counter(sides.values())))


def _names(table: pa.Table) -> list[str]:
    """Each patch's place; places of two sites may have one name."""
    return [f"{site}/{place}" for site, place in zip(table["site"].to_pylist(), table["place"].to_pylist(), strict=True)]


def _places(opened: store.Store, by: str | None) -> dict[str, Place]:
    table = opened.index
    names, kept = _names(table), set(opened.rows().tolist())
    groups = table[by].to_pylist() if by else [""] * len(names)
    weight = Counter(name for at, name in enumerate(names) if at in kept)
    where = _areas(opened)
    # An area belongs to one site, so its neighbours are found by the area's name alone.
    area = dict(zip(names, table["place"].to_pylist(), strict=True))
    full = {place: name for name, place in area.items()}
    made = {}
    for name, group in dict(zip(names, groups, strict=True)).items():
        at, touches = where.get(area[name], ((0.0, 0.0), frozenset()))
        made[name] = Place(float(weight[name]), at, frozenset(full[other] for other in touches if other in full), str(group))
    return made


def _areas(opened: store.Store) -> dict[str, tuple[tuple[float, float], frozenset[str]]]:
    """Position and neighbours of each area."""
    if not opened.path.has(AREAS):
        return {}
    rows = opened.path.table(AREAS, "table of areas", AGAIN).to_pylist()
    try:
        spread = np.ptp([row["epsg"] for row in rows]) if rows else 0
        return {row["name"]: ((row["column"] + 1e4 * (row["epsg"] if spread else 0), row["row"]), frozenset(row["neighbours"])) for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        raise BadSource(f"{opened.path}/{AREAS} does not say where every area lies and what it touches: {error}\n{AGAIN}") from error
