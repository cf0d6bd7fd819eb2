"""One window of one target date: read, sharpen, crop. What a block, an area or a whole scene is made of."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from threading import BoundedSemaphore
from typing import TypeVar

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from dione.base import optics, when
from dione.base.errors import NotAStack
from dione.base.machine import memory
from dione.base.windows import Window
from dione.nets.parts.rims import Rim
from dione.nets.resolver import Resolver
from dione.prediction.files import form
from dione.prediction.windows import budget, support
from dione.prediction.windows.allocation import give_back_above
from dione.prediction.windows.engine import EXACT, Engine
from dione.prediction.windows.overlap import abreast
from dione.prepare.select import Choice

Array = NDArray[np.float32]
Used = TypeVar("Used")

LEAVE_OUT = "leave them out: stack.assign(valid=stack.valid & np.isfinite(stack.reflectance).all('band'))"
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
    support: NDArray[np.uint8]
    """(zoom·h, zoom·w) where its detail comes from: the classes of prediction/files/form.py."""
    seen: NDArray[np.bool_]
    """(zoom·h, zoom·w) True where the target itself was seen."""


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

    def compensated(self, resolver: Resolver) -> "Raw":
        """As sharp as the network was made for."""
        if resolver.sees is None:
            return self
        wanted = resolver.about.modulation or optics.NYQUIST_MODULATION
        return replace(self, reflectance=optics.compensated(self.reflectance, self.valid, resolver.sees, wanted))


def reach(resolver: Resolver) -> int:
    """Coarse pixels to be read around a window: what the network sees, and what telling where its detail comes from takes."""
    if not resolver.has_weights:
        return resolver.margin
    compensated = optics.COMPENSATION_MARGIN if resolver.sees else 0
    return max(resolver.margin + support.rim(resolver.zoom), support.margin(resolver.zoom)) + compensated


def pieces(
    stack: xr.Dataset,
    resolver: Resolver,
    choice: Choice,
    windows: Iterable[Window],
    engine: Engine = EXACT,
    *,
    use: Callable[[Piece], Used],
    least: tuple[int, int] = (0, 0),
    at_once: int = 1,
) -> Iterator[Used]:
    """What `use` gives for each of these windows (coarse pixels) of the target of `choice`, sharpened; in their order.

    at_once: windows that the network works on at a time, sharing the processor's cores out among them: cores that have a
        window each need not wait for one another, as those at one window do many hundred times. One more is read or used
        meanwhile.
    least: rows and columns that are read for each where the scene has them: windows of one size take one memory, in turn.

    The result does not depend on how the scene is cut: the margin is the receptive field's radius, and at the edge of
    the scene every window sees the same edge.
    """
    free, before = BoundedSemaphore(at_once), torch.get_num_threads()

    def make(window: Window) -> Used:
        raw = read(stack, choice.views, window, reach(resolver), least).compensated(resolver)
        with free:
            piece = sharpen(resolver, window, raw, engine)
        made = use(piece)
        give_back_above(budget.held_bytes(max(raw.outer.shape), at_once=at_once, views=len(choice.views), precision=engine.precision))
        return made

    try:
        yield from abreast(make, windows, threads=at_once + 1, ahead=at_once, begin=lambda: torch.set_num_threads(max(budget.threads() // at_once, 1)))
    finally:
        torch.set_num_threads(before)


def read(stack: xr.Dataset, views: tuple[int, ...], window: Window, margin: int, least: tuple[int, int] = (0, 0)) -> Raw:
    """`views` of a window and the margin around it, in one pass over the files. Raises NotAStack for a valid pixel without a number: it would spread."""
    outer = window.grown(margin, (stack.sizes["y"], stack.sizes["x"]), least)
    rows, columns = outer.slices
    part = stack[["reflectance", "valid"]].isel(time=list(views), y=rows, x=columns).compute()
    raw = Raw(outer, np.ascontiguousarray(part["reflectance"].values), np.ascontiguousarray(part["valid"].values))
    unknown = (raw.valid & ~np.isfinite(raw.reflectance).all(1)).sum((1, 2))
    if unknown.any():
        date = int(unknown.argmax())
        raise NotAStack(f"{unknown[date]} pixels are valid on {when.days(part)[date]}, and their reflectance is no number\n{LEAVE_OUT}")
    return raw


def sharpen(resolver: Resolver, window: Window, raw: Raw, engine: Engine = EXACT) -> Piece:
    """What was read, sharpened and cropped to its window; in halves where memory does not suffice."""
    try:
        return _whole(resolver, window, raw, engine)
    except (RuntimeError, MemoryError) as error:
        if not memory.wanting(error) or max(window.shape) <= SMALLEST_PX:
            raise
    outer = raw.outer
    parts = [(half, half.grown(reach(resolver), (outer.bottom, outer.right)).within(outer)) for half in window.halves()]
    made = [sharpen(resolver, half, raw.cut(inner), engine) for half, inner in parts]
    axis = -1 if made[0].window.shape[1] < window.shape[1] else -2
    return Piece(window, *(np.concatenate([getattr(part, name) for part in made], axis) for name in ("sr", "sigma", "valid", "support", "seen")))


def _whole(resolver: Resolver, window: Window, raw: Raw, engine: Engine) -> Piece:
    keep = [date == 0 or bool(raw.valid[date].any()) for date in range(len(raw.valid))]  # the target stays, even if it saw nothing
    seen = torch.from_numpy(raw.valid[keep])
    core, shape = window.within(raw.outer), raw.outer.shape
    near = core.grown(support.rim(resolver.zoom), shape) if resolver.has_weights else core
    lr = torch.from_numpy(raw.reflectance[keep])
    sr, sigma = engine.run(resolver, lr[None], seen[None], _rim(near, shape))
    origin = _origin(resolver, sr[0], lr, seen, near, (raw.outer.top, raw.outer.left))
    covered = seen.any(0) if resolver.fills else seen[0]
    inner = core.within(near)
    shown, origin, own = (_enlarged(part, resolver.zoom) for part in (covered[core.slices], origin[inner.slices], seen[0][core.slices]))
    fine = inner.zoomed(resolver.zoom).slices
    cut = [x[0, :, fine[0], fine[1]] for x in (sr, sigma)]
    if not bool(shown.all()):
        cut = [torch.where(shown, x, torch.nan) for x in cut]
    return Piece(window, cut[0].numpy(), cut[1].numpy(), shown.numpy(), torch.where(shown, origin, form.NODATA).numpy(), own.numpy())


def _origin(resolver: Resolver, sr: Tensor, lr: Tensor, seen: Tensor, near: Window, corner: tuple[int, int]) -> Tensor:
    """Where the detail of `near`, counted from the window's `corner` in the scene, comes from, by coarse pixel; a method without weights has learned nothing."""
    if not resolver.has_weights:
        own, any_date = seen[0][near.slices], seen.any(0)[near.slices]
        return torch.where(own, form.MEASURED, torch.where(any_date, form.CONFIRMED, form.NODATA)).to(torch.uint8)
    shape = (int(seen.shape[-2]), int(seen.shape[-1]))
    wide = near.grown(support.margin(resolver.zoom), shape)
    rows, columns = wide.slices
    return support.judged(
        sr, lr[..., rows, columns], seen[..., rows, columns], _rim(near.within(wide), wide.shape), (corner[0] + near.top, corner[1] + near.left)
    )


def _rim(inner: Window, shape: tuple[int, int]) -> Rim:
    """Pixels around a window in a picture of `shape`: at the top, bottom, left and right."""
    return inner.top, shape[0] - inner.bottom, inner.left, shape[1] - inner.right


def _enlarged(x: Tensor, zoom: int) -> Tensor:
    return x.repeat_interleave(zoom, 0).repeat_interleave(zoom, 1)
