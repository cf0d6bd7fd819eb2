"""A picture of a report before and after it is packed: how large, how good."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dione.prediction.looks import picture
from dione.prediction.looks.picture import Bytes
from dione.prediction.looks.preview import Box

Step = TypeVar("Step")
Made = TypeVar("Made")
Rung = tuple[int, int]
LADDER: tuple[Rung, ...] = ((2400, 84), (1600, 82), (1600, 72), (1200, 76), (1000, 70), (800, 66), (600, 62), (420, 56), (300, 50), (200, 40), (120, 30))
"""Largest side in pixels and WebP quality, best first."""


@dataclass(frozen=True)
class Picture:
    """One picture of a date, and where it lies."""

    kind: str
    """before, after, sigma, detail or support."""
    colours: str
    """true, false or ndvi; empty for an overlay."""
    box: Box
    """Pixels of the result."""
    uri: str


@dataclass(frozen=True)
class Drawn:
    """A picture before it is packed."""

    kind: str
    colours: str
    box: Box
    pixels: Bytes

    def packed(self, side: int, quality: int) -> Picture:
        """At most `side` pixels large. An overlay is half as fine: it packs badly, and shows no less so."""
        if self.kind == "support":
            uri = picture.data_uri(picture.webp(_nearest(self.pixels, side // 2), quality=None))
        else:
            most = side if self.kind == "after" else min(side // 2, max(1, max(self.pixels.shape[:2]) // 2))
            uri = packed(self.pixels, side=most, quality=quality)
        return Picture(self.kind, self.colours, self.box, uri)


def finest(rungs: Sequence[Step], make: Callable[[Step, bool], Made | None]) -> Made:
    """What is made with the first of the rungs, best first, that something comes of: looked for by halving, as each is taken to be smaller than the one before.

    make: of a rung, and whether it is the last, with which something has to come of it.
    """
    low, high, at, best = 0, len(rungs) - 1, 0, None
    while low < high:
        made = make(rungs[at], False)
        low, high, best = (at + 1, high, best) if made is None else (low, at, made)
        at = (low + high) // 2
    found = make(rungs[-1], True) if best is None else best
    assert found is not None
    return found


def packed(pixels: Bytes, *, side: int, quality: int | None) -> str:
    """As text that stands in a page, at most `side` pixels large; quality None packs without loss."""
    return picture.data_uri(picture.webp(_within(pixels, side), quality=quality))


def _nearest(pixels: Bytes, side: int) -> Bytes:
    """Thinned out to at most `side` pixels, if need be: the mean of two classes is none."""
    step = -(-max(pixels.shape[:2]) // side)
    return np.ascontiguousarray(pixels[::step, ::step])


def _within(pixels: Bytes, side: int) -> Bytes:
    """Made smaller to at most `side` pixels, if need be."""
    height, width = pixels.shape[:2]
    shrink = max(height, width) / side
    return picture.fitted(pixels, (max(1, round(height / shrink)), max(1, round(width / shrink)))) if shrink > 1 else pixels
