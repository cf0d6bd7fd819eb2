"""One pass over all cases: rows of statistics, whatever number of images; memory stays flat."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from dione.base.errors import NothingClear
from dione.evaluation.cases import Cases, Models, Source
from dione.evaluation.fitting import fitted
from dione.evaluation.rows import Rows, Sums, joined
from dione.evaluation.tally import histograms, tally
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


@torch.inference_mode()
def measured(source: Source, models: Models, dates: Sequence[int], *, align_px: float = 0.0, progress: Progress | None = None) -> Measured:
    """Score every model on every case, from each number of dates (those there are, where fewer).

    align_px: how far the truth may be moved to where a result fits it best, fine pixels. Raises NothingClear, BadRecipe.
    """
    rows: list[Rows] = []
    squares: list[Rows] = []
    counts = sorted({min(count, source.most_dates) for count in dates})
    tell = progress or (lambda *_: None)
    for count in counts:
        here: list[Rows] = []
        done, what = 0, f"from {count} date{'s' if count > 1 else ''}"
        for cases in source.cases(models, count):
            done += len(cases.hr)
            tell(what, done, max(done + 1, source.most_patches))
            for name, resolver in models.items():
                fit, told = _fitted(cases, name, align_px)
                one = tally(fit, name, factors=factors(resolver))
                rows.append(Rows(one.keys, one.sums | told))
                here = [joined([*here, histograms(fit, name)]).pooled("site", "dates", "model")]
        squares += here
        tell(what, source.most_patches, source.most_patches)
    if not rows:
        raise NothingClear("no target saw half of what is to be scored, clouds' edges left out\nuse a larger area, or clearer dates")
    return Measured(joined(rows), joined(squares))


def _fitted(cases: Cases, model: str, align_px: float) -> tuple[Cases, Sums]:
    """The cases as one model is scored on them, and how far the truth was moved."""
    if not align_px:
        return cases, {}
    fit, moved = fitted(cases, model, limit_px=align_px)
    return fit, {MOVED: moved.double().numpy()}


def factors(resolver: Resolver) -> tuple[float, ...]:
    """Half widths of its intervals, in sigmas: its own if calibrated, a normal distribution's otherwise."""
    return multiples(resolver.about.intervals)
