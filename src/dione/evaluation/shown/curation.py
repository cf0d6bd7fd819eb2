"""A page about curation: how the scores of a store are spread, what is kept, and the worst patches as pictures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dione.evaluation.shown.charts import HEIGHT, WIDTH
from dione.pages.page import Dress, rendered
from dione.patches import curate
from dione.patches.store import PER_UNIT, Store
from dione.prediction.looks import picture
from dione.sources.carrying import put

BINS = 24
DOTS = 1500
"""A scatter plot draws at most so many patches."""
WORST = 12
SIDE_PX = 160
PLOTS = (("correlation", "ssim"), ("change", "psnr"), ("shift_right", "shift_down"), ("mse_ratio", "psnr_nir"))
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Histogram:
    """One column: bars of what is kept, and on top of what is not, in the box of the page's charts."""

    name: str
    bars: list[tuple[float, float, float, float]]
    """Left, width, height of what is kept, height of what is not."""
    low: str
    high: str


@dataclass(frozen=True)
class Scatter:
    """Two columns against each other."""

    across: str
    up: str
    dots: list[tuple[float, float, bool]]
    """In the box; whether it is kept."""
    ends: tuple[str, str, str, str]
    """Left, right, bottom, top."""


@dataclass(frozen=True)
class Example:
    """One patch as pictures."""

    words: str
    kept: bool
    target: str
    reference: str


def write(path: str | Path, opened: Store) -> str | Path:
    """One HTML file, here or at s3://, of a store that was scored."""
    kept = np.zeros(opened.index.num_rows, bool)
    kept[opened.rows()] = True
    columns = {name: _column(opened, name) for name in curate.COLUMNS}
    text = rendered(
        "dione.evaluation",
        "curation.html",
        dress=Dress(styles=("page.css", "scores.css", "curation.css")),
        store=str(opened.path),
        total=len(kept),
        kept=int(kept.sum()),
        conditions=opened.about.get("kept", []),
        clouded=int((columns["target_clear"] < 1).sum()),
        histograms=[histogram(name, values, kept) for name, values in columns.items() if np.isfinite(values).any()],
        scatters=[scatter((x, columns[x]), (y, columns[y]), kept) for x, y in PLOTS if np.isfinite(columns[x] + columns[y]).any()],
        groups=[("Worst of those kept", worst(opened, columns, kept, True)), ("Worst of those left out", worst(opened, columns, kept, False))],
    )
    put(path, text.encode())
    return path


def histogram(name: str, values: Values, kept: NDArray[np.bool_]) -> Histogram:
    """Between the 1st and 99th percentile, values beyond in the last bars."""
    known = np.isfinite(values)
    low, high = _span(values[known])
    inside = [np.histogram(np.clip(values[known & of], low, high), BINS, (low, high))[0] for of in (kept, ~kept)]
    top, width = max(int((inside[0] + inside[1]).max()), 1), WIDTH / BINS
    bars = [(at * width, width - 1, HEIGHT * int(a) / top, HEIGHT * int(b) / top) for at, (a, b) in enumerate(zip(*inside, strict=True))]
    return Histogram(name, bars, f"{low:.3g}", f"{high:.3g}")


def scatter(across: tuple[str, Values], up: tuple[str, Values], kept: NDArray[np.bool_]) -> Scatter:
    """Every n-th patch, so that at most DOTS are drawn."""
    known = np.flatnonzero(np.isfinite(across[1] + up[1]))
    known = known[:: max(1, -(-len(known) // DOTS))]
    spans = [_span(values[known]) for _, values in (across, up)]
    places = [np.clip((values[known] - low) / (high - low), 0, 1) for (_, values), (low, high) in zip((across, up), spans, strict=True)]
    dots = [(WIDTH * float(x), HEIGHT - HEIGHT * float(y), bool(kept[at])) for x, y, at in zip(*places, known, strict=True)]
    ends = tuple(f"{end:.3g}" for span in spans for end in span)
    return Scatter(across[0], up[0], dots, (ends[0], ends[1], ends[2], ends[3]))


def worst(opened: Store, columns: dict[str, Values], kept: NDArray[np.bool_], which: bool) -> list[Example]:
    """Those of least correlation, the target enlarged by repeating pixels beside the reference, in one stretch."""
    correlation = columns["correlation"]
    rows = np.flatnonzero((kept == which) & np.isfinite(correlation))
    return [_example(opened, int(row), columns, which) for row in rows[np.argsort(correlation[rows], kind="stable")][:WORST]]


def _example(opened: Store, row: int, columns: dict[str, Values], kept: bool) -> Example:
    target, reference = (np.asarray(array[row], np.float32) / PER_UNIT for array in (opened.lr, opened.hr))
    target = target[0]
    tone = picture.stretch(target, picture.TRUE_COLOUR)
    size = (SIDE_PX, SIDE_PX)
    target_uri, reference_uri = (
        picture.data_uri(picture.webp(picture.fitted(tone.paint(image.astype(np.float32)), size), quality=60)) for image in (target, reference)
    )
    facts = opened.index.slice(row, 1).to_pylist()[0]
    words = f"row {row}, {facts['site']} {facts['place']}: " + ", ".join(f"{name} {columns[name][row]:.2f}" for name in ("correlation", "ssim", "psnr"))
    return Example(words, kept, target_uri, reference_uri)


def _column(opened: Store, name: str) -> Values:
    values = opened.index[name].to_pylist() if name in opened.index.column_names else [None] * opened.index.num_rows
    return np.array([np.nan if value is None else value for value in values], np.float64)


def _span(values: Values) -> tuple[float, float]:
    low, high = np.percentile(values, (1, 99))
    return float(low), float(high) if high - low > 1e-9 else float(low) + 1e-6 + abs(float(low)) * 0.01
