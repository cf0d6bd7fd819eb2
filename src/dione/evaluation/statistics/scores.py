"""Scores out of sums: what is divided by what, in the end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dione.base.bands import BANDS
from dione.evaluation.statistics.rows import Rows, Sums
from dione.measure.coverage import LEVELS

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """One way to judge a result."""

    words: str
    unit: str
    better: Literal["more", "less", "one"]
    finish: Callable[[Sums], Values]
    """(n,) sums → (n,) scores; NaN where undefined."""
    digits: int = 3


def _ratio(part: str, whole: str) -> Callable[[Sums], Values]:
    return lambda sums: sums[part] / sums[whole]


def _share(name: str) -> Callable[[Sums], Values]:
    """The triplet with all of the added detail: the last of STEPS."""
    return lambda sums: sums[name][:, -1] / sums["correctness"][:, -1]


def _f1(sums: Sums) -> Values:
    precision, recall = sums["edges_true"] / sums["edges_made"], sums["edges_met"] / sums["edges_wanted"]
    found = 2 * precision * recall / (precision + recall)
    nothing = (sums["edges_wanted"] > 0) & ((sums["edges_true"] == 0) | (sums["edges_met"] == 0))
    return np.where(nothing, 0.0, found)


def _covered(at: int) -> Callable[[Sums], Values]:
    return lambda sums: sums["covered"][:, at] / sums["values"]


def _of_band(part: str, at: int, whole: str) -> Callable[[Sums], Values]:
    return lambda sums: sums[part][:, at] / sums[whole]


TOGETHER: dict[str, Score] = {
    "cpsnr": Score("peak signal-to-noise ratio, brightness forgiven; mean of the images'", "dB", "more", _ratio("cpsnr", "patches"), 2),
    "cssim": Score("structural similarity, brightness forgiven", "", "more", _ratio("similarity", "values"), 4),
    "sam": Score("spectral angle", "°", "less", _ratio("angle", "pixels"), 3),
    "ergas": Score("relative global error; mean of the images'", "", "less", _ratio("ergas", "patches"), 3),
    "consistency": Score("mean distance from the input when averaged back to it", "reflectance", "less", _ratio("apart", "coarse_values"), 5),
    "edge_f1": Score("edges found again, within one pixel", "", "more", _f1),
    "improvement": Score("share of detail that is right (opensr-test)", "", "more", _share("improvement")),
    "omission": Score("share of detail that is missing (opensr-test)", "", "less", _share("omission")),
    "hallucination": Score("share of detail that is invented (opensr-test)", "", "less", _share("hallucination")),
    "detail_gain": Score("factor on the added detail that fits the truth best", "", "one", _ratio("detail_truth", "detail"), 2),
    **{f"coverage_{round(100 * level)}": Score(f"share of truth within the {level:.0%} interval", "", "one", _covered(at)) for at, level in enumerate(LEVELS)},
    "sharpness": Score("mean width of the 90% interval", "reflectance", "less", _ratio("width", "values"), 4),
}
"""Of all bands together; near infrared, whose detail is largest where plants grow, decides most of what is summed over bands."""
ALONE: dict[str, dict[str, Score]] = {
    band: {
        f"cpsnr_{band}": Score(f"cPSNR of {band} alone", "dB", "more", _of_band("cpsnr_bands", at, "patches"), 2),
        f"coverage_90_{band}": Score(f"share of truth within the 90% interval, {band} alone", "", "one", _of_band("covered_bands", at, "pixels")),
    }
    for at, band in enumerate(BANDS)
}
"""By band."""
SCORES = TOGETHER | {name: score for scores in ALONE.values() for name, score in scores.items()}


def finished(rows: Rows) -> dict[str, Values]:
    """Every score of every row; NaN where it is undefined (edges where the truth has none, the gain of no detail)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: score.finish(rows.sums) for name, score in SCORES.items()}


def whole_cpsnr(rows: Rows) -> Values:
    """cPSNR of each row as of one image, its bias taken off once: what tiles of a scene add up to. dB."""
    count = rows.sums["pixels"][:, None]
    mse = (rows.sums["squared"] / count - (rows.sums["error"] / count) ** 2).mean(1)
    return -10 * np.log10(np.maximum(mse, 1e-12))


def equally_improved(one: Rows, other: Rows) -> tuple[float, float, float]:
    """Improvement that both models reach, and how much each hallucinates there.

    Each model's added detail is turned down, bicubic + t · (SR − bicubic), until its improvement is the smaller of both
    models' best; hallucination is read at that t, between STEPS by straight lines. So a model is not thanked for adding
    little, nor blamed for adding much. Rows of one model each, added up here.
    """
    curves = [_curve(rows) for rows in (one, other)]
    level = min(float(improved.max()) for improved, _ in curves)
    return level, *(_at(level, improved, invented) for improved, invented in curves)  # type: ignore[return-value]


def _curve(rows: Rows) -> tuple[Values, Values]:
    """Improvement and hallucination at each of STEPS."""
    counted = rows.sums["correctness"].sum(0)
    return rows.sums["improvement"].sum(0) / counted, rows.sums["hallucination"].sum(0) / counted


def _at(level: float, improved: Values, invented: Values) -> float:
    """Hallucination where the improvement first reaches `level`."""
    past = int(np.argmax(improved >= level))
    if past == 0:
        return float(invented[0])
    before, after = improved[past - 1], improved[past]
    share = (level - before) / (after - before)
    return float(invented[past - 1] + share * (invented[past] - invented[past - 1]))
