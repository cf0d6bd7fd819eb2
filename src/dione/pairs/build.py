"""From a recipe to a store of real pairs: areas, what each scene and Sentinel-2 show of them, and patches cut from that.

    recipe ─▶ areas ─▶ each area on its own, in worker processes ─▶ larder ─▶ patches, area by area ─▶ store

An area that stands in the larder as the same settings and inputs made it is not made again. One that fails stops no other.
"""

import logging
import multiprocessing
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from shapely.geometry import mapping
from threadpoolctl import threadpool_limits

from dione.base import identity
from dione.base.errors import BadSource, DioneError, faults
from dione.pairs import areas as area_tables
from dione.pairs.areas import Area
from dione.pairs.cutting import Cutter
from dione.pairs.larder import Kept, Larder
from dione.pairs.recipe import BuildRecipe
from dione.pairs.scenes import Scene, scenes
from dione.pairs.sentinel import Source
from dione.pairs.visit import Visit, gather
from dione.patches import store
from dione.prepare import cover
from dione.prepare.neighbours import suspects
from dione.sources import scenetable

log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]
VISITS = "visits.parquet"
MOST_TOLD = 20


@dataclass(frozen=True)
class Built:
    """What came of it."""

    patches: int
    areas: int
    pairs: int
    left_out: int
    """Scenes in areas that the rules left out."""
    fresh: int
    """Areas that were made now; the others stood in the larder."""
    failed: tuple[tuple[str, str], ...]
    """(area, or area and scene; why)."""

    def raise_failed(self, out: Path) -> None:
        """Raises BadSource with a table of everything that failed."""
        if self.failed:
            told = [f"{what}\n    {why.replace(chr(10), chr(10) + '    ')}" for what, why in self.failed]
            raise BadSource(faults(f"{len(self.failed)} of the areas and scenes failed; {out} holds {self.patches} patches of the others", told))


@dataclass(frozen=True)
class Task:
    """One area to make; pickled to a worker, which opens scenes and series itself."""

    area: Area
    recipe: BuildRecipe
    larder: Larder
    key: str


def build(recipe: BuildRecipe, out: Path, *, areas: str, workers: int | None = None, fresh: bool = False, progress: Progress = lambda *_: None) -> Built:
    """Make the store at `out` and keep the areas it was cut from in `areas`, a folder or a place on s3://.

    workers: processes (one a processor by default); the result does not depend on them. fresh: make every area again.
    Raises NotFound where no table of scenes or no region is there, BadRecipe, BadSource where no area gave a patch.
    """
    rows = scenetable.read(recipe.vhr.scenes)
    boxes = area_tables.areas(_regions(recipe, rows), **recipe.areas.model_dump(exclude={"regions"}))
    larder = Larder(areas)
    tasks = [Task(area, recipe, larder, key) for area, key in zip(boxes, keys(recipe, rows, boxes), strict=True)]
    kept, failed, made = _gathered(tasks, workers or os.cpu_count() or 1, fresh, progress)
    visits = [visit for one in kept.values() for visit in one.visits]
    _tables(larder, boxes, visits)
    failed |= {f"{visit.area} {visit.scene}": visit.why for visit in visits if visit.outcome == "failed"}
    failed |= _all_cloud(visits)
    by_name = {area.name: area for area in boxes}
    cutter = _cutter(recipe, by_name, kept, visits)
    about = {"made_by": "dione dataset build", "recipe": recipe.model_dump(mode="json"), "areas": areas}
    try:
        count = store.write(out, _patches(cutter, by_name, kept, progress), about)
    except BadSource as error:
        raise BadSource(_nothing(boxes, visits, failed)) from error
    area_tables.write(out / area_tables.FILE, boxes)
    outcomes = [visit.outcome for visit in visits]
    return Built(count, len(boxes), outcomes.count("paired"), outcomes.count("left out"), made, tuple(sorted(failed.items())))


def _gathered(tasks: list[Task], workers: int, fresh: bool, progress: Progress) -> tuple[dict[str, Kept], dict[str, str], int]:
    """Every area that is there, those that failed and why, and how many were made now."""
    kept = {} if fresh else {task.area.name: one for task in tasks if (one := task.larder.kept(task.area)) is not None and one.key == task.key}
    missing = [task for task in tasks if task.area.name not in kept]
    failed: dict[str, str] = {}
    for done, (task, why) in enumerate(_run(missing, workers), 1):
        one = task.larder.kept(task.area)
        if why or one is None:
            failed[task.area.name] = why
            log.warning("area %s: %s", task.area.name, why)
        else:
            kept[task.area.name] = one
        progress("areas", done, len(missing))
    return {name: kept[name] for name in sorted(kept)}, failed, len(missing)


def _run(tasks: list[Task], workers: int) -> Iterator[tuple[Task, str]]:
    """Each task as it ends, and why it failed, if it did."""
    if workers == 1 or len(tasks) <= 1:
        yield from ((task, make(task)) for task in tasks)
        return
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from zip(tasks, pool.map(make, tasks), strict=True)


def make(task: Task) -> str:
    """Gather one area into the larder; returns why it failed, or ''."""
    # Matrices of an area are small: on a busy machine, threads of linear algebra wait for each other most of the time.
    with threadpool_limits(1):
        try:
            task.larder.keep(gather(task.area, _scenes(task.recipe), _source(task.recipe), task.recipe), task.key)
        except DioneError as error:
            return str(error)
    return ""


@lru_cache(1)
def _scenes(recipe: BuildRecipe) -> tuple[Scene, ...]:
    """Opened once a process."""
    return scenes(scenetable.read(recipe.vhr.scenes), recipe.vhr)


@lru_cache(1)
def _source(recipe: BuildRecipe) -> Source:
    return Source(recipe.sentinel2)


def _regions(recipe: BuildRecipe, rows: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The regions of interest, or the ground of the scenes."""
    if recipe.areas.regions is not None:
        return area_tables.regions(recipe.areas.regions)
    features = [{"type": "Feature", "geometry": mapping(scene.footprint), "properties": {}} for scene in scenes(rows, recipe.vhr)]
    return {"type": "FeatureCollection", "features": [feature | {"properties": {recipe.areas.name: "scenes"}} for feature in features]}


def keys(recipe: BuildRecipe, rows: list[dict[str, Any]], boxes: Iterable[Area]) -> Iterator[str]:
    """What each area was made from: settings, but for sampling, the scenes that touch it, and the Sentinel-2 source."""
    settings = recipe.model_dump(mode="json", include={"sentinel2", "vhr", "pairing"})
    content = lru_cache(maxsize=None)(identity.of_files)
    found = scenes(rows, recipe.vhr)
    for area in boxes:
        touching = [row for scene in found if scene.footprint.intersects(area.outline) for row in scene.rows.values()]
        rasters = [content(row["raster"]) for row in touching]
        name = recipe.sentinel2.of(area.site, area.name)
        yield identity.of(settings, [area.name, area.size_m, area.buffer_m], name if recipe.sentinel2.archive else content(name), touching, rasters)


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


def _cutter(recipe: BuildRecipe, boxes: Mapping[str, Area], kept: Mapping[str, Kept], visits: list[Visit]) -> Cutter:
    cloudy = [(visit.area, visit.scene) for visit in visits if visit.cloud is not None and visit.cloud > recipe.pairing.max_cloud]
    shadows = suspects({name: area.outline for name, area in boxes.items()}, cloudy, near=area_tables.NEAR_DEGREES)
    land = np.sum([[0] * cover.CLASSES, *(one.land for one in kept.values() if one.land)], axis=0)
    return Cutter(recipe.sampling, recipe.pairing.dates, recipe.seed, cover.rarity(land), shadows)


def _patches(cutter: Cutter, boxes: Mapping[str, Area], kept: Mapping[str, Kept], progress: Progress) -> Iterator[store.Patch]:
    for done, (name, one) in enumerate(kept.items(), 1):
        yield from cutter.patches(boxes[name], one)
        progress("patches", done, len(kept))


def _tables(larder: Larder, boxes: tuple[Area, ...], visits: list[Visit]) -> None:
    """Written beside the areas."""
    larder.table(area_tables.FILE, area_tables.table(boxes))
    if visits:
        larder.table(VISITS, pa.Table.from_pylist([visit.row for visit in visits]))


def _nothing(boxes: tuple[Area, ...], visits: list[Visit], failed: Mapping[str, str]) -> str:
    """Why there is no patch at all."""
    paired = sum(visit.outcome == "paired" for visit in visits)
    told = [f"{paired} references were paired, but there is no place where a patch fits: look at size_px and rim_px"] if paired else []
    told += [f"{what}: {' '.join(why.split())}" for what, why in failed.items()][:MOST_TOLD]
    # Alike but for their figures: told once, with how often.
    alike = Counter(re.sub(r"\d+%", "…%", " ".join(visit.why.split()).partition(" (")[0], count=1) for visit in visits if visit.outcome == "left out")
    told += [f"{count} times: {why}" for why, count in alike.most_common(MOST_TOLD)]
    return faults(f"none of {len(boxes)} areas gave a patch", told or ["no scene shows any of them"], "loosen [pairing], or take other areas or scenes")
