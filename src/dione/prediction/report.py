"""report.html: one page that opens anywhere, without network: look, compare, and know what made it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from dione.base.bands import BANDS
from dione.base.files import write_text
from dione.base.grid import size_m
from dione.prediction import item, page, picture
from dione.prediction.run import Run, Target, item_id, versions
from dione.prediction.views import View, views

MOST_BYTES = 7_000_000
"""Room for pictures in the page; with text and markup it stays under 8 MB."""
MOST_PICTURED = 60
"""Dates shown with pictures; more would be too small to look at. All are in the tables and files."""
BINS = 48


@dataclass(frozen=True)
class BandRow:
    """What became of one band's colours; means over the pixels that the target saw, reflectance."""

    name: str
    before: float
    after: float
    curves: tuple[str, str]
    """Histograms as SVG points in a box of 100 × 30: before, after."""
    top: float
    """Reflectance at the right end of the histograms."""


@dataclass(frozen=True)
class Page:
    """One date as the page shows it."""

    target: Target
    views: list[View]
    worst: float
    """1σ drawn strongest."""
    bands: list[BandRow]
    files: list[tuple[str, str, float]]
    """Name, link, megabytes."""


def write(out: Path, run: Run) -> Path:
    """OUT/report.html, for every target of `run`; reads the finished files and their overviews, never a whole scene."""
    shown = run.targets[-MOST_PICTURED:]
    room = MOST_BYTES // max(len(shown), 1)
    pages = [_page(run, target, room=room) for target in shown]
    return write_text(out / "report.html", render(run, pages))


def render(run: Run, pages: list[Page]) -> str:
    """The page's text. Everything that comes from outside is escaped; only the page's own style and script may run."""
    style, script = (page.own("dione.prediction", name) for name in ("report.css", "report.js"))
    return page.rendered(
        "dione.prediction",
        "report.html",
        filters={"percent": _percent, "size": _megabytes, "item_id": item_id},
        run=run,
        pages=pages,
        hidden=len(run.targets) - len(pages),
        style=style,
        script=script,
        allowed={"style": page.allowed(style), "script": page.allowed(script)},
        place=_place(run),
        sizes=_sizes(run),
        versions=versions(),
    )


def _page(run: Run, target: Target, *, room: int) -> Page:
    pictures, worst = views(run, target, room=room)
    paths = [path for path in (target.sr, target.sigma, target.sr.with_name(f"{target.name}.json")) if path is not None and path.exists()]
    files = [(path.name, "./" + quote(path.name), path.stat().st_size / 1e6) for path in paths]
    return Page(target, pictures, worst, band_rows(target), files)


def band_rows(target: Target) -> list[BandRow]:
    """Each band before and after."""
    before = target.before.whole
    averaged = picture.read(target.sr, size=(before.shape[1], before.shape[2]))
    sharp = picture.read(target.sr, max_side=1600)
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


def _place(run: Run) -> str | None:
    """Where the middle of the area is, in words; None without a CRS."""
    _, box = item.footprint(run.coarse)
    if box is None:
        return None
    west, south, east, north = box
    longitude, latitude = (west + (east + 360 if east < west else east)) / 2, (south + north) / 2
    longitude = (longitude + 180) % 360 - 180
    return f"{abs(latitude):.4f}° {'N' if latitude >= 0 else 'S'}, {abs(longitude):.4f}° {'E' if longitude >= 0 else 'W'}"


def _sizes(run: Run) -> dict[str, Any]:
    """Pixel sizes and the area, in words."""
    (height, width), metres = run.coarse.shape, size_m(run.coarse)
    if metres is None:
        return {"before": "as measured", "after": f"{run.zoom}× sharper", "area": f"{width} × {height} pixels, without a known place"}
    return {
        "before": f"{metres:.3g} m, as measured",
        "after": f"{metres / run.zoom:.3g} m",
        "area": f"{width * metres / 1000:.3g} × {height * metres / 1000:.3g} km",
    }


def _percent(fraction: float) -> str:
    """0.934 → 93 %; never 100 % when something is missing, never 0 % when something is there."""
    shown = round(fraction * 100)
    if shown == 100 and fraction < 0.9995:
        shown = 99
    return "< 1 %" if shown == 0 and fraction > 0 else f"{shown} %"


def _megabytes(size: float) -> str:
    return f"{size:.1f} MB" if size >= 0.1 else f"{max(1, round(size * 1000))} kB"
