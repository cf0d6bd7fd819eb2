"""A whole pipeline: every stage in its order, those that are up to date left alone, what fails told in the end.

    vhr scan → statistics → build → curate → split → scaling → train → predict
                                                                     → evaluate

A stage is up to date when its settings, what its inputs hold, and the stages before it are as they were when it ended;
OUT/pipeline.json says when that was. A stage whose files were cut short since is made again (damage.py). A stage that fails stops those that
need it, and no other. OUT may be at s3:// (outputs.py).
"""

import json
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dione.base.errors import CannotWrite, DioneError, faults, grouped
from dione.base.storage import identity
from dione.base.storage.files import alone, bytes_of, write_text
from dione.base.vectors import vectorfile
from dione.nets import resolver
from dione.nets.turned import TURNS
from dione.nets.zoo import BASELINES
from dione.patches import store
from dione.pipeline import damage, outputs, stages
from dione.pipeline.outputs import STATE, Output, State
from dione.pipeline.recipe import PipelineRecipe
from dione.pipeline.stages import Context, Outcome, Progress
from dione.sources.contents import digest

log = logging.getLogger(__name__)

MEND = "mend them and run the same command: what is up to date is left alone"
TRY_AGAIN = "; --retry tries again what was mended elsewhere: an archive that did not answer, a package that was missing"


@dataclass(frozen=True)
class Stage:
    """One step."""

    name: str
    does: Callable[[Context], Outcome]
    needs: tuple[str, ...]
    """Stages that have to have ended."""
    settings: Any
    """Plain values that decide what comes of it."""
    inputs: tuple[str, ...] = ()
    """Files and folders from outside."""
    outputs: tuple[Path, ...] = ()
    """What it leaves; missing, it is done again."""


@dataclass(frozen=True)
class Ended:
    """How a stage ended in this run."""

    name: str
    how: str
    """made, up to date, failed, not run."""
    words: str
    seconds: float = 0.0
    failed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Run:
    """How all of them ended."""

    ended: tuple[Ended, ...]

    @property
    def failed(self) -> list[tuple[str, str]]:
        """(what, why), over all stages."""
        return [(f"{one.name}: {what}", why) for one in self.ended for what, why in one.failed]

    def raise_failed(self) -> None:
        """Raises DioneError with a table of everything that failed."""
        if self.failed:
            stale = any(one.failed and one.how == "up to date" for one in self.ended)
            raise DioneError(faults(f"{len(self.failed)} parts of the pipeline failed", grouped(self.failed), MEND + (TRY_AGAIN if stale else "")))


def stages_of(recipe: PipelineRecipe) -> tuple[Stage, ...]:
    """Every stage that the recipe asks for, in order."""
    said = _anywhere(recipe.model_dump(mode="json"), recipe)
    tables = recipe.vhr.sensors
    kept, scores = tuple(recipe.store / part for part in store.PARTS), recipe.out / "scores"
    made = [
        Stage("scan", stages.scan, (), said["vhr"], (recipe.vhr.deliveries, *([str(tables)] if tables else [])), (recipe.scenes,)),
        Stage("statistics", stages.statistics, ("scan",), said["build"]["vhr"], (), (recipe.scenes,)),
        Stage("build", stages.pairs, ("scan",), said["build"], _build_inputs(recipe), kept),
        Stage("curate", stages.curated, ("build",), said["curate"], (), (*kept, recipe.out / "curation.html")),
        Stage("split", stages.divided, ("curate",), said["split"], (), kept),
        Stage("scaling", stages.normalised, ("split",), said["scaling"], (), (recipe.out / "scaling.json",)),
        Stage("train", stages.trained, ("scaling",), said["train"], _train_inputs(recipe), (stages.weights(recipe),)),
        Stage("predict", stages.predicted, ("train",), said["predict"], tuple(place for one in recipe.predict for place in one.inputs), _predictions(recipe)),
        Stage("evaluate", stages.evaluated, ("train",), said["evaluate"], _evaluate_inputs(recipe), (scores / "scores.json", scores / "report.html")),
    ]
    wanted = {"statistics": recipe.vhr.statistics, "predict": bool(recipe.predict), "evaluate": recipe.evaluate is not None}
    return tuple(stage for stage in made if wanted.get(stage.name, True))


def run(
    recipe: PipelineRecipe,
    *,
    workers: int | None = None,
    fresh: bool = False,
    retry: bool = False,
    progress: Progress = lambda *_: None,
    tell: Callable[[Ended], None] = lambda _: None,
) -> Run:
    """Run what is not up to date. tell: called with each stage as it ends. fresh: nothing counts as up to date. retry: nor does what failed
    in part; where the same fails again, what follows stays.

    What a stage made for an address at s3:// is sent there when it has ended; a run goes on from there, on whatever machine.
    Raises CannotWrite: before anything is made, if the store does not take a file.
    """
    output = outputs.of(recipe.out, recipe.sent_to)
    with alone(recipe.out):
        state = {} if fresh else output.state()
        ended = _run(recipe, _open_again(state, stages_of(recipe), retry), output, workers, progress, tell)
    if left := sorted({path.parent.name for path in recipe.out.glob("predictions/*/run.json")} - {one.name for one in recipe.predict}):
        log.warning("%s holds %s, which an earlier recipe asked for, perhaps of other weights", recipe.out / "predictions", ", ".join(left))
    return ended


def _run(recipe: PipelineRecipe, state: State, output: Output, workers: int | None, progress: Progress, tell: Callable[[Ended], None]) -> Run:
    keys: dict[str, str] = {}
    ended: dict[str, Ended] = {}
    for stage in stages_of(recipe):
        missing = [name for name in stage.needs if ended[name].how in ("failed", "not run")]
        if missing:
            ended[stage.name] = Ended(stage.name, "not run", f"needs {', '.join(missing)}")
        else:
            keys[stage.name] = _key(stage, [state[name]["stamp"] for name in stage.needs])
            context = Context(recipe, workers, _fresh(stage, keys, state), progress, partial(_cleared, stage, state, recipe))
            ended[stage.name] = _one(stage, keys[stage.name], state, output, context)
            try:
                _note(state, recipe)
            except CannotWrite:
                if not ended[stage.name].failed:
                    raise
                tell(ended[stage.name])
                return Run(tuple(ended.values()))  # what it failed of says what a full disk needs; it counts as begun
            if ended[stage.name].how == "made":
                output.send()
        tell(ended[stage.name])
    output.send()
    return Run(tuple(ended.values()))


def _one(stage: Stage, key: str, state: State, output: Output, context: Context) -> Ended:
    """Run a stage unless it is up to date; `state` is brought up to date with it."""
    was = state.get(stage.name, {})
    if was.get("ended") == key and all(map(output.has, stage.outputs)):
        return Ended(stage.name, "up to date", str(was["words"]), failed=tuple((what, why) for what, why in was["failed"]))
    output.bring(context.progress)
    before = was.get("before") if was.get("begun") == key else None
    state[stage.name] = {"begun": key, "was": was.get("stamp", was.get("was")), "before": before, "over": context.fresh}
    _note(state, context.recipe)
    output.send()  # that it is begun, so that nobody takes what is half sent for what it was
    began = time.monotonic()
    try:
        made = stage.does(context)
    except DioneError as error:
        return Ended(stage.name, "failed", str(error).partition("\n")[0], time.monotonic() - began, ((stage.name, str(error)),))
    seconds = time.monotonic() - began
    # A stage that was made anew, for whatever reason, makes those after it anew, unless it was only tried again, and in vain.
    was_stamp = state[stage.name]["was"]
    stamp = was_stamp if before == _came(made.words, made.failed) else identity.of(key, time.time_ns())
    state[stage.name] = {"begun": key, "ended": key, "stamp": stamp, "was": was_stamp, "words": made.words, "failed": made.failed, "seconds": round(seconds, 2)}
    state[stage.name]["folders_bytes"] = sum(bytes_of(path) for path in stage.outputs if path.is_dir())
    return Ended(stage.name, "made", made.words, seconds, tuple(made.failed))


def _key(stage: Stage, before: list[str]) -> str:
    return identity.of(version("dione"), stage.name, stage.settings, [digest(place) for place in stage.inputs], before)


def _fresh(stage: Stage, keys: dict[str, str], state: dict[str, Any]) -> bool:
    """Whether what is half done is of other settings or inputs: also where a run was to start over, and was stopped before that was gone."""
    was = state.get(stage.name, {})
    return bool(was.get("begun") != keys[stage.name] or was.get("over"))


def _cleared(stage: Stage, state: State, recipe: PipelineRecipe) -> None:
    """Note that nothing half done of other settings or inputs is left of a stage."""
    state[stage.name]["over"] = False
    _note(state, recipe)


def _note(state: State, recipe: PipelineRecipe) -> None:
    write_text(recipe.out / STATE, json.dumps(state, indent=1) + "\n")


def _open_again(state: State, every: tuple[Stage, ...], retry: bool) -> State:
    """What was cut short and, to try again, what failed in part counts as begun, and not as ended; so do stages that wrote into the same files,
    which are made without them first."""
    files = {path for stage in every if retry and state.get(stage.name, {}).get("failed") for path in stage.outputs}
    files |= {path for stage in every if "ended" in (was := state.get(stage.name, {})) for path in damage.found(stage.outputs, was.get("folders_bytes", 0))}
    again = {stage.name for stage in every if files & set(stage.outputs) and "ended" in state.get(stage.name, {})}
    return {name: _opened(was) if name in again else was for name, was in state.items()}


def _opened(was: State) -> State:
    return {"begun": was["begun"], "was": was["stamp"], "before": _came(was["words"], was["failed"])}


def _came(words: str, failed: Iterable[Iterable[str]]) -> list[Any]:
    """What came of a stage, as JSON keeps it: with the same settings and inputs, the same words and faults tell the same result."""
    return [words, [list(one) for one in failed]]


def _anywhere(settings: Any, recipe: PipelineRecipe) -> Any:
    """Plain settings, with the address in place of the folder on this disk that stands for it: the same on every machine."""
    if isinstance(settings, dict):
        return {name: _anywhere(value, recipe) for name, value in settings.items()}
    if isinstance(settings, list):
        return [_anywhere(value, recipe) for value in settings]
    return settings.replace(str(recipe.out), recipe.sent_to) if recipe.sent_to and isinstance(settings, str) else settings


def _build_inputs(recipe: PipelineRecipe) -> tuple[str, ...]:
    """Sentinel-2, unless it lies in an archive, and the regions. Of a source that is named for each site, the folder that holds all."""
    source, regions = recipe.build.sentinel2.source, recipe.build.areas.regions
    fixed = source.partition("{")[0]
    local = [] if recipe.build.sentinel2.archive or not fixed else [fixed.rstrip("/") if fixed != source else source]
    return (*local, *([vectorfile.split(regions)[0]] if regions else []))


def _train_inputs(recipe: PipelineRecipe) -> tuple[str, ...]:
    """What weights start from."""
    registration = recipe.train.train.loss.registration
    return (*_weights(recipe.train.start), *_weights(str(registration.start) if registration and registration.start else None))


def _evaluate_inputs(recipe: PipelineRecipe) -> tuple[str, ...]:
    """What is compared with."""
    return tuple(file for name in (recipe.evaluate.against if recipe.evaluate else ()) for file in _weights(name))


def _weights(model: str | None) -> tuple[str, ...]:
    """The file of a model, unless it comes with dione."""
    named, _, turns = (model or "").rpartition("@")
    plain = named if named and turns in TURNS else model
    return (plain,) if plain and plain not in (*resolver.shipped(), *BASELINES) else ()


def _predictions(recipe: PipelineRecipe) -> tuple[Path, ...]:
    """What the last run says that it wrote, and where it says so."""
    made: list[Path] = []
    for one in recipe.predict:
        out = recipe.out / "predictions" / one.name
        made += [out / "run.json", *sorted(stages.results(out)), *([out / "eopatch"] if one.eopatch else [])]
    return tuple(made)
