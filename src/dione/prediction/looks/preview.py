"""A small picture of one date at 10 m, kept for the pages: the whole area, thinned out, and its liveliest part in full."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from dione.base.windows import Window, lattice

Array = NDArray[np.float32]
Box = tuple[float, float, float, float]
"""Left, top, width and height, pixels."""
STRIP_PX = 1024
"""About how many coarse pixels are read at once, each side."""


@dataclass(frozen=True)
class Preview:
    """Reflectance of one date, NaN where it was not seen clear."""

    whole: Array
    """(4, h, w): means of step × step coarse pixels."""
    step: int
    shape: tuple[int, int]
    """The scene, coarse pixels."""
    crop: Array | None = None
    """(4, h, w) at full resolution; None when the scene is hardly larger."""
    window: Window | None = None
    """Where the crop lies, coarse pixels."""

    @property
    def span(self) -> tuple[float, float]:
        """The scene's height and width in pixels of `whole`, whose last row and column may reach beyond it."""
        return self.shape[0] / self.step, self.shape[1] / self.step

    @property
    def parts(self) -> list[tuple[Array, Box]]:
        """What is there to look at, the whole first, and where each lies, coarse pixels."""
        height, width = self.whole.shape[1:]
        parts: list[tuple[Array, Box]] = [(self.whole, (0, 0, width * self.step, height * self.step))]
        if self.crop is not None and self.window is not None:
            parts.append((self.crop, (self.window.left, self.window.top, self.crop.shape[2], self.crop.shape[1])))
        return parts


def preview(read: Callable[[Window], Array], shape: tuple[int, int], *, max_side: int = 1000, crop_px: int = 256, crop: Window | None = None) -> Preview:
    """A Preview of a scene of `shape` coarse pixels, read strip by strip.

    read: window → (4, h, w) float32 reflectance, NaN where invalid. max_side: largest side of `whole`, pixels.
    crop_px: side of the crop, coarse pixels. crop: where it lies; in the liveliest place by default.
    """
    step = -(-max(shape) // max_side)
    size = -(-shape[0] // step), -(-shape[1] // step)
    whole = np.full((4, *size), np.nan, np.float32)
    for window in lattice(shape, step * max(1, STRIP_PX // step)):
        thin = thinned(read(window), step)
        top, left = window.top // step, window.left // step
        whole[:, top : top + thin.shape[1], left : left + thin.shape[2]] = thin
    if max(shape) <= 1.5 * crop_px:
        return Preview(whole, step, shape)
    window = crop or liveliest(whole, step=step, shape=shape, side=crop_px)
    return Preview(whole, step, shape, np.asarray(read(window), np.float32), window)


def thinned(values: Array, step: int) -> Array:
    """Means of step × step pixels, NaN left out; at the far edges of what is there."""
    if step == 1:
        return np.asarray(values, np.float32)
    seen = np.isfinite(values)
    rows, columns = (np.arange(0, side, step) for side in values.shape[1:])
    total = np.add.reduceat(np.add.reduceat(np.where(seen, values, 0), rows, 1), columns, 2)
    count = np.add.reduceat(np.add.reduceat(seen.astype(np.float32), rows, 1), columns, 2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def liveliest(whole: Array, *, step: int, shape: tuple[int, int], side: int) -> Window:
    """The window of `side` coarse pixels with the most contrast for its brightness, among those mostly seen; the last ones reach back from the far edges."""
    across = max(1, side // step)
    places: list[tuple[float, int, int]] = []
    tops, lefts = (sorted({*range(0, length - across + 1, across), max(length - across, 0)}) for length in whole.shape[1:])
    for top, left in product(tops, lefts):
        tile = whole[:3, top : top + across, left : left + across]
        seen = np.isfinite(tile).all(0)
        contrast = float(tile[:, seen].std(1).mean() / (tile[:, seen].mean() + 0.02)) if seen.any() else 0.0
        places.append((contrast * float(seen.mean()) ** 2, -top, -left))
    _, top, left = max(places)
    bottom, right = min(-top * step + side, shape[0]), min(-left * step + side, shape[1])
    return Window(max(bottom - side, 0), max(right - side, 0), bottom, right)
