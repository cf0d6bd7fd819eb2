"""Sharp scenes → a store of simulated training patches."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from dione.patches import scenes, store
from dione.patches.simulate import Degradation, simulate
from dione.patches.split import SplitRule

log = logging.getLogger(__name__)


class SimulateConfig(BaseModel):
    """What to simulate, from what, and how it is split."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenes: tuple[scenes.SceneSet, ...]
    degradation: Degradation = Degradation()
    split: SplitRule = SplitRule()
    seed: int = 0


def simulate_store(config: SimulateConfig, *, root: Path, out: Path) -> int:
    """Simulate every patch of `config` from the scenes below `root` into a store at `out`; returns how many."""
    about = {"made_by": "dione dataset simulate", "config": config.model_dump(mode="json")}
    return store.write(out, patches(config, root), about)


def patches(config: SimulateConfig, root: Path) -> Iterator[store.Patch]:
    """Every patch; each place draws from a Generator of its own, so places can be made in any order."""
    for part, kind in enumerate(config.scenes):
        found = scenes.places(kind, root)
        log.info("%s: %d places", kind.sensor, len(found))
        for number, place in enumerate(found):
            yield from _patches_of(place, config, np.random.default_rng((config.seed, part, number)))


def _patches_of(place: scenes.Place, config: SimulateConfig, rng: np.random.Generator) -> Iterator[store.Patch]:
    image, fine = scenes.ground(place)
    side = round((config.degradation.size_px + 2) * fine)
    whole = round(config.degradation.size_px * fine)
    for cut in scenes.windows(image, side, place.kind.draws, rng):
        if min(cut.shape[-2:]) < whole:
            log.warning("%s is left out: %d×%d px, a patch needs %d", place.name, *cut.shape[-2:], whole)
            return
        sample = simulate(tone(cut, place.kind, rng), fine, config.degradation, rng)
        facts = {
            "site": place.site,
            "place": place.name,
            "sensor": place.kind.sensor,
            "split": config.split.of(place.site, place.name),
            "files": [place.files[year].name for year in sample.years],
            "clear": sample.valid.mean((1, 2)).round(3).tolist(),
            "shifts": sample.shifts.round(4).ravel().tolist(),
        }
        yield store.Patch(sample.lr, sample.valid, sample.hr, facts)


def tone(cut: np.ndarray, kind: scenes.SceneSet, rng: np.random.Generator) -> np.ndarray:
    """Brightness and curve drawn anew: display imagery's own are unknown; brightness alone for reflectance."""
    bands = cut.shape[1]
    gain = np.exp(0.2 * rng.standard_normal() + 0.1 * rng.standard_normal((bands, 1, 1))).astype(np.float32)
    if kind.white is None:
        return cut * gain
    top = np.array(kind.reflectance, np.float32)[:, None, None] * kind.white
    return top * gain * (cut / top) ** np.float32(rng.uniform(0.9, 1.7))
