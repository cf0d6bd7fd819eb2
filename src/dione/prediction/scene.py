"""One window of one target date: read, sharpen, crop. What a block, an area or a whole scene is made of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from dione.base.windows import Window
from dione.nets.resolver import Resolver
from dione.prediction.engine import EXACT, Engine
from dione.prediction.overlap import ahead
from dione.prepare.select import Choice

Array = NDArray[np.float32]

SMALLEST_PX = 32
"""A window that is not halved any more for want of memory."""


@dataclass(frozen=True)
class Piece:
    """What one window gave."""

    window: Window
    """Coarse pixels."""
    sr: Array
    """(band, zoom·h, zoom·w) reflectance; NaN where nothing was seen."""
    sigma: Array
    """(band, zoom·h, zoom·w) its 1σ, reflectance; NaN likewise."""
    valid: NDArray[np.bool_]
    """(zoom·h, zoom·w) True where some date was seen."""


@dataclass(frozen=True)
class Raw:
    """What was read for one window: its dates with the network's margin around it, the target first."""

    outer: Window
    reflectance: Array
    """(date, band, y, x)"""
    valid: NDArray[np.bool_]
    """(date, y, x)"""

    def cut(self, inner: Window) -> "Raw":
        """A part of it; `inner` counts from its own corner."""
        rows, columns = inner.slices
        outer = Window(self.outer.top + inner.top, self.outer.left + inner.left, self.outer.top + inner.bottom, self.outer.left + inner.right)
        return Raw(outer, self.reflectance[..., rows, columns], self.valid[..., rows, columns])


def pieces(
    stack: xr.Dataset, resolver: Resolver, choice: Choice, windows: Iterable[Window], engine: Engine = EXACT, least: tuple[int, int] = (0, 0)
) -> Iterator[Piece]:
    """These windows (coarse pixels) of the target of `choice`, sharpened; the next one is read meanwhile.

    least: rows and columns that are read for each where the scene has them: windows of one size take one memory, in turn.

    The result does not depend on how the scene is cut: the margin is the receptive field's radius, and at the edge of
    the scene every window sees the same edge.
    """
    for window, raw in ahead(lambda window: read(stack, choice.views, window, resolver.margin, least), windows):
        yield sharpen(resolver, window, raw, engine)


def read(stack: xr.Dataset, views: tuple[int, ...], window: Window, margin: int, least: tuple[int, int] = (0, 0)) -> Raw:
    """`views` of a window and the margin around it, in one pass over the files."""
    outer = window.grown(margin, (stack.sizes["y"], stack.sizes["x"]), least)
    rows, columns = outer.slices
    part = stack[["reflectance", "valid"]].isel(time=list(views), y=rows, x=columns).compute()
    return Raw(outer, np.ascontiguousarray(part["reflectance"].values), np.ascontiguousarray(part["valid"].values))


def sharpen(resolver: Resolver, window: Window, raw: Raw, engine: Engine = EXACT) -> Piece:
    """What was read, sharpened and cropped to its window; in halves where memory does not suffice."""
    try:
        return _whole(resolver, window, raw, engine)
    except RuntimeError as error:  # torch.OutOfMemoryError on a GPU; a plain one says so on a CPU
        if not (isinstance(error, torch.OutOfMemoryError) or "not enough memory" in str(error)) or max(window.shape) <= SMALLEST_PX:
            raise
    outer = raw.outer
    parts = [(half, half.grown(resolver.margin, (outer.bottom, outer.right)).within(outer)) for half in window.halves()]
    made = [sharpen(resolver, half, raw.cut(inner), engine) for half, inner in parts]
    axis = -1 if made[0].window.shape[1] < window.shape[1] else -2
    return Piece(window, *(np.concatenate([getattr(part, name) for part in made], axis) for name in ("sr", "sigma", "valid")))


def _whole(resolver: Resolver, window: Window, raw: Raw, engine: Engine) -> Piece:
    keep = [date == 0 or bool(raw.valid[date].any()) for date in range(len(raw.valid))]  # the target stays, even if it saw nothing
    seen = torch.from_numpy(raw.valid[keep])[None]
    core, (height, width) = window.within(raw.outer), raw.outer.shape
    rim = (core.top, height - core.bottom, core.left, width - core.right)
    sr, sigma = engine.run(resolver, torch.from_numpy(raw.reflectance[keep])[None], seen, rim)
    covered = seen[0].any(0) if resolver.fills else seen[0, 0]
    shown = covered[core.slices].repeat_interleave(resolver.zoom, 0).repeat_interleave(resolver.zoom, 1)
    cut = [torch.where(shown, x[0], torch.nan).numpy() for x in (sr, sigma)]
    return Piece(window, cut[0], cut[1], shown.numpy())
