"""One area: every scene that shows some of it is looked at, and those that will do are paired with their Sentinel-2 dates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import DioneError, NothingClear
from dione.base.machine import shortage
from dione.pairs.areas import Area
from dione.pairs.recipe import BuildRecipe
from dione.pairs.scenes import Look, Scene
from dione.pairs.sentinel import Source
from dione.prepare import cover
from dione.prepare.area import clear_fractions
from dione.prepare.radiometry import check_not_twice
from dione.prepare.reference.pair import DAY, Pair, dates_for, pair
from dione.prepare.reference.register import Local, Shift

Row = dict[str, Any]
SHARPER = 0.5
"""A reference's pixels are at most this fraction of Sentinel-2's: what is made of larger ones is no truth."""


@dataclass(frozen=True)
class Visit:
    """What one scene came to in one area."""

    area: str
    scene: str
    time: np.datetime64
    outcome: str
    """paired, left out (by the rules), failed."""
    why: str = ""
    cover: float | None = None
    cloud: float | None = None
    """Of what is covered; a neighbour's cloud makes shadows suspect."""

    @property
    def row(self) -> Row:
        return {**self.__dict__, "time": str(self.time)[:19]}


@dataclass(frozen=True)
class Gathered:
    """An area's two Stacks, and what goes with what."""

    area: Area
    visits: tuple[Visit, ...]
    coarse: xr.Dataset | None = None
    """All Sentinel-2 dates that any reference goes with; None where nothing was paired."""
    references: xr.Dataset | None = None
    """One date a paired scene, on the finer grid."""
    pairs: tuple[Row, ...] = ()
    """One a reference, in order of time: what was measured, and the positions of its dates in `coarse`, the nearest first."""
    land: tuple[int, ...] = ()
    """Pixels of each class of land cover (dione.prepare.cover)."""


def gather(area: Area, scenes: Sequence[Scene], source: Source, recipe: BuildRecipe) -> Gathered:
    """Visit every scene that touches an area; what goes wrong with one stops no other.

    Raises only what concerns the whole area: no Sentinel-2 over it, or no date.
    """
    here = [scene for scene in scenes if scene.footprint.intersects(area.outline)]
    if not here:
        return Gathered(area, ())
    coarse = source.over(area, [_span(scene.time, recipe) for scene in here])
    clear = clear_fractions(coarse)
    made: list[tuple[Scene, Look, Pair]] = []
    visits: list[Visit] = []
    for scene in here:
        visit, found = _visit(area, scene, coarse, clear, recipe, taken={one.time for one, _, _ in made})
        visits += [visit] if visit else []
        made += [found] if found else []
    if not made:
        return Gathered(area, tuple(visits))
    return _gathered(area, visits, coarse, clear, made)


def _visit(
    area: Area, scene: Scene, coarse: xr.Dataset, clear: list[float], recipe: BuildRecipe, *, taken: set[np.datetime64]
) -> tuple[Visit | None, tuple[Scene, Look, Pair] | None]:
    """How it went, and the pair if there is one; neither for a scene that shows nothing of the area."""
    look: Look | None = None

    def told(outcome: str, why: str = "") -> Visit:
        cover_, cloud = (look.cover, look.cloud) if look else (None, None)
        return Visit(area.name, scene.name, scene.time, outcome, why, cover_, cloud)

    rule = recipe.pairing
    try:
        look = scene.over(area, margin_m=rule.limit_m)
        if look is None:
            return None, None
        if blurred := _too_coarse(look, coarse):
            return told("left out", blurred), None
        if look.cover < rule.least_cover:
            return told("left out", f"it shows {look.cover:.0%} of the area, needs {rule.least_cover:.0%}"), None
        if look.cloud > rule.max_cloud:
            return told("left out", f"{look.cloud:.0%} of the area is under its clouds, at most {rule.max_cloud:.0%} may be"), None
        if scene.time in taken:
            return told("failed", "another scene of the same time shows the area too\nkeep one of them in the table"), None
        dates = dates_for(scene.time, coarse, clear, rule)
        check_not_twice(coarse, dates)  # of an archive nobody has looked at any
        reference = look.reference()
        if rule.harmonise == "scene":
            reference = scene.scale.in_place_of(reference, rule.scale)
        found = pair(coarse, dates, reference, rule)
    except NothingClear as error:
        return told("left out", str(error)), None
    except DioneError as error:
        if shortage.advice(error):  # of this machine just now: the area is not kept, so that it is tried again
            raise
        return told("failed", str(error)), None
    return told("paired"), (scene, look, found)


def _too_coarse(look: Look, coarse: xr.Dataset) -> str:
    """Why a scene is no sharper than the series; '' where it is."""
    fine_m, coarse_m = (grids.size_m(stacks.grid_of(one)) or 0.0 for one in (look.sharp, coarse))
    if fine_m <= SHARPER * coarse_m * 1.001:
        return ""
    return f"it has pixels of {fine_m:.3g} m, needs at most {SHARPER * coarse_m:.3g} m to be truth for those of {coarse_m:.3g} m"


def _gathered(area: Area, visits: list[Visit], coarse: xr.Dataset, clear: list[float], made: list[tuple[Scene, Look, Pair]]) -> Gathered:
    used = sorted({at for _, _, found in made for at in found.dates})
    place = {at: number for number, at in enumerate(used)}
    rows = tuple(
        {
            "scene": scene.name,
            "sensor": scene.sensor,
            "reference_date": str(scene.time)[:19],
            "cover": round(look.cover, 4),
            "cloud": round(look.cloud, 4),
            "dates": [place[at] for at in found.dates],
            "days": [when.days(coarse)[at] for at in found.dates],
            "clear": [round(clear[at], 4) for at in found.dates],
            "days_apart": round(float(abs(coarse["time"].values[found.dates[0]] - scene.time) / DAY), 2),
            **_shift("shift", found.shift),
            **_shift("left", found.left),
            "local": [_local(one) for one in found.local],
        }
        for scene, look, found in made
    )
    references = _joined([found.reference for _, _, found in made], [scene for scene, _, _ in made])
    kept = coarse.isel(time=used)
    newest = kept.isel(time=-1)
    land = cover.counts(cover.classes(newest["reflectance"].values), newest["valid"].values)
    return Gathered(area, tuple(visits), kept, references, rows, tuple(land.tolist()))


def _joined(parts: list[xr.Dataset], scenes: list[Scene]) -> xr.Dataset:
    """References of one grid as one Stack, in order of time."""
    reflectance, valid = (np.concatenate([part[name].values for part in parts]) for name in ("reflectance", "valid"))
    notes = {str(key): str(value) for key, value in parts[0].attrs.items() if key not in ("source", "radiometry")}
    times = [scene.time for scene in scenes]
    return stacks.make(reflectance, valid, times, stacks.grid_of(parts[0]), items=[scene.name for scene in scenes], **notes)


def _span(time: np.datetime64, recipe: BuildRecipe) -> tuple[np.datetime64, np.datetime64]:
    """When Sentinel-2 dates may lie that go with a reference, a day more on each side; `dates_for` is exact."""
    reach = np.timedelta64(int(recipe.pairing.window_days * 86400) + 86400, "s")
    return time - reach, time + reach


def _shift(name: str, found: Shift | None) -> Row:
    if found is None:
        return {f"{name}_{part}": None for part in ("south_m", "east_m", "error_m", "correlation")}
    return {f"{name}_{part}": round(getattr(found, part), 4) for part in ("south_m", "east_m", "error_m", "correlation")}


def _local(one: Local) -> list[float]:
    """Top, left, bottom, right, pixels of 10 m; south, east, error, metres."""
    window = one.window
    return [window.top, window.left, window.bottom, window.right, round(one.south_m, 3), round(one.east_m, 3), round(one.error_m, 3)]
