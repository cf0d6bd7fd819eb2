"""Areas made, each on its own: those that stand in the larder as the same settings and inputs made them are left alone.

One that fails stops no other; what a worker process needs, it opens itself.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from dione.base.errors import DioneError
from dione.base.machine import scheduler
from dione.base.machine.workers import each
from dione.base.storage import identity
from dione.pairs.areas import Area
from dione.pairs.larder import Kept, Larder
from dione.pairs.recipe import BuildRecipe
from dione.pairs.scenes import Scene, scenes
from dione.pairs.sentinel import Source
from dione.pairs.visit import gather
from dione.sources.contents import digest
from dione.sources.delivered import scenetable
from dione.sources.places import is_remote

log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]
UNSEEN = "its worker wrote it where this machine does not see it; areas have to be kept where every worker reaches them under the same name"


@dataclass(frozen=True)
class Task:
    """One area to make; pickled to a worker, which opens scenes and series itself."""

    area: Area
    recipe: BuildRecipe
    larder: Larder
    key: str
    """What it is made from."""
    run: str
    """The same for all areas of one build: a process opens scenes and series once for it."""


def keys(recipe: BuildRecipe, rows: list[dict[str, Any]], boxes: Iterable[Area]) -> Iterator[str]:
    """What each area was made from, and by which dione: settings, but for sampling, the scenes that touch it, and the Sentinel-2 source."""
    settings = recipe.model_dump(mode="json", include={"sentinel2", "vhr", "pairing"})
    content = lru_cache(maxsize=None)(digest)
    found = scenes(rows, recipe.vhr)
    for area in boxes:
        touching = [row for scene in found if scene.footprint.intersects(area.outline) for row in scene.rows.values()]
        rasters = [content(row["raster"]) for row in touching]
        name = recipe.sentinel2.of(area.site, area.name)
        yield identity.of(
            version("dione"), settings, [area.name, area.size_m, area.buffer_m], name if recipe.sentinel2.archive else content(name), touching, rasters
        )


def make_missing(tasks: list[Task], workers: int, fresh: bool, progress: Progress, address: str | None = None) -> tuple[dict[str, Kept], dict[str, str], int]:
    """Every area that is there, those that failed and why, and how many were made now; on the cluster of the scheduler at `address`, if there is one."""
    kept = {} if fresh else {task.area.name: one for task in tasks if (one := task.larder.kept(task.area)) is not None and one.key == task.key}
    missing = [task for task in tasks if task.area.name not in kept]
    failed: dict[str, str] = {}
    made = zip(missing, each(make_one, missing, workers=workers), strict=True) if address is None else _on_cluster(missing, address)
    for done, (task, why) in enumerate(made, 1):
        one = task.larder.kept(task.area)
        if why or one is None:
            failed[task.area.name] = why or UNSEEN
            log.warning("area %s: %s", task.area.name, failed[task.area.name])
        else:
            kept[task.area.name] = one
        progress("areas", done, len(missing))
    return {name: kept[name] for name in sorted(kept)}, failed, len(missing)


def _on_cluster(tasks: list[Task], address: str) -> Iterator[tuple[Task, str]]:
    """Each task and why it failed, if it did, made by the workers of a Dask cluster; one that is lost loses the area it was at, which another takes over."""
    if not tasks:
        return
    recipe = _full(tasks[0].recipe)
    with scheduler.connected(address) as client:
        if not is_remote(tasks[0].larder.folder):
            scheduler.seen_by_all(client, Path(tasks[0].larder.folder))
        for number, why, failed in scheduler.ended(client, make_one, [replace(task, recipe=recipe) for task in tasks]):
            yield tasks[number], failed or why


def _full(recipe: BuildRecipe) -> BuildRecipe:
    """What a worker opens by full paths: it stands in a folder of its own."""
    sentinel2, sharp = recipe.sentinel2, recipe.vhr
    series = sentinel2 if sentinel2.archive else sentinel2.model_copy(update={"source": _absolute(sentinel2.source)})
    return recipe.model_copy(update={"sentinel2": series, "vhr": sharp.model_copy(update={"scenes": _absolute(sharp.scenes)})})


def _absolute(place: str) -> str:
    return place if is_remote(place) else str(Path(place).absolute())


def make_one(task: Task) -> str:
    """Gather one area into the larder; returns why it failed, or ''."""
    # Matrices of an area are small: on a busy machine, threads of linear algebra wait for each other most of the time.
    with threadpool_limits(1):
        try:
            task.larder.keep(gather(task.area, *_opened(task.recipe, task.run), task.recipe), task.key)
        except DioneError as error:
            return str(error)
    return ""


@lru_cache(1)
def _opened(recipe: BuildRecipe, run: str) -> tuple[tuple[Scene, ...], Source]:
    """Scenes and series of one build."""
    return scenes(scenetable.read(recipe.vhr.scenes), recipe.vhr), Source(recipe.sentinel2)
