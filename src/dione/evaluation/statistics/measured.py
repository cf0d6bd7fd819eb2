"""One pass over all cases: rows of statistics, whatever number of images; memory stays flat."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from dione.base.errors import BadModel, NothingClear
from dione.evaluation.cases import Cases, Models, Source
from dione.evaluation.statistics.fitting import fitted, inside
from dione.evaluation.statistics.rows import Rows, Sums, joined
from dione.evaluation.statistics.tally import histograms, tally
from dione.measure.coverage import multiples
from dione.nets.resolver import Resolver

MOVED = "moved_px"
"""By how many fine pixels the truth was moved, where it may be."""
Progress = Callable[[str, int, int], None]
"""Called with what is done, how many patches are, and how many there are at most."""


@dataclass(frozen=True)
class Measured:
    """Both add up."""

    rows: Rows
    """One a patch, number of dates and model."""
    histograms: Rows
    """One a site, number of dates and model: squares of predictor × error."""


@dataclass(frozen=True)
class Tallied:
    """What some cases came to."""

    images: int
    rows: tuple[Rows, ...]
    """By model."""
    squares: tuple[Rows, ...]


def measured(
    source: Source, models: Models, dates: Sequence[int], *, align_px: float = 0.0, scheduler: str | None = None, progress: Progress | None = None
) -> Measured:
    """Score every model on every case, from each number of dates (those there are, where fewer).

    align_px: how far the truth may be moved to where a result fits it best, fine pixels. scheduler: the address of a Dask
    cluster to do it on (`dione.evaluation.spread`). Raises NothingClear, BadModel, BadRecipe.
    """
    counts = sorted({min(count, source.most_dates) for count in dates})
    tell = progress or (lambda *_: None)
    if scheduler is None:
        return added({count: _here(source, models, count, align_px, tell) for count in counts})
    from dione.evaluation import spread

    return added(spread.tallied(source, models, counts, align_px, scheduler, tell))


def added(parts: Mapping[int, Iterable[Tallied]]) -> Measured:
    """The parts of each number of dates as one, in their order. Raises NothingClear."""
    rows: list[Rows] = []
    squares: list[Rows] = []
    for tallied in parts.values():
        here: list[Rows] = []
        for part in (one for one in tallied if one.images):
            rows += part.rows
            here = [joined([*here, *part.squares]).pooled("site", "dates", "model")]
        squares += here
    if not rows:
        raise NothingClear(
            "no target saw half of what is to be scored, or anything of it without the edges of clouds and the rim of --align-px\nuse a larger area, clearer dates or a smaller shift"
        )
    return Measured(joined(rows), joined(squares))


@torch.inference_mode()
def tallied(cases: Cases, models: Models, *, align_px: float) -> Tallied:
    """Every model on these cases. Raises BadModel for one that gives no numbers, of which no score could be made."""
    if broken := [name for name, one in cases.made.items() if not (one.sr + one.sigma).isfinite().all(1)[cases.seen].all()]:
        raise BadModel(f"{', '.join(broken)} gives values that are not finite\nlook at its training log, and score an earlier state of it")
    cases = inside(cases, limit_px=align_px) if align_px else cases
    if not len(cases.hr):
        return Tallied(0, (), ())
    rows, squares = [], []
    for name, resolver in models.items():
        fit, told = _fitted(cases, name, align_px)
        one = tally(fit, name, factors=factors(resolver))
        rows.append(Rows(one.keys, one.sums | told))
        squares.append(histograms(fit, name))
    return Tallied(len(cases.hr), tuple(rows), tuple(squares))


def words(count: int) -> str:
    """From how many dates, for progress."""
    return f"from {count} date{'s' if count > 1 else ''}"


def _here(source: Source, models: Models, count: int, align_px: float, tell: Progress) -> Iterator[Tallied]:
    done = 0
    with torch.inference_mode():
        for cases in source.cases(models, count):
            done += len(cases.hr)
            tell(words(count), done, max(done + 1, source.most_patches))
            yield tallied(cases, models, align_px=align_px)
    tell(words(count), source.most_patches, source.most_patches)


def _fitted(cases: Cases, model: str, align_px: float) -> tuple[Cases, Sums]:
    """The cases as one model is scored on them, and how far the truth was moved."""
    if not align_px:
        return cases, {}
    fit, moved = fitted(cases, model, limit_px=align_px)
    return fit, {MOVED: moved.double().numpy()}


def factors(resolver: Resolver) -> tuple[float, ...]:
    """Half widths of its intervals, in sigmas: its own if calibrated, a normal distribution's otherwise."""
    return multiples(resolver.about.intervals)
