"""Where dates stand: each date's sub-pixel shift against the target, and what the dates say together of a finer picture.

A date that stands a shift s away from the target should differ from it by (A_s − A_0) x, where x is the fine picture
and A_s the sensor's blur and sampling at that place. Over the shifts that happen, A_s is close to a polynomial,

    A_s ≈ Σ_m φ_m(s) A_m,    φ = (1, 2s, 4s²) ⊗ (1, 2s, 4s²)

so that a few fixed convolutions serve every pixel and date. What a date shows beyond that is its residual; the
residuals of all dates, weighted by φ_m, are what a step of least squares would send back to x (multi-frame
back-projection: Irani & Peleg 1991; unrolled for the network to finish).
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from dione.base import optics
from dione.nets import loops
from dione.nets.parts.layout import strips
from dione.nets.parts.means import box_mean, summed
from dione.nets.parts.resampling import Separable, exact, of_enlarged
from dione.nets.parts.rims import Rim, without

RADIUS = 7
"""Of the window that a shift is measured in, coarse pixels."""
LIKENED = 2 + RADIUS
"""Coarse pixels that a date scaled to the target depends on: a local mean, and the window it is compared in."""
MARGIN = LIKENED + 2 * RADIUS
"""Coarse pixels that a measured shift depends on: a local mean, and three windows, each measured in the one before."""
LARGEST = 0.6
"""Shift, coarse pixels; larger ones are taken for this."""
RIDGE = 0.02
"""Share of the gradients' strength added to it: where nothing has an edge, the shift is zero."""


def slope(x: Float[Tensor, "b t c h w"], axis: int) -> Float[Tensor, "b t c h w"]:
    """Derivative down (axis -2) or to the right (-1) from two neighbours on each side, exact for cubics; zero at the edges."""
    inner = x.shape[axis] - 4
    if inner < 1:
        return torch.zeros_like(x)
    first, second, fourth, fifth = (x.narrow(axis, start, inner) for start in (0, 1, 3, 4))
    found = (8 * (fourth - second) - (fifth - first)) / 12
    return F.pad(found, (0, 0, 2, 2) if axis == -2 else (2, 2))


def pooled(x: Float[Tensor, "b t k h w"]) -> Float[Tensor, "b t k h w"]:
    """Mean over the window around every pixel, zero outside the picture."""
    return box_mean(x, 2 * RADIUS + 1)


def compared(
    own: Float[Tensor, "b t c h w"], target: Float[Tensor, "b 1 c h w"], both: Float[Tensor, "b t 1 h w"]
) -> tuple[Float[Tensor, "b t c h w"], Float[Tensor, "b t 2 h w"]]:
    """Each date's detail, scaled to be most like the target's, and where it then stands (`likeness`, `measured`)."""
    if loops.serve(own):
        return _compared_by_loops(own, target, both)
    likened = own * likeness(own, target, both)
    return likened, measured(likened, target, both)


def _compared_by_loops(own: Tensor, target: Tensor, both: Tensor) -> tuple[Tensor, Tensor]:
    from dione.nets.loops.shifts import likened as liken
    from dione.nets.loops.shifts import measured as measure

    likened, shift = torch.empty_like(own, memory_format=torch.contiguous_format), own.new_empty(*own.shape[:2], 2, *own.shape[-2:])
    for picture, date in product(range(own.shape[0]), range(own.shape[1])):
        clear, aim = both[picture, date, 0].contiguous().numpy(), target[picture, 0].contiguous().numpy()
        liken(own[picture, date].contiguous().numpy(), aim, clear, likened[picture, date].numpy())
        measure(likened[picture, date].numpy(), aim, clear, shift[picture, date].numpy())
    return likened, shift


def measured(own: Float[Tensor, "b t c h w"], target: Float[Tensor, "b 1 c h w"], both: Float[Tensor, "b t 1 h w"]) -> Float[Tensor, "b t 2 h w"]:
    """Shift (rows, columns) of each date against the target around every pixel, coarse pixels; zero where nothing says.

    Least squares over a window: date − target ≈ shift · mean gradient of the two (Lucas & Kanade 1981), each band
    weighted by how well it agrees there. own, target: without their local mean; both: 1 where date and target are seen.
    """
    halfway = (own + target) / 2
    down, right = slope(halfway, -2) * both, slope(halfway, -1) * both
    apart = (own - target) * both
    weight = 1 / (pooled(apart.square() + 1e-3 * (target * both).square()) + 1e-12)
    downs, rights = down * weight, right * weight
    pairs = ((downs, down), (downs, right), (rights, right), (downs, apart), (rights, apart))
    yy, xy, xx, y, x = pooled(torch.cat([(one * other).sum(2, keepdim=True) for one, other in pairs], 2)).split(1, dim=2)
    ridge = RIDGE * (yy + xx) + 1e-9
    yy, xx = yy + ridge, xx + ridge
    found = torch.cat([xx * y - xy * x, yy * x - xy * y], 2) / (yy * xx - xy * xy)
    return found.clamp(-LARGEST, LARGEST)


def likeness(own: Float[Tensor, "b t c h w"], target: Float[Tensor, "b 1 c h w"], both: Float[Tensor, "b t 1 h w"]) -> Float[Tensor, "b t c h w"]:
    """What each date's detail is multiplied by to be most like the target's, by band and window; one where they never meet.

    Another season's contrast becomes the target's; what has nothing in common with the target goes to zero.
    """
    seen = own * both
    common, strength, met = pooled(torch.cat([seen * target, seen * own, both], 2)).split((own.shape[2], own.shape[2], 1), dim=2)
    return torch.where(met > 0, (common / (strength + 1e-12)).clamp(-1.5, 1.5), 1.0)


def basis(shift: Float[Tensor, "b t 2 h w"]) -> Float[Tensor, "b t 9 h w"]:
    """φ of a shift: nine products of 1, 2s, 4s² down and across; the first is one."""
    powers = torch.stack([torch.ones_like(shift), 2 * shift, 4 * shift.square()], 3)
    return rearrange(powers[:, :, 0, :, None] * powers[:, :, 1, None], "b t i j h w -> b t (i j) h w")


def places(shift: Float[Tensor, "b t 2 h w"]) -> Float[Tensor, "b t 9 h w"]:
    """Bilinear weights of nine places, half a pixel apart, that a date's samples fall among (drizzle: Fruchter & Hook 2002, arXiv astro-ph/9808087)."""
    at = torch.tensor([-0.5, 0.0, 0.5], dtype=shift.dtype, device=shift.device)[:, None, None]
    near = (1 - (shift[:, :, :, None] - at).abs() * 2).clamp_min(0)
    return rearrange(near[:, :, 0, :, None] * near[:, :, 1, None], "b t i j h w -> b t (i j) h w")


@lru_cache
def taps(zoom: int, modulation: float = optics.NYQUIST_MODULATION) -> NDArray[np.float32]:
    """(3, 2r + 1, zoom) along one axis: weights of the fine pixels of the coarse pixels -r … r, for each power of the shift."""
    radius = optics.kernel(zoom, modulation).shape[0] // 2 + 1
    size = 2 * radius + 1
    shift = np.linspace(-LARGEST, LARGEST, 25)
    rows = optics.sampling(size, size * zoom, zoom, shift_px=shift, modulation=modulation)[:, radius]
    powers = np.stack([np.ones_like(shift), 2 * shift, 4 * shift**2], 1)
    fitted, *_ = np.linalg.lstsq(powers, rows.astype(np.float64), rcond=None)
    return fitted.reshape(3, size, zoom).astype(np.float32)


class Expected(nn.Module):
    """What the sensor sees of a fine picture, and how each power of a shift changes it: A_0 … A_8 of the module's drawing."""

    def __init__(self, zoom: int):
        super().__init__()
        powers, point = taps(zoom), optics.kernel(zoom)
        around = (powers.shape[1] - len(point)) // 2
        axis = np.concatenate([powers, np.pad(point, ((around, around), (0, 0)))[None]])
        own, (_, *changes) = len(powers), product(range(len(powers)), range(len(powers)))  # the point-spread function itself stands for no change
        products = [(own, own), *changes]
        self.fine, self.coarse = (Separable(weights, products) for weights in (axis, of_enlarged(axis)))
        self.margin = self.fine.margin

    def forward(self, fine: Float[Tensor, "b czz h w"]) -> Float[Tensor, "b c 9 h w"]:
        """(b, c · zoom², h, w), as `pixel_shuffle` takes it → of each band what is seen, and the eight changes; as exactly as what surrounds it."""
        seen: Tensor = self.fine(fine)
        return seen

    def enlarged(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 9 h w"]:
        """The same of `x` enlarged by bicubic interpolation, which need not be done for that; float32."""
        with exact(x):
            seen: Tensor = self.coarse(x.float())
        return seen


@dataclass(frozen=True)
class Dates:
    """How the dates differ from the target, and where they stand."""

    apart: Float[Tensor, "b t c h w"]
    """Each date's difference from the target, zero where one of them is not seen."""
    shift: Float[Tensor, "b t 2 h w"]
    """Against the target, coarse pixels."""
    share: Float[Tensor, "b t 1 h w"]
    """How much each date counts; zero where it or the target is not seen."""

    def without(self, rim: Rim) -> "Dates":
        """The same with these many rows and columns fewer at the edges."""
        return Dates(*(without(part, rim) for part in (self.apart, self.shift, self.share)))

    def beyond(self, expected: Float[Tensor, "b c 9 h w"]) -> tuple[Float[Tensor, "b c9 h w"], Float[Tensor, "b 9 h w"]]:
        """What the dates show beyond what is `expected` of a fine picture: at each of nine places the mean over dates; and how much was seen there."""
        if loops.serve(self.apart):
            return self._beyond_by_loops(expected)
        changes = expected[:, :, 1:]
        mean, weight = zip(*(self._beyond(changes, rows) for rows in strips(self.apart)), strict=True)
        return torch.cat(mean, -2), torch.cat(weight, -2)

    def _beyond_by_loops(self, expected: Float[Tensor, "b c 9 h w"]) -> tuple[Float[Tensor, "b c9 h w"], Float[Tensor, "b 9 h w"]]:
        from dione.nets.loops.beyond import beyond

        pictures, _, bands, *shape = self.apart.shape
        mean, weight = self.apart.new_empty(pictures, *shape, bands, 9), self.apart.new_empty(pictures, 9, *shape)
        for picture in range(pictures):
            given = (part[picture].contiguous().numpy() for part in (self.apart, self.shift, self.share[:, :, 0], expected.float().permute(0, 3, 4, 1, 2)))
            beyond(*given, mean[picture].numpy(), weight[picture].numpy())
        return mean.flatten(3).permute(0, 3, 1, 2), weight

    def _beyond(self, changes: Float[Tensor, "b c 8 h w"], rows: slice) -> tuple[Float[Tensor, "b c9 r w"], Float[Tensor, "b 9 r w"]]:
        """Of some rows. Dates one by one: nine maps of every date at once would be most of the memory."""
        apart, shift, share, changes = (part[..., rows, :].contiguous() for part in (self.apart, self.shift, self.share, changes))
        phi, weight = basis(shift)[:, :, 1:], places(shift) * share
        seen = summed(weight, 1)
        if torch.compiler.is_compiling():  # exported for any number of dates
            left = apart - torch.einsum("bcmhw,btmhw->btchw", changes, phi)  # zero for the target itself
            total = torch.einsum("btchw,btmhw->bcmhw", left, weight)
        else:
            total = torch.zeros_like(weight[:, 0, None] * apart[:, 0, :, None])
            for date in range(1, apart.shape[1]):
                left = apart[:, date]
                for change, power in zip(changes.unbind(2), phi[:, date, None].unbind(2), strict=True):
                    left = torch.addcmul(left, change, power, value=-1)
                total = torch.addcmul(total, left[:, :, None], weight[:, date, None])
        return rearrange(total / (seen[:, None] + 0.05), "b c m h w -> b (c m) h w"), seen
