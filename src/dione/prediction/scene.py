"""One window of one target date: read, sharpen, crop. What a block, an area or a whole scene is made of."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from dione.base.windows import Window, lattice
from dione.nets.resolver import Resolver
from dione.prepare.select import Choice

Array = NDArray[np.float32]

BLOCK_PX = 256
"""Side of a window, coarse pixels."""


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


def pieces(stack: xr.Dataset, resolver: Resolver, choice: Choice, *, block: int = BLOCK_PX) -> Iterator[Piece]:
    """The target of `choice`, sharpened window by window over the lattice of the whole Stack."""
    for window in lattice((stack.sizes["y"], stack.sizes["x"]), block):
        yield piece(stack, resolver, choice, window)


def piece(stack: xr.Dataset, resolver: Resolver, choice: Choice, window: Window) -> Piece:
    """One window, coarse pixels: read with the margin of the network, sharpened, cropped.

    The result does not depend on how the scene is cut: the margin is the receptive field's radius, and at the edge of
    the scene every window sees the same edge.
    """
    outer = window.grown(resolver.margin, (stack.sizes["y"], stack.sizes["x"]))
    reflectance, valid = _read(stack, choice.views, outer)
    keep = [date == 0 or bool(valid[date].any()) for date in range(len(valid))]  # the target stays, even if it saw nothing
    lr, seen = torch.from_numpy(reflectance[keep])[None], torch.from_numpy(valid[keep])[None]
    with torch.inference_mode():
        sr, sigma = sharpened(resolver, lr, seen)
        covered = seen[0].any(0) if resolver.fills else seen[0, 0]
        core = window.within(outer)
        shown = covered[core.slices].repeat_interleave(resolver.zoom, 0).repeat_interleave(resolver.zoom, 1)
        fine = core.zoomed(resolver.zoom).slices
        cut = [torch.where(shown, x[:, *fine], torch.nan).numpy() for x in (sr[0], sigma[0])]
    return Piece(window, cut[0], cut[1], shown.numpy())


def sharpened(resolver: Resolver, lr: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]) -> tuple[Float[Tensor, "b c y x"], Float[Tensor, "b c y x"]]:
    """What a Resolver says: reflectance and its 1σ, with the calibration of each band."""
    sr, log_sigma = resolver.net(lr, valid)
    return sr, log_sigma.exp() * torch.tensor(resolver.about.sigma_scale)[:, None, None]


def _read(stack: xr.Dataset, views: tuple[int, ...], window: Window) -> tuple[Array, NDArray[np.bool_]]:
    """Reflectance (date, band, y, x) and validity (date, y, x) of these dates, in this order, in one pass over the files."""
    rows, columns = window.slices
    part = stack[["reflectance", "valid"]].isel(time=list(views), y=rows, x=columns).compute()
    return np.ascontiguousarray(part["reflectance"].values), np.ascontiguousarray(part["valid"].values)
