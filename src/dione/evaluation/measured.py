"""One pass over all cases: rows of statistics, whatever number of images; memory stays flat."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from dione.base.errors import NothingClear
from dione.evaluation.cases import Models, Source
from dione.evaluation.rows import Rows, joined
from dione.evaluation.tally import histograms, tally
from dione.measure.coverage import multiples
from dione.nets.resolver import Resolver

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
def measured(source: Source, models: Models, dates: Sequence[int], *, progress: Progress | None = None) -> Measured:
    """Score every model on every case, from each number of dates (those there are, where fewer). Raises NothingClear."""
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
            rows += [tally(cases, name, factors=factors(resolver)) for name, resolver in models.items()]
            here = [joined([*here, *(histograms(cases, name) for name in models)]).pooled("site", "dates", "model")]
        squares += here
        tell(what, source.most_patches, source.most_patches)
    if not rows:
        raise NothingClear("no target saw half of what is to be scored, clouds' edges left out\nuse a larger area, or clearer dates")
    return Measured(joined(rows), joined(squares))


def factors(resolver: Resolver) -> tuple[float, ...]:
    """Half widths of its intervals, in sigmas: its own if calibrated, a normal distribution's otherwise."""
    return multiples(resolver.about.intervals)
