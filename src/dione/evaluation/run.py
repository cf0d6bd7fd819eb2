"""An evaluation from its first patch to its report: what `dione evaluate` and `dione.evaluate` do."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import xarray as xr

from dione.base.errors import BadRecipe
from dione.base.storage.files import write_text
from dione.evaluation import compare
from dione.evaluation.cases import REFERENCE, Models, Source
from dione.evaluation.down import Series, day_gains, series
from dione.evaluation.shelf import shelf
from dione.evaluation.shown import report
from dione.evaluation.statistics import rows
from dione.evaluation.statistics.measured import MOVED, Measured, Progress, factors, measured
from dione.evaluation.statistics.scores import SCORES
from dione.measure.coverage import LEVELS
from dione.nets.resolver import Resolver, at_zoom, load
from dione.nets.zoo import BASELINES
from dione.patches import store
from dione.prediction.record import versions
from dione.sources import open as open_source
from dione.sources.carrying import alone_at, staged

DATES = (1, 2, 4, 8)
SUMMARY = "scores.json"


@dataclass(frozen=True)
class Evaluation:
    """What was found."""

    summary: dict[str, Any]
    """What scores.json holds."""
    found: Measured


def evaluate(
    model: str | Path | Resolver,
    dataset: str | Path | xr.Dataset,
    *,
    out: str | Path | None = None,
    against: Sequence[str | Path | Resolver] = (REFERENCE,),
    dates: Sequence[int] = DATES,
    split: str = "test",
    shift_px: float = 0.0,
    align_px: float = 0.0,
    seed: int = 0,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score a model against others, on images whose truth is known.

    dataset: a patch store, of which `split` is taken; or a series (a Stack, or what `dione.open` reads), which is brought
        to pixels zoom times larger, sharpened back and compared with itself, every date that saw half of the area in turn.
    against: names or .safetensors files. dates: numbers of dates to use; those above what there is count as all.
    shift_px: deviation of the sub-pixel shifts that a series' supports are given, coarse pixels, drawn with `seed`.
    align_px: how far along each axis, in its own pixels, the truth may be moved to where each result fits it best: for real references,
        whose orthorectification is off. Results of different `align_px` are not to be compared.
    scheduler: the address of a Dask cluster whose workers score the patches of a store, which they reach under the same name.
    out: a folder, here or at s3://, for scores.json, patches.parquet, histograms.parquet and report.html.

    Raises NotFound (no such dataset, an empty split), BadModel (another zoom), BadGrid (too small), BadValues, BadRecipe, CannotWrite.

    >>> import dione
    >>> from dione.testing import landscape, series
    >>> made = dione.evaluate("bicubic", series(landscape((64, 64)), days=2).stack, against=["nearest"], dates=[1])
    >>> made.summary["model"], made.summary["against"]
    ('bicubic', ['nearest'])
    """
    if align_px < 0:
        raise BadRecipe(f"align is {align_px:g} px, needs 0 (not at all) or more")
    if not dates or min(dates) < 1:
        raise BadRecipe(f"numbers of dates are {list(dates)}; needed at least one, each 1 or more")
    models, name, others = _models(model, against, zoom=store.read(dataset).about["zoom"] if _is_shelf(dataset) else None)
    source = _source(dataset, models, split=split, shift_px=shift_px, seed=seed)
    with ExitStack() as held:
        place = None if out is None else held.enter_context(staged(out, last=SUMMARY))
        if place is not None:
            held.enter_context(alone_at(place))
        found = measured(source, models, dates, align_px=align_px, scheduler=scheduler, progress=progress)
        made = Evaluation(summary(found, source, models, name, others) | _alignment(found, align_px), found)
        if place is not None:
            write(place, made, source, models)
    return made


def summary(found: Measured, source: Source, models: Models, model: str, against: Sequence[str]) -> dict[str, Any]:
    """Everything that is told, as plain values."""
    per_patch = found.rows
    return {
        "model": model,
        "against": list(against),
        "models": {name: {"sha256": resolver.digest or None, **_factors(resolver)} for name, resolver in models.items()},
        **source.facts,
        "dates": [count for count, _ in compare.by_dates(per_patch)],
        "units": {name: score.unit for name, score in SCORES.items()},
        "scores": compare.scores(per_patch),
        "differences": compare.differences(per_patch, model, against),
        "steps": compare.steps(per_patch, model),
        "clouds": compare.clouds(per_patch, model, against),
        "predictors": compare.predictors(found),
        "equal_improvement": compare.invented(per_patch, model, [other for other in against if other != REFERENCE]),
        "targets": _targets(found, model, against) if isinstance(source, Series) else [],
        "versions": versions(),
    }


def write(out: Path, made: Evaluation, source: Source, models: Models) -> None:
    """scores.json, the tables it was made from, and the page."""
    for told in (SUMMARY, "report.html"):  # of a run before: it would stand for tables that are of this one
        (out / told).unlink(missing_ok=True)
    rows.write(out / "patches.parquet", made.found.rows)
    rows.write(out / "histograms.parquet", made.found.histograms)
    write_text(out / SUMMARY, json.dumps(made.summary, indent=1, allow_nan=False) + "\n")
    report.write(out, made.summary, made.found, source, models)


def _models(model: str | Path | Resolver, against: Sequence[str | Path | Resolver], *, zoom: int | None = None) -> tuple[dict[str, Resolver], str, list[str]]:
    """All models by a name of their own, the reference among them; the name of the first, and of those it is compared with.

    zoom: that methods without weights take, by default the model's.
    """
    first = model if isinstance(model, Resolver) else load(model)
    zoom = zoom or first.zoom
    models = {REFERENCE: at_zoom(load(REFERENCE), zoom)}
    names = []
    for each in (first, *against):
        resolver = at_zoom(each if isinstance(each, Resolver) else load(each), zoom)
        known = [name for name, other in models.items() if _alike(resolver, other)]
        namesakes = sum(other.name == resolver.name for other in models.values())
        names.append(known[0] if known else f"{resolver.name} ({namesakes + 1})" if namesakes else resolver.name)
        models.setdefault(names[-1], resolver)
    return models, names[0], list(dict.fromkeys(names[1:]))


def _alike(one: Resolver, other: Resolver) -> bool:
    """Whether two are one: the same network, the same file in as many turns, or the same method without weights."""
    same_method = one.name in BASELINES and (one.name, one.about, type(one.net)) == (other.name, other.about, type(other.net))
    same_file = one.has_weights and (one.digest, one.turns) == (other.digest, other.turns)
    return one.net is other.net or same_method or same_file


def _is_shelf(dataset: str | Path | xr.Dataset) -> TypeGuard[str | Path]:
    return not isinstance(dataset, xr.Dataset) and store.is_store(dataset)


def _source(dataset: str | Path | xr.Dataset, models: Models, *, split: str, shift_px: float, seed: int) -> Source:
    if _is_shelf(dataset):
        if shift_px:
            raise BadRecipe(f"{dataset} is a patch store, whose dates stand where they stand; a shift is given to those of a series only: leave it out")
        return shelf(store.read(dataset), models, split=split)
    if split != "test":
        raise BadRecipe(f"split is {split!r}, and a series has no splits, every date is scored: leave it out, or name a patch store")
    opened = dataset if isinstance(dataset, xr.Dataset) else open_source(str(dataset))
    return series(opened, models, shift_px=shift_px, seed=seed)


def _factors(resolver: Resolver) -> dict[str, object]:
    return {"interval_sigmas": {f"{level:g}": factor for level, factor in zip(LEVELS, factors(resolver), strict=True)}}


def _alignment(found: Measured, align_px: float) -> dict[str, Any]:
    """How far the truth might be moved, and was, by model: the mean over images from the most dates."""
    if not align_px:
        return {}
    _, most = compare.by_dates(found.rows)[-1]
    moved = {str(name): round(float(most.where(model=name).sums[MOVED].mean()), 3) for name in most.values("model")}
    return {"aligned": {"limit_px": align_px, "moved_px": moved}}


def _targets(found: Measured, model: str, against: Sequence[str]) -> list[dict[str, Any]]:
    """A series' dates, each as one image: cPSNR over the others', dB."""
    return [
        {"day": day, "against": other, "dates": count, "gain_db": round(gain, 3)}
        for count, part in compare.by_dates(found.rows)
        for other in against
        for day, gain in day_gains(part, model, other).items()
    ]
