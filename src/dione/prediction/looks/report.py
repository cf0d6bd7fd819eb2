"""report.html: one page that opens anywhere, without network: look, compare, and know what made it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dione.base.grid import sides_m, size_m
from dione.base.machine import processors
from dione.base.storage.files import write_text
from dione.pages.page import Dress, rendered
from dione.pages.place import Place, place
from dione.prediction.files import item
from dione.prediction.files.form import SUPPORT
from dione.prediction.looks import views
from dione.prediction.looks.drawn import Picture
from dione.prediction.looks.spread import BandRow, band_rows
from dione.prediction.looks.timeline import Timeline, timeline
from dione.prediction.looks.views import Worst
from dione.prediction.record import versions
from dione.prediction.run import Run, Support, Target, item_id
from dione.prediction.windows.overlap import abreast

MOST_BYTES = 7_000_000
"""Room for pictures in the page; with text and markup it stays under 8 MB."""
MOST_PICTURED = 60
"""Targets and supports shown with pictures; more would be too small to look at. All are in the tables and files."""
FOR_SUPPORTS = 0.2
"""The most of the room that pictures of supports take."""
AT_ONCE = 4
"""Dates whose pictures are packed at a time: each takes a few hundred MB."""
NOTHING = Worst(0, 0)
DRESS = Dress(styles=("page.css", "stage.css", "place.css", "report.css"), scripts=("stage.js", "report.js"))


@dataclass(frozen=True)
class Sight:
    """One date of the time slider, with its pictures."""

    day: str
    role: str
    """target or support."""
    clear: float
    pictures: list[Picture]
    worst: Worst = NOTHING
    name: str = ""
    """How a target's files begin."""


@dataclass(frozen=True)
class Page:
    """What one target is told of below the pictures."""

    target: Target
    bands: list[BandRow]
    files: list[tuple[str, str, float]]
    """Name, link, megabytes."""
    line: Timeline


def write(out: Path, run: Run) -> Path:
    """OUT/report.html, for every target of `run`; reads the finished files and their overviews, never a whole scene."""
    return write_text(out / "report.html", render(run))


def render(run: Run) -> str:
    """The page's text. Everything that comes from outside is escaped; only the page's own style and script may run."""
    shown, sides = run.targets[-MOST_PICTURED:], sides_m(run.fine)
    whole = shown[-1].before
    made = list(drawn(run, shown))
    seen = sorted((one for one in made if isinstance(one, Sight)), key=lambda sight: (sight.day, sight.name))
    return rendered(
        "dione.prediction.looks",
        "report.html",
        dress=DRESS,
        filters={"percent": _percent, "size": _megabytes, "item_id": item_id},
        run=run,
        pages=[one for one in made if isinstance(one, Page)],
        hidden=len(run.targets) - len(shown),
        sights=seen,
        first=max(at for at, sight in enumerate(seen) if sight.role == "target"),
        place=where(run),
        classes=SUPPORT.classes,
        sizes=_sizes(run),
        metres=sides[0] if sides else 0,
        close=None if whole.window is None else whole.window.zoomed(run.zoom),
        thinned=whole.step,
        versions=versions(),
    )


def drawn(run: Run, shown: tuple[Target, ...]) -> Iterator[Sight | Page]:
    """Every date that has pictures, the targets and the supports that are none, and what else is told of the targets; on every core, for it takes most of the time."""
    supports = run.supports[-MOST_PICTURED:]
    small = int(MOST_BYTES * FOR_SUPPORTS) if supports else 0

    def of_target(target: Target) -> Sight:
        pictures, worst = views.of_target(run, target, room=(MOST_BYTES - small) // len(shown))
        return Sight(target.day, "target", target.clear, pictures, worst, target.name)

    def of_support(support: Support) -> Sight:
        return Sight(support.day, "support", support.clear, views.of_support(support.parts, run.zoom, room=small // len(supports)))

    parts: list[Callable[[], Sight | Page]] = [partial(of_target, target) for target in shown]
    parts += [*(partial(_page, target) for target in shown), *(partial(of_support, support) for support in supports)]
    return abreast(lambda part: part(), parts, threads=min(processors.count(), AT_ONCE), ahead=len(parts))


def where(run: Run) -> Place | None:
    """Where the area is, if it is anywhere."""
    points = item.outlined(run.coarse)
    return None if points is None else place(points)


def _page(target: Target) -> Page:
    paths = [path for path in (*target.files, target.sr.with_name(f"{target.name}.json")) if path.exists()]
    files = [(path.name, "./" + quote(path.name), path.stat().st_size / 1e6) for path in paths]
    files += [(f"{len(target.tiles)} tiles", "./" + quote(target.name), sum(file.stat().st_size for tile in target.tiles for file in tile.files) / 1e6)] * bool(
        target.tiles
    )
    return Page(target, band_rows(target), files, timeline(target.choice.dates))


def _sizes(run: Run) -> dict[str, Any]:
    """Pixel sizes and the area, in words."""
    (height, width), metres, sides = run.coarse.shape, size_m(run.coarse), sides_m(run.coarse)
    if metres is None or sides is None:
        return {"before": "as measured", "after": f"{run.zoom}× sharper", "area": f"{width} × {height} pixels, without a known place"}
    return {
        "before": f"{metres:.3g} m, as measured",
        "after": f"{metres / run.zoom:.3g} m",
        "area": f"{width * sides[0] / 1000:.3g} × {height * sides[1] / 1000:.3g} km",
    }


def _percent(fraction: float) -> str:
    """0.934 → 93 %; never 100 % when something is missing, never 0 % when something is there."""
    shown = round(fraction * 100)
    if shown == 100 and fraction < 0.9995:
        shown = 99
    return "< 1 %" if shown == 0 and fraction > 0 else f"{shown} %"


def _megabytes(size: float) -> str:
    return f"{size:.1f} MB" if size >= 0.1 else f"{max(1, round(size * 1000))} kB"
