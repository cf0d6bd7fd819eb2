"""From a recipe to a store of real pairs: areas, what each scene and Sentinel-2 show of them, and patches cut from that.

    recipe ─▶ areas ─▶ each area on its own, in worker processes ─▶ larder ─▶ patches, area by area ─▶ store

An area that stands in the larder as the same settings and inputs made it is not made again. One that fails stops no other.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa

from dione.base.errors import BadSource, DioneError, faults, grouped
from dione.base.machine import processors, shortage
from dione.base.vectors.features import Features
from dione.pairs import areas as area_tables
from dione.pairs import larder as larders
from dione.pairs import regions as region_files
from dione.pairs.areas import Area
from dione.pairs.cutting import Cutter
from dione.pairs.larder import Kept, Larder
from dione.pairs.making import Progress, Task, keys, make_missing
from dione.pairs.recipe import BuildRecipe
from dione.pairs.scenes import scenes
from dione.pairs.visit import Visit
from dione.patches import store
from dione.prepare import cover
from dione.prepare.reference.neighbours import suspects
from dione.sources.carrying import alone_at
from dione.sources.delivered import scenetable
from dione.sources.places import is_remote

VISITS = "visits.parquet"
VISIT_COLUMNS = pa.schema({**dict.fromkeys(("area", "scene", "time", "outcome", "why"), pa.string()), "cover": pa.float64(), "cloud": pa.float64()})
MOST_TOLD = 20
AGAIN = "run the same command again: the area is made anew"


@dataclass(frozen=True)
class Built:
    """What came of it."""

    patches: int
    areas: int
    pairs: int
    left_out: int
    """Scenes in areas that the rules left out."""
    reasons: tuple[str, ...]
    """By which rule, and how often; the most frequent first."""
    unseen: int
    """Areas that no scene shows."""
    fresh: int
    """Areas that were made now; the others stood in the larder."""
    failed: tuple[tuple[str, str], ...]
    """(area, or area and scene; why)."""

    def raise_failed(self, out: str | Path) -> None:
        """Raises BadSource with a table of everything that failed."""
        if self.failed:
            head = f"{len(self.failed)} of the areas and scenes failed; {out} holds {self.patches} patches of the others"
            raise BadSource(faults(head, grouped(self.failed), f"{VISITS}, beside the kept areas, tells of every area and scene"))


def build(
    recipe: BuildRecipe,
    out: str | Path,
    *,
    areas: str,
    workers: int | None = None,
    scheduler: str | None = None,
    fresh: bool = False,
    progress: Progress = lambda *_: None,
) -> Built:
    """Make the store at `out`, which may be at s3:// too, and keep the areas it was cut from in `areas`, a folder or a place on s3://.

    workers: processes (one a processor by default); the result does not depend on them. scheduler: the address of a Dask
    cluster whose workers make the areas instead; they reach scenes, Sentinel-2 and `areas` under the same names. fresh: make every area again.
    Raises NotFound where no table of scenes or no region is there, BadRecipe, BadSource where no area gave a patch, CannotWrite where
    another build is at the same areas.
    """
    rows = scenetable.read(recipe.vhr.scenes)
    regions, wrong = region_files.usable(_regions(recipe, rows))
    boxes = area_tables.areas(regions, **recipe.areas.model_dump(exclude={"regions"}))
    areas = areas if is_remote(areas) else str(Path(areas).absolute())
    larder = Larder(areas)
    run = uuid4().hex
    tasks = [Task(area, recipe, larder, key, run) for area, key in zip(boxes, keys(recipe, rows, boxes), strict=True)]
    with alone_at(larder.folder):
        kept, failed, fresh_ones = make_missing(tasks, workers or processors.count(), fresh, progress, scheduler)
        visits = [visit for one in kept.values() for visit in one.visits]
        _tables(larder, boxes, visits, failed)
        failed |= {f"{visit.area} {visit.scene}": visit.why for visit in visits if visit.outcome == "failed"}
        unseen = [area for area in boxes if area.name in kept and not kept[area.name].visits]
        failed |= _all_cloud(visits) | _nowhere(unseen, boxes) | wrong
        by_name = {area.name: area for area in boxes}
        cutter = _cutter(recipe, by_name, kept, visits)
        about = {"made_by": "dione dataset build", "recipe": recipe.model_dump(mode="json"), "areas": areas}
        patches = _patches(cutter, by_name, kept, failed, progress)
        first = next(patches, None)
        if first is None:
            raise BadSource(_nothing(boxes, visits, failed))
        exact = recipe.pairing.harmonise == "scene"  # which may lie below zero
        count = store.write(out, chain([first], patches), about, exact=exact, tables={area_tables.FILE: area_tables.table(boxes)})
    outcomes = [visit.outcome for visit in visits]
    paired, left_out = (outcomes.count(outcome) for outcome in ("paired", "left out"))
    return Built(count, len(boxes), paired, left_out, _reasons(visits), len(unseen), fresh_ones, tuple(sorted(failed.items())))


def _regions(recipe: BuildRecipe, rows: Iterable[Mapping[str, Any]]) -> Features:
    """The regions of interest, or the ground of the scenes."""
    if recipe.areas.regions is not None:
        return region_files.read(recipe.areas.regions)
    ground = tuple(scene.footprint for scene in scenes(rows, recipe.vhr))
    return Features(ground, {recipe.areas.name: np.full(len(ground), "scenes")}, source="the ground of the scenes")


def _all_cloud(visits: list[Visit]) -> dict[str, str]:
    """Scenes that show no area without cloud."""
    found: dict[str, list[float]] = {}
    for visit in visits:
        if visit.cloud is not None:
            found.setdefault(visit.scene, []).append(visit.cloud)
    return {
        scene: f"it is all cloud: none of the {len(cloud)} areas that it shows is seen\nleave it out of the table"
        for scene, cloud in found.items()
        if min(cloud) >= 1
    }


def _nowhere(unseen: Iterable[Area], boxes: Iterable[Area]) -> dict[str, str]:
    """Regions of which no scene shows anything: the wrong place, or the wrong table."""
    areas, blank = (Counter(area.site for area in listed) for listed in (boxes, unseen))
    return {
        f"region {site}": f"no scene of the table shows any of its {count} areas\nadd scenes of it, or take it out of the regions"
        for site, count in areas.items()
        if blank[site] == count
    }


def _cutter(recipe: BuildRecipe, boxes: Mapping[str, Area], kept: Mapping[str, Kept], visits: list[Visit]) -> Cutter:
    cloudy = [(visit.area, visit.scene) for visit in visits if visit.cloud is not None and visit.cloud > recipe.pairing.max_cloud]
    shadows = suspects({name: area.outline for name, area in boxes.items()}, cloudy, near=area_tables.NEAR_DEGREES)
    land = np.sum([[0] * cover.CLASSES, *(one.land for one in kept.values() if one.land)], axis=0)
    return Cutter(recipe.sampling, recipe.pairing.dates, recipe.seed, cover.rarity(land), shadows)


def _patches(cutter: Cutter, boxes: Mapping[str, Area], kept: Mapping[str, Kept], failed: dict[str, str], progress: Progress) -> Iterator[store.Patch]:
    """Area by area; one whose Stacks are damaged is noted as failed, and will be made again."""
    paired = [one for one in kept.values() if one.pairs]
    for done, (one, stacks) in enumerate(larders.read(paired), 1):
        try:
            yield from cutter.patches(boxes[one.name], one.pairs, stacks.result())
        except DioneError as error:
            if shortage.advice(error):
                raise
            one.forget()
            failed[one.name] = f"{error}\n{AGAIN}"
        progress("patches", done, len(paired))


def _tables(larder: Larder, boxes: tuple[Area, ...], visits: list[Visit], failed: Mapping[str, str]) -> None:
    """Written beside the areas; an area that failed before any scene was looked at has a row without a scene."""
    larder.table(area_tables.FILE, area_tables.table(boxes))
    rows = [visit.row for visit in visits]
    rows += [Visit(area, "", np.datetime64("NaT", "ns"), "failed", why).row for area, why in failed.items()]
    if rows:
        larder.table(VISITS, pa.Table.from_pylist(rows, VISIT_COLUMNS))


def _nothing(boxes: tuple[Area, ...], visits: list[Visit], failed: Mapping[str, str]) -> str:
    """Why there is no patch at all."""
    paired = sum(visit.outcome == "paired" for visit in visits)
    told = [f"{paired} references were paired, but there is no place where a patch fits: look at size_px and rim_px"] if paired else []
    told += grouped(failed.items())
    told += _reasons(visits)
    return faults(f"none of {len(boxes)} areas gave a patch", told or ["no scene shows any of them"], "loosen [pairing], or take other areas or scenes")


def _reasons(visits: list[Visit]) -> tuple[str, ...]:
    """Why scenes were left out; those that are alike but for their figures are told once, with how often."""
    alike = Counter(re.sub(r"\d+%", "…%", " ".join(visit.why.split()).partition(" (")[0], count=1) for visit in visits if visit.outcome == "left out")
    return tuple(f"{count} times: {why}" for why, count in alike.most_common(MOST_TOLD))
