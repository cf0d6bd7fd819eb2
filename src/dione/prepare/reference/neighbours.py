"""Shadow by neighbour: a cloud throws its shadow beside itself, so an area is suspect on a date when one that touches it was cloudy."""

from collections.abc import Iterable, Mapping

import numpy as np
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from dione.base.errors import NotFound, faults

NEAR = 1e-6
"""Areas nearer than this many units of their CRS touch: borders that were computed never meet exactly."""


def touching(areas: Mapping[str, BaseGeometry], *, near: float = NEAR) -> dict[str, frozenset[str]]:
    """For each area, by name, the others that touch or overlap it; all in one CRS."""
    names, shapes = list(areas), list(areas.values())
    made: dict[str, set[str]] = {name: set() for name in names}
    if names:
        pairs: tuple[np.ndarray, np.ndarray] = STRtree(shapes).query(shapes, predicate="dwithin", distance=near)
        for one, other in zip(*pairs, strict=True):
            if one != other:
                made[names[one]].add(names[other])
    return {name: frozenset(found) for name, found in made.items()}


def suspects(areas: Mapping[str, BaseGeometry], cloudy: Iterable[tuple[str, str]], *, near: float = NEAR) -> frozenset[tuple[str, str]]:
    """The (area, date) that may lie in the shadow of a cloud next door.

    cloudy: the (area, date) that were cloudy. An area's own cloud makes its neighbours suspect, not itself.
    Raises NotFound for cloudy areas that are not among the areas.
    """
    told = list(cloudy)
    unknown = sorted({area for area, _ in told} - areas.keys())
    if unknown:
        raise NotFound(faults("cloudy areas that are not among the areas", unknown))
    beside = touching(areas, near=near)
    return frozenset((neighbour, date) for area, date in told for neighbour in beside[area])
