"""What each stage of a pipeline does: it calls the room that does it, and returns what came of it in a sentence, and what failed."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from dione import opening
from dione.base.errors import DioneError
from dione.base.storage import documents
from dione.base.storage.files import folder, write_text
from dione.evaluation.run import evaluate
from dione.evaluation.shown import curation
from dione.nets.resolver import load
from dione.pairs.build import AGAIN, build
from dione.patches import curate, splitting, store
from dione.patches.older import scaling
from dione.pipeline.recipe import PipelineRecipe, Prediction
from dione.prediction.config import PredictConfig
from dione.prediction.files import eoresult
from dione.prediction.job import predict_to
from dione.prepare.radiometry import check_values
from dione.prepare.reference import scenestatistics
from dione.prepare.reference.brightness import CloudRule
from dione.sources.delivered import deliveries, scenetable
from dione.sources.delivered.plainvhr import Told
from dione.sources.delivered.sensors import table
from dione.training.config import NetRecipe, TrainRecipe
from dione.training.run import train

Progress = Callable[[str, int, int], None]
OPENED = {"area", "size_m", "dates", "max_scene_cloud", "find_clouds", "bands", "pattern", "scale", "offset", "align", "feature"}
"""What of `[[predict]]` tells how its series is opened."""


@dataclass(frozen=True)
class Context:
    """What every stage is given."""

    recipe: PipelineRecipe
    workers: int | None
    fresh: bool
    """Whether what is half done was done for other settings or inputs, and is to be done again."""
    progress: Progress
    cleared: Callable[[], None] = lambda: None
    """To be called when that is gone: what is half done from then on is of these settings, and is gone on with."""


@dataclass
class Outcome:
    """What came of a stage."""

    words: str
    failed: list[tuple[str, str]] = field(default_factory=list)
    """(what, why) of parts that failed while the rest went on."""


def scan(context: Context) -> Outcome:
    """The table of scenes."""
    told = context.recipe.vhr
    made = deliveries.scan(told.deliveries, told=Told(told.sensor, sun_elevation=told.sun_elevation), sensors=table(told.sensors))
    failed = [(one.path, one.why) for one in made.failed]
    if not made.products:
        made.complain()
    scenetable.write(context.recipe.scenes, map(scenetable.row, made.products))
    return Outcome(f"{sum(product.kind == 'ms' for product in made.products)} scenes", failed)


def statistics(context: Context) -> Outcome:
    """Columns of statistics in the same table."""
    rows, sharp = scenetable.read(context.recipe.scenes), context.recipe.build.vhr
    opener = scenestatistics.Opener(scenetable.numbers, scenetable.stack)
    made = scenestatistics.add(rows, opener, rule=CloudRule(sharp.blue_above), sharpen=scenestatistics.method(sharp.sharpen), progress=context.progress)
    scenetable.write(context.recipe.scenes, made.rows)
    return Outcome(f"{len(made.rows) - len(made.failed)} rasters", list(made.failed))


def pairs(context: Context) -> Outcome:
    """Areas and patches; kept areas that turn out damaged are made anew at once."""
    recipe = context.recipe
    once = partial(build, recipe.build, recipe.store, areas=recipe.areas, workers=context.workers, progress=context.progress)
    made = once()
    if any(why.endswith(AGAIN) for _, why in made.failed):
        made = once()
    return Outcome(f"{made.patches} patches of {made.pairs} pairs in {made.areas} areas", list(made.failed))


def curated(context: Context) -> Outcome:
    """Scores as columns, what is kept, and a page about it."""
    recipe, told = context.recipe, context.recipe.curate
    curate.score(store.read(recipe.store), limit_px=told.shift_px, progress=context.progress)
    opened = store.read(recipe.store)
    conditions = [*(curate.preset(opened, told.preset) if told.preset else ()), *told.keep]
    kept = curate.keep(opened, conditions or ["True"])
    curation.write(recipe.out / "curation.html", store.read(recipe.store))
    return Outcome(f"{kept} of {opened.index.num_rows} patches kept")


def divided(context: Context) -> Outcome:
    """Training, validation, test."""
    told = context.recipe.split
    made = splitting.split(store.read(context.recipe.store), shares=told.shares, by=told.by, seed=told.seed)
    return Outcome(", ".join(f"{side} {made.patches.get(side, 0)}" for side in sorted(made.places)))


def normalised(context: Context) -> Outcome:
    """scaling.json."""
    made = scaling.scaling(store.read(context.recipe.store), by=context.recipe.scaling.by, workers=context.workers or 1, progress=context.progress)
    write_text(context.recipe.out / "scaling.json", json.dumps(made, indent=1) + "\n")
    return Outcome(f"{len(made) - 1} groups")


def trained(context: Context) -> Outcome:
    """The weights file."""
    recipe = context.recipe
    made = train(train_recipe(recipe), resume=not context.fresh, progress=context.progress, cleared=context.cleared)
    return Outcome(str(made).replace(str(recipe.out), recipe.sent_to) if recipe.sent_to else str(made))


def predicted(context: Context) -> Outcome:
    """Each series by itself; one that fails stops no other."""
    made, failed = [], []
    for told in context.recipe.predict:
        try:
            made.append(_predict(context, told))
        except DioneError as error:
            failed.append((told.name, str(error)))
    return Outcome(", ".join(made) or "nothing", failed)


def evaluated(context: Context) -> Outcome:
    """Scores on the test split."""
    told = context.recipe.evaluate
    assert told is not None
    made = evaluate(weights(context.recipe), context.recipe.store, out=context.recipe.out / "scores", against=told.against, dates=told.dates)
    gained = [line for line in made.summary["differences"] if line["against"] == made.summary["against"][0]][-1]
    return Outcome(f"{gained['cpsnr']['mean']:+.2f} dB over {gained['against']}")


def train_recipe(recipe: PipelineRecipe) -> TrainRecipe:
    """As the recipe says, with the normalisation that was counted if it is wanted."""
    if not recipe.scaling.into_net:
        return recipe.train
    figures = json.loads((recipe.out / "scaling.json").read_text())[scaling.ALL]["sentinel2"]
    spread = [max(high - low, 1e-3) for low, high in zip(figures["p1"], figures["p99"], strict=True)]
    config: dict[str, Any] = {**recipe.train.net.config, "centre": figures["p1"], "spread": spread}
    return recipe.train.model_copy(update={"net": NetRecipe(kind=recipe.train.net.kind, config=config)})


def weights(recipe: PipelineRecipe) -> Path:
    """Where training leaves them."""
    return recipe.train.folder / f"{recipe.train.name}.safetensors"


def _predict(context: Context, told: Prediction) -> str:
    stack = opening.open(told.source, **told.model_dump(include=OPENED))
    check_values(stack)
    out = folder(context.recipe.out / "predictions" / told.name)
    config = PredictConfig(**told.model_dump(include=set(PredictConfig.model_fields)))
    if told.eopatch:
        eoresult.check(out / "eopatch", stack)
    before = results(out)
    run = predict_to(stack, out, resolver=load(str(weights(context.recipe))), config=config, progress=context.progress)
    after = results(out)
    for stale in _styled(before - after) - _styled(after):  # of dates that are no targets any more, by whatever weights
        stale.unlink(missing_ok=True)
    if told.eopatch:
        eoresult.write(out / "eopatch", run, stack, name=told.eopatch)
    else:
        eoresult.remove(out / "eopatch")
    return f"{told.name}: {len(run.targets)} dates"


def _styled(files: set[Path]) -> set[Path]:
    """Files, and how QGIS shows each: a date in one file and in tiles has one style."""
    return files | {file.with_suffix(".qml") for file in files}


def results(out: Path) -> set[Path]:
    """What the last run into a folder says that it made there; nothing, where that cannot be read."""
    try:
        names = [name for target in documents.json_in(out / "run.json")["targets"] for name in target["files"]]
        return {out / name for name in names if ".." not in Path(name).parts and not Path(name).is_absolute()}
    except (OSError, ValueError, KeyError, TypeError):
        return set()
