"""Places are divided so that none touches one of another side."""

from itertools import product

import numpy as np
import pytest

from dione.patches.divide import GAP, SIDES, Place, divide, leaks


def lattice(columns: int, rows: int, *, group=lambda _: "", name: str = "") -> dict[str, Place]:
    """Areas that touch at edges and corners."""

    def label(column: int, row: int) -> str:
        return f"{name}{column}-{row}"

    return {
        label(c, r): Place(
            10.0,
            (c, r),
            frozenset(label(c + a, r + b) for a, b in product((-1, 0, 1), repeat=2) if (a or b) and 0 <= c + a < columns and 0 <= r + b < rows),
            group((c, r)),
        )
        for c, r in product(range(columns), range(rows))
    }


def shares(places, sides):
    held = np.array([sum(places[name].weight for name, of in sides.items() if of == side) for side in SIDES])
    return held / held.sum()


@pytest.mark.parametrize("seed", range(5))
def test_a_whole_country_of_touching_areas_is_cut_with_a_gap(seed: int):
    places = lattice(30, 20)
    sides = divide(places, seed=seed)
    assert leaks(places, sides) == [] and set(sides) == set(places)
    assert np.allclose(shares(places, sides), (0.6, 0.2, 0.2), atol=0.05)
    assert sum(side == GAP for side in sides.values()) < 0.2 * len(places)


def test_places_that_do_not_touch_need_no_gap_and_get_the_shares_asked_for():
    places = {f"p{at}": Place(float(1 + at % 3)) for at in range(100)}
    sides = divide(places, shares=(0.5, 0.3, 0.2))
    assert GAP not in sides.values() and np.allclose(shares(places, sides), (0.5, 0.3, 0.2), atol=0.03)


def test_the_same_seed_divides_alike_and_another_otherwise():
    places = lattice(12, 12)
    assert divide(places, seed=1) == divide(dict(reversed(places.items())), seed=1) != divide(places, seed=2)


def test_each_group_is_divided_for_itself_and_groups_that_touch_leak_nothing():
    places = lattice(20, 20, group=lambda at: "west" if at[0] < 10 else "east")
    sides = divide(places, seed=3)
    assert leaks(places, sides) == []
    for group in ("west", "east"):
        here = {name: place for name, place in places.items() if place.group == group}
        assert np.allclose(shares(here, {name: sides[name] for name in here}), (0.6, 0.2, 0.2), atol=0.12)


def test_a_leak_would_be_seen():
    places = lattice(2, 1)
    assert leaks(places, {"0-0": "train", "1-0": "test"}) == [("0-0", "1-0")]
    assert leaks(places, {"0-0": "train", "1-0": GAP}) == []
