"""Sharp scenes → a store of simulated training patches."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from dione.base.errors import BadRecipe, NotFound, faults
from dione.base.machine import processors
from dione.base.machine.workers import each
from dione.patches import store
from dione.patches.simulated import scenes, tone
from dione.patches.simulated.scenes import name_of
from dione.patches.simulated.simulate import Degradation, simulate
from dione.patches.split import SplitRule
from dione.sources.places import some

log = logging.getLogger(__name__)


class SimulateConfig(BaseModel):
    """What to simulate, from what, and how it is split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenes: tuple[scenes.SceneSet, ...]
    tones: tuple[str, ...] = ()
    """Globs of real Sentinel-2 scenes whose brightness and contrast display imagery is given."""
    degradation: Degradation = Degradation()
    split: SplitRule = SplitRule()
    held: Annotated[float, Field(gt=0, le=1)] = 0.25
    """Share of the draws that places of validation and test get: they are scored, not learnt from."""
    seed: NonNegativeInt = 0


@dataclass(frozen=True)
class Task:
    """One place to make patches of; it draws from a Generator of its own, so places can be made in any order."""

    place: scenes.Place
    widest_m: float
    """The largest coarse pixel of all tables that show this ground: every table's squares are counted in it, so that they are the same squares."""
    config: SimulateConfig
    tones: tone.Palette | None
    seed: tuple[int, ...]


def simulate_store(config: SimulateConfig, *, root: str | Path, out: str | Path, workers: int | None = None) -> int:
    """Simulate every patch of `config` from the scenes below `root` into a store at `out`; returns how many.

    The same whatever the number of worker processes (all processors by default).
    """
    about = {"made_by": "dione dataset simulate", "config": config.model_dump(mode="json")}
    return store.write(out, patches(config, root, workers=workers), about)


def patches(config: SimulateConfig, root: str | Path, *, workers: int | None = None) -> Iterator[store.Patch]:
    """Every patch, place by place."""
    tones = tone.palette(config.tones, root) if config.tones else None
    found = []
    for part, kind in enumerate(config.scenes):
        places = scenes.places(kind, root)
        log.info("%s: %d places", kind.path, len(places))
        found += [((config.seed, part, number), place) for number, place in enumerate(places)]
    _of_one_site([place for _, place in found])
    widest: dict[tuple[str, str], float] = {}
    for _, place in found:
        widest[place.site, place.name] = max(place.kind.coarse_m, widest.get((place.site, place.name), 0.0))
    tasks = [Task(place, widest[place.site, place.name], config, tones, seed) for seed, place in found]
    if not tasks:
        raise NotFound("the recipe names no scenes; needed at least one [[scenes]] table")
    sites = sorted({task.place.site for task in tasks})
    if unknown := [name for name in config.split.test if name not in sites]:
        wrong = [f"split.test: {name}{f', did you mean {close[0]}?' if (close := get_close_matches(name, sites, n=1)) else ''}" for name in unknown]
        raise BadRecipe(faults("these test sites are not among the scenes, so they would be learnt from", wrong, f"sites are {some(sites)}"))
    for group in each(made, tasks, workers=workers or processors.count()):
        yield from group


def _of_one_site(places: Iterable[scenes.Place]) -> None:
    """Raise BadRecipe for scenes that are of another site in another table: one could be learnt from, the other is scored."""
    sites: defaultdict[str, list[str]] = defaultdict(list)
    for place in places:
        for file in place.files:
            sites[file] += [place.site] if place.site not in sites[file] else []
    wrong = [f"{name_of(file)}: {' and '.join(of)}" for file, of in sites.items() if len(of) > 1]
    if wrong:
        raise BadRecipe(
            faults("these scenes are of several sites, so they could be learnt from and scored", wrong[:8], "give the tables that show them one `site`")
        )


def made(task: Task) -> list[store.Patch]:
    """The patches of one place."""
    place, rule = task.place, task.config.split
    rng = np.random.default_rng(task.seed)
    ground, fine = scenes.ground(place, task.config.degradation.zoom)
    found, square = [], fine * task.widest_m / place.kind.coarse_m
    for name, block in scenes.blocks(ground, round(rule.block_px * square), round(rule.gap_px * square)):
        found += list(_patches_of(replace(place, name=place.name + name), block, fine, task, rng))
    return found


def _patches_of(place: scenes.Place, ground: tone.Array, fine: float, task: Task, rng: np.random.Generator) -> Iterator[store.Patch]:
    kind, degradation = place.kind, task.config.degradation
    model = replace(degradation, noise=_times(degradation.noise, kind.noise), noise_slope=_times(degradation.noise_slope, kind.noise))
    side, needed = round((model.size_px + 2) * fine), round(model.size_px * fine)
    if min(ground.shape[-2:]) < needed:
        log.warning("%s is left out: %d×%d px, a patch needs %d", place.name, *ground.shape[-2:], needed)
        return
    split = task.config.split.of(place.site, place.name)
    draws = kind.draws if split == "train" else max(1, round(kind.draws * task.config.held))
    made = 0
    for made, (cut, years) in enumerate(scenes.windows(ground, side, draws, rng), 1):  # noqa: B007 - how many there were
        sample = simulate(tone.draw(cut, kind, fine, task.tones, rng), fine, model, rng)
        facts = {
            "site": place.site,
            "place": place.name,
            "sensor": kind.sensor,
            "coarse_m": kind.coarse_m,
            "split": split,
            "files": [name_of(place.files[years[year]]) for year in sample.years],
            "clear": sample.valid.mean((1, 2)).round(3).tolist(),
            "shifts": sample.shifts.round(4).ravel().tolist(),
        }
        yield store.Patch(sample.lr, sample.valid, sample.hr, facts)
    if not made:
        log.warning("%s is left out: every window that was drawn holds pixels without data", place.name)


def _times(span: tuple[float, float], factor: float) -> tuple[float, float]:
    return span[0] * factor, span[1] * factor
