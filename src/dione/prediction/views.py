"""The pictures of a report: as sharp as fits, whatever the scene's size and the number of dates."""

from dataclasses import dataclass

import numpy as np

from dione.prediction import picture
from dione.prediction.picture import FALSE_COLOUR, TRUE_COLOUR, Array, Bytes
from dione.prediction.run import Run, Target

LADDER = ((1600, 86), (1400, 82), (1200, 80), (1000, 78), (800, 74), (600, 70), (420, 62), (300, 50), (200, 40), (120, 30))
"""Largest side in pixels and WebP quality, best first."""
LOSSLESS_PX = 300 * 300
"""Measured pictures up to this size are packed without loss: their squares stay square."""


@dataclass(frozen=True)
class View:
    """One place, before and after; every picture is a data URI."""

    name: str
    height: int
    width: int
    before: dict[str, str]
    """By colours: true, false."""
    after: dict[str, str]
    sigma: str | None
    squares: bool
    """Whether the pixels of `before` are those of the sensor."""

    @property
    def bytes(self) -> int:
        return sum(len(text) for text in [*self.before.values(), *self.after.values(), self.sigma or ""])


@dataclass(frozen=True)
class Scene:
    """One place as arrays: what a View is painted from."""

    name: str
    before: Array
    after: Array
    sigma: Array | None
    span: tuple[float, float]
    tones: tuple[picture.Stretch, picture.Stretch]
    worst: float
    squares: bool


def views(run: Run, target: Target, *, room: int) -> tuple[list[View], float]:
    """The whole area and, for a large one, a close-up at full resolution, in at most about `room` bytes of text.

    Second value: the 1σ that the overlay draws strongest, reflectance.
    """
    seen = scenes(run, target)
    for side, quality in LADDER:
        made = [view(scene, side=side, quality=quality) for scene in seen]
        if sum(one.bytes for one in made) <= room:
            break
    return made, seen[0].worst


def scenes(run: Run, target: Target) -> list[Scene]:
    """Read what the pictures need; at most LADDER[0] pixels a side each."""
    before, most = target.before, LADDER[0][0]
    tones = picture.stretch(before.whole, TRUE_COLOUR), picture.stretch(before.whole, FALSE_COLOUR)
    sigma = None if target.sigma is None else picture.read(target.sigma, max_side=most // 2)
    worst = _worst(sigma)
    whole = Scene("whole", before.whole, picture.read(target.sr, max_side=most), sigma, before.span, tones, worst, before.step == 1)
    if before.crop is None or before.window is None:
        return [whole]
    fine = before.window.zoomed(run.zoom)
    close_sigma = None if target.sigma is None else picture.read(target.sigma, window=fine, max_side=most // 2)
    close = picture.read(target.sr, window=fine, max_side=most)
    height, width = before.crop.shape[1:]
    return [whole, Scene("close", before.crop, close, close_sigma, (height, width), tones, worst, True)]


def view(scene: Scene, *, side: int, quality: int) -> View:
    """Paint and pack a scene with at most `side` pixels."""
    height, width = scene.after.shape[1:]
    shrink = max(1.0, max(height, width) / side)
    size = max(1, round(height / shrink)), max(1, round(width / shrink))
    named = dict(zip(("true", "false"), scene.tones, strict=True))
    after = {name: picture.data_uri(picture.webp(picture.fitted(tone.paint(scene.after), size), quality=quality)) for name, tone in named.items()}
    before = {name: _measured(tone.paint(scene.before), scene, size=size, quality=quality) for name, tone in named.items()}
    sigma = None if scene.sigma is None else _unsure(scene.sigma, scene.worst, size=size, quality=quality)
    return View(scene.name, *size, before=before, after=after, sigma=sigma, squares=scene.squares)


def _measured(pixels: Bytes, scene: Scene, *, size: tuple[int, int], quality: int) -> str:
    """The 10 m picture: its own pixels if they are fewer than the page shows, else as many as it shows."""
    rows, columns = pixels.shape[:2]
    if scene.squares and rows <= size[0] and columns <= size[1]:
        return picture.data_uri(picture.webp(pixels, quality=None if rows * columns <= LOSSLESS_PX and quality >= 70 else quality))
    return picture.data_uri(picture.webp(picture.fitted(pixels, size, span=scene.span), quality=quality))


def _unsure(sigma: Array, worst: float, *, size: tuple[int, int], quality: int) -> str:
    drawn = picture.overlay(sigma, worst=worst)
    small = max(1, size[0] // 2), max(1, size[1] // 2)
    return picture.data_uri(picture.webp(picture.fitted(drawn, small) if drawn.shape[0] > small[0] else drawn, quality=quality))


def _worst(sigma: Array | None) -> float:
    """The 99th percentile of the mean 1σ over bands, rounded to two digits."""
    seen = np.zeros(0) if sigma is None else sigma.mean(0)[np.isfinite(sigma).all(0)]
    return float(f"{np.percentile(seen, 99):.2g}") if seen.size else 0.0
