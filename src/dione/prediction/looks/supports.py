"""The dates that only helped, at 10 m, for the pages; of a large area the close-up alone, so that no page costs another reading of an archive."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from dione.base.machine import processors
from dione.base.windows import Window
from dione.prediction.looks.preview import Array, Box, preview
from dione.prediction.run import Support, Target
from dione.prediction.windows.overlap import abreast

WHOLE_PX = 2048
"""Largest side of an area that is shown whole, coarse pixels."""
THINNED_PX = 512
MOST = 60
"""Supports that are looked at, the latest; pages have no room for more."""


def supports(stack: xr.Dataset, targets: Sequence[Target]) -> tuple[Support, ...]:
    """Every date that helped a target and is none itself, by its day."""
    helped = {at for target in targets for at in target.choice.supports} - {target.choice.target for target in targets}
    uses = targets[-1].choice.dates
    window = targets[-1].before.window
    shown = sorted(helped)[-MOST:]
    parts = abreast(lambda at: _parts(stack, at, window), shown, threads=processors.count())
    return tuple(Support(uses[at].day, uses[at].item, uses[at].clear, each) for at, each in zip(shown, parts, strict=True))


def seen(stack: xr.Dataset, date: int, window: Window) -> Array:
    """Reflectance (4, h, w) of a date in a window, NaN where it was not seen clear."""
    rows, columns = window.slices
    part = stack[["reflectance", "valid"]].isel(time=date, y=rows, x=columns).compute()
    return np.where(part["valid"].values, part["reflectance"].values, np.float32(np.nan))


def _parts(stack: xr.Dataset, date: int, window: Window | None) -> tuple[tuple[Array, Box], ...]:
    shape = stack.sizes["y"], stack.sizes["x"]
    if max(shape) <= WHOLE_PX:
        return tuple(preview(lambda part: seen(stack, date, part), shape, max_side=THINNED_PX, crop=window).parts)
    if window is None:
        return ()
    return ((seen(stack, date, window), (window.left, window.top, window.shape[1], window.shape[0])),)
