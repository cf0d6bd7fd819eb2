"""What became of each band's colours: its mean and its histogram, before and after."""

from dataclasses import dataclass

import numpy as np

from dione.base.bands import BANDS
from dione.prediction.looks import picture
from dione.prediction.run import Target

BINS = 48


@dataclass(frozen=True)
class BandRow:
    """One band; means over the pixels that the target saw, reflectance."""

    name: str
    before: float
    after: float
    curves: tuple[str, str]
    """Histograms as SVG points in a box of 100 × 30: before, after."""
    top: float
    """Reflectance at the right end of the histograms."""


def band_rows(target: Target) -> list[BandRow]:
    """Each band before and after."""
    before = target.before.whole
    averaged = picture.read(target.sr, size=(before.shape[1], before.shape[2]))
    sharp = picture.read(target.sr, about=1600)
    return [_band_row(name, before[i], averaged[i], sharp[i]) for i, name in enumerate(BANDS)]


def _band_row(name: str, before: picture.Array, averaged: picture.Array, sharp: picture.Array) -> BandRow:
    both = np.isfinite(before) & np.isfinite(averaged)
    means = [float(values[both].mean()) if both.any() else float("nan") for values in (before, averaged)]
    seen = [values[np.isfinite(values)] for values in (before, sharp)]
    top = max([float(np.percentile(values, 99.5)) for values in seen if values.size] or [0.0]) or 1.0
    counts = [np.histogram(values, BINS, (0, top))[0] / max(values.size, 1) for values in seen]
    highest = max(float(count.max()) for count in counts) or 1.0
    before_curve, after_curve = (_points(count / highest) for count in counts)
    return BandRow(name, means[0], means[1], (before_curve, after_curve), top)


def _points(heights: np.ndarray) -> str:
    """Bar tops as SVG points from bottom left to bottom right."""
    middle = (np.arange(len(heights)) + 0.5) * 100 / len(heights)
    tops = [f"{x:.1f},{30 - 28 * height:.1f}" for x, height in zip(middle, heights, strict=True)]
    return " ".join(["0,30", *tops, "100,30"])
