"""Training, validation and test by place, with a gap: places that touch never lie on two sides.

Places hang together where they touch. What hangs together goes to one side, as long as there are enough such pieces;
a piece too large for that is cut in strips along a drawn direction, and along each cut the places of the larger side are
left out ("gap"). Several draws are tried; the one nearest to the wanted shares, with the least lost, is taken. The same
seed gives the same division.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np

SIDES = ("train", "validation", "test")
GAP = "gap"
DRAWS = 48


@dataclass(frozen=True)
class Place:
    """What is divided as one."""

    weight: float
    """Patches."""
    at: tuple[float, float] = (0.0, 0.0)
    """Where it lies, in any plane."""
    touches: frozenset[str] = frozenset()
    group: str = ""
    """Each group is divided for itself: a country, a sensor."""


def divide(places: Mapping[str, Place], *, shares: tuple[float, float, float] = (0.6, 0.2, 0.2), seed: int = 0) -> dict[str, str]:
    """A side, or GAP, for every place. shares: of the weight, in the order of SIDES; each group by itself."""
    rng = np.random.default_rng(seed)
    wanted = np.array(shares) / sum(shares)
    tried = [_parted(places, _draw(places, wanted, rng)) for _ in range(DRAWS)]
    return min(tried, key=lambda sides: _cost(places, sides, wanted))


def leaks(places: Mapping[str, Place], sides: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pairs of places that touch and lie on two sides; a division has none."""
    return [
        (one, other)
        for one, place in places.items()
        for other in sorted(place.touches)
        if one < other and other in sides and GAP not in (sides[one], sides[other]) and sides[one] != sides[other]
    ]


def _draw(places: Mapping[str, Place], wanted: np.ndarray, rng: np.random.Generator) -> dict[str, str]:
    """One division, not yet parted."""
    sides: dict[str, str] = {}
    for group in sorted({place.group for place in places.values()}):
        here = {name: place for name, place in places.items() if place.group == group}
        total = sum(place.weight for place in here.values())
        missing = wanted * total
        pieces = _pieces(here)
        rng.shuffle(pieces)
        for piece in sorted(pieces, key=lambda names: -sum(here[name].weight for name in names)):
            weight = sum(here[name].weight for name in piece)
            # Whole pieces first go where most is missing; one that would more than fill a side is cut.
            if len(piece) == 1 or weight <= missing.max() + 0.1 * total:
                at = int(missing.argmax())
                missing[at] -= weight
                sides |= dict.fromkeys(piece, SIDES[at])
            else:
                cut = _strips(here, piece, missing, rng)
                for name, side in cut.items():
                    missing[SIDES.index(side)] -= here[name].weight
                sides |= cut
    return sides


def _strips(places: Mapping[str, Place], piece: list[str], missing: np.ndarray, rng: np.random.Generator) -> dict[str, str]:
    """A piece cut across a drawn direction, in a drawn order of sides, by what each of them misses."""
    angle, order = rng.uniform(0, np.pi), rng.permutation(len(SIDES))
    along = sorted(piece, key=lambda name: (places[name].at[0] * np.cos(angle) + places[name].at[1] * np.sin(angle), name))
    room = np.maximum(missing, 0)[order]
    ends = np.cumsum(room / max(room.sum(), 1e-9)) * sum(places[name].weight for name in piece)
    done, cut = 0.0, {}
    for name in along:
        middle = done + places[name].weight / 2
        cut[name] = SIDES[order[min(int(np.searchsorted(ends, middle)), len(SIDES) - 1)]]
        done += places[name].weight
    return cut


def _parted(places: Mapping[str, Place], sides: dict[str, str]) -> dict[str, str]:
    """The same with a gap along each border, taken from its heavier side, place by place until none touch."""
    sides = dict(sides)
    while touching := leaks(places, sides):
        weight = {side: sum(places[name].weight for name, of in sides.items() if of == side) for side in SIDES}
        # The place with the most neighbours on other sides, of the heaviest side, opens most of the gap at once.
        often = dict.fromkeys(chain.from_iterable(touching), 0)
        for name in chain.from_iterable(touching):
            often[name] += 1
        sides[max(sorted(often), key=lambda name: (weight[sides[name]], often[name]))] = GAP
    return sides


def _cost(places: Mapping[str, Place], sides: Mapping[str, str], wanted: np.ndarray) -> float:
    """How far the shares are off, and how much is lost."""
    total = max(sum(place.weight for place in places.values()), 1e-9)
    held = np.array([sum(places[name].weight for name, of in sides.items() if of == side) for side in SIDES])
    return float(np.abs(held / max(held.sum(), 1e-9) - wanted).sum() + (1 - held.sum() / total) + 10 * (held == 0).sum())


def _pieces(places: Mapping[str, Place]) -> list[list[str]]:
    """Places that hang together, each piece in order of names."""
    left, pieces = set(places), []
    for start in sorted(places):
        if start not in left:
            continue
        piece, todo = [], [start]
        left.discard(start)
        while todo:
            name = todo.pop()
            piece.append(name)
            beside: Iterable[str] = places[name].touches & left
            left -= set(beside)
            todo += sorted(beside)
        pieces.append(sorted(piece))
    return pieces
