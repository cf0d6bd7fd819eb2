"""The pictures of a report: as sharp as fits, whatever the scene's size and the number of dates.

A date has pictures of the whole area and, of a large one, of a close-up at full resolution; both before (as measured)
and after, in several colours, with overlays of the uncertainty and of the detail that was added.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import Image

from dione.base.machine import processors
from dione.base.windows import Window
from dione.prediction.files.form import SUPPORT
from dione.prediction.looks import picture
from dione.prediction.looks.drawn import LADDER, Drawn, Picture, Rung, finest, packed
from dione.prediction.looks.picture import ADDED, FALSE_COLOUR, TRUE_COLOUR, Array, Bytes, Tone
from dione.prediction.looks.preview import Box
from dione.prediction.run import Run, Target
from dione.prediction.windows.overlap import abreast

Item = TypeVar("Item")
Made = TypeVar("Made")

EXACT = 8
"""About how many bytes of text a measured pixel takes in all its colours, packed without loss, so that squares stay square."""
LITTLE_LOSS = 90
ALL_FOR_ONE = 4.5
"""About how many bytes all pictures after take, for one byte of the true-colour one."""


@dataclass(frozen=True)
class Scene:
    """One place of a target as arrays: what its pictures are painted from."""

    before: Array
    before_box: Box
    after: Array
    after_box: Box
    sigma: Array | None
    detail: Array | None
    """(1, h, w). None where the picture is thinned, so that there is none to be seen."""
    support: Bytes | None
    """Classes (h, w), a number for each pixel of the input."""


@dataclass(frozen=True)
class Worst:
    """What the overlays draw strongest, reflectance; 0 where there is nothing to draw."""

    sigma: float
    detail: float


def tones(values: Array) -> dict[str, Tone]:
    """By colours: what a date (4, h, w) is painted with, before and after."""
    return {"true": picture.stretch(values, TRUE_COLOUR), "false": picture.stretch(values, FALSE_COLOUR), "ndvi": picture.Greenness()}


def of_target(run: Run, target: Target, *, room: int) -> tuple[list[Picture], Worst]:
    """Every picture of a sharpened date in at most about `room` bytes of text."""
    seen, painters = scenes(run, target), tones(picture.measure(target))
    worst = Worst(*(_worst([values for scene in seen if (values := getattr(scene, name)) is not None]) for name in ("sigma", "detail")))
    before = [one for scene in seen for one in _before(scene.before, scene.before_box, painters, room=room // len(seen) // 3)]
    left = room - _size(before)
    drawn = [one for made in _abreast(lambda scene: [*_drawn(scene, painters, worst)], seen) for one in made]
    first, others = ([one for one in drawn if ((one.kind, one.colours) == ("after", "true")) is wanted] for wanted in (True, False))

    def after(rung: Rung, last: bool) -> list[Picture] | None:
        probe = [one.packed(*rung) for one in first]
        if not last and ALL_FOR_ONE * _size(probe) > left:
            return None
        made = [*probe, *_abreast(lambda one: one.packed(*rung), others)]
        return made if last or _size(made) <= left else None

    return before + finest(LADDER, after), worst


def of_support(parts: Sequence[tuple[Array, Box]], zoom: int, *, room: int) -> list[Picture]:
    """A date at 10 m, in at most about `room` bytes of text; nothing of none."""
    return [one for values, box in parts for one in _before(values, _fine(box, zoom), tones(parts[0][0]), room=room // len(parts))]


def scenes(run: Run, target: Target) -> list[Scene]:
    """Read what the pictures need: of the whole, and of the close-up of a large one."""
    close = None if target.before.window is None else target.before.window.zoomed(run.zoom)
    parts = [*zip(target.before.parts, (None, close), strict=False)]
    most = LADDER[0 if close is None else 1][0]  # with a close-up the whole need not be as fine
    return [*_abreast(lambda part: _scene(run, target, *part[0], part[1], most), parts)]


def _scene(run: Run, target: Target, before: Array, box: Box, window: Window | None, most: int) -> Scene:
    """The whole, or a window of it; about `most` pixels a side, at most a third more."""
    rows, columns = run.fine.shape if window is None else window.shape
    after = picture.read(target.sr, window=window, about=most)
    sigma = None if target.sigma is None else picture.read(target.sigma, window=window, about=most // 2)
    corner = (0, 0) if window is None else (window.left, window.top)
    detail = added(after, run.zoom) if after.shape[1:] == (rows, columns) else None
    return Scene(before, _fine(box, run.zoom), after, (*corner, columns, rows), sigma, detail, _support(run, target, window))


def _abreast(make: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[Made]:
    """On every core: most of the time goes to libraries that let other threads work meanwhile."""
    return abreast(make, items, threads=min(processors.count(), max(len(items), 1)))


def _support(run: Run, target: Target, window: Window | None) -> Bytes | None:
    """The classes of what `window` (the whole by default) shows, one for each pixel of the input, or as many as there is room for."""
    if target.support is None:
        return None
    rows, columns = run.fine.shape if window is None else window.shape
    shrink = max(run.zoom, 2 * max(rows, columns) / LADDER[0][0])
    return picture.read_classes(target.support, size=(max(1, round(rows / shrink)), max(1, round(columns / shrink))), window=window)


def added(after: Array, zoom: int) -> Array:
    """What the result (4, h, w) has that its own 10 m average, enlarged by bicubic interpolation, has not: (1, h, w) the size of the difference, mean over bands; NaN by a hole."""
    seen = np.asarray(np.isfinite(after).all(0))
    whole = np.ones_like(seen) if seen.all() else _there_and_back(seen.astype(np.float32), zoom) > 0.99
    total = np.zeros(after.shape[1:], np.float32)
    for band in range(len(after)):  # one by one: all differences are as much memory as the scene
        filled = np.where(seen, after[band], np.float32(0))
        total += np.abs(filled - _there_and_back(filled, zoom))
    return np.where(whole, total / np.float32(len(after)), np.float32(np.nan))[None]


def _there_and_back(band: Array, zoom: int) -> Array:
    """Averaged to pixels `zoom` times larger, and enlarged again."""
    drawn = Image.fromarray(band)
    coarse = drawn.resize((drawn.width // zoom, drawn.height // zoom), Image.Resampling.BOX)
    return np.asarray(coarse.resize(drawn.size, Image.Resampling.BICUBIC), np.float32)


def _drawn(scene: Scene, painters: Mapping[str, Tone], worst: Worst) -> Iterator[Drawn]:
    """Everything of a place that comes after."""
    for colours, tone in painters.items():
        yield Drawn("after", colours, scene.after_box, picture.holed(tone.paint(scene.after), scene.after))
    if scene.sigma is not None:
        yield Drawn("sigma", "", scene.after_box, picture.overlay(scene.sigma, worst=worst.sigma))
    if scene.detail is not None:
        yield Drawn("detail", "", scene.after_box, picture.overlay(scene.detail, worst=worst.detail, colour=ADDED))
    if scene.support is not None:
        yield Drawn("support", "", scene.after_box, picture.mapped(scene.support, SUPPORT.classes))


def _before(values: Array, box: Box, painters: Mapping[str, Tone], *, room: int) -> list[Picture]:
    """The 10 m pictures: their own pixels, exactly if there is room, or as many as there is room for."""
    painted = {name: picture.holed(tone.paint(values), values) for name, tone in painters.items()}

    def pictures(rung: tuple[int, int | None], last: bool) -> list[Picture] | None:
        made: list[Picture] = []
        for name, pixels in painted.items():
            made.append(Picture("before", name, box, packed(pixels, side=rung[0], quality=rung[1])))
            if not last and _size(made) > room:
                return None
        return made

    exact = values[0].size * EXACT <= room
    return finest(((LADDER[0][0], None if exact else LITTLE_LOSS), *LADDER[1:]), pictures)


def _size(made: Sequence[Picture]) -> int:
    """Bytes of text."""
    return sum(len(one.uri) for one in made)


def _fine(box: Box, zoom: int) -> Box:
    """The same place in pixels of the result."""
    left, top, width, height = (edge * zoom for edge in box)
    return left, top, width, height


def _worst(found: Sequence[Array]) -> float:
    """The 99th percentile of the mean over bands, rounded to two digits."""
    means = [values.mean(0)[np.isfinite(values).all(0)] for values in found]
    seen = np.concatenate([np.zeros(0), *means])
    return float(f"{np.percentile(seen, 99):.2g}") if seen.size else 0.0
