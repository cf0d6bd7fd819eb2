"""Where detail comes from: what was measured, and what the network learned that such places look like.

    target ──► its own picture: bicubic, sharpened until it averages back to the target (no learning)
    result − own picture = the detail that was added
        too faint to speak of                                        ──► MEASURED   the target shows it by itself
        other dates, a part of a pixel aside, saw it too              ──► CONFIRMED  by the agreement of dates
        too fine for the sensor to pass, or no date confirms it       ──► LEARNED    a likely guess

A date that stands a shift s away sees A_s x of a fine picture x. If the added detail d is there, what the date shows
beyond the own picture follows the (A_s − A_0) d foreseen of it. So one is regressed on the other, over all dates and a
window around each pixel: the slope is 1 for detail that is there, 0 for invented one, and has a standard error. The
detector's box passes nothing at one cycle a coarse pixel; detail that is mostly finer than that can be seen by no date.

Sources: multi-frame back-projection (Irani & Peleg 1991), least squares' slope and its t-value; what a detector passes
and what is only aliased: Boreman, Modulation Transfer Function in Optical and Electro-Optical Systems (SPIE 2001).
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from einops import reduce
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from dione.nets.blocks import NO_RIM, Enlarge, Reduce, Rim, box_mean, local_mean, masked, without
from dione.nets.shifts import MARGIN as SHIFT_MARGIN
from dione.nets.shifts import Expected, basis, likeness, measured
from dione.prediction.form import Class, Form

NODATA, MEASURED, CONFIRMED, LEARNED = 0, 1, 2, 3
FORM = Form(
    bands=("support",),
    dtype="uint8",
    unit="class",
    classes=(
        Class(MEASURED, "measured", (44, 123, 182)),
        Class(CONFIRMED, "confirmed by other dates", (171, 217, 233)),
        Class(LEARNED, "learned", (253, 174, 97)),
    ),
)
"""Blues and orange: told apart by the colour-blind too."""
FAINT = 0.002
"""Reflectance: added detail of a smaller deviation is below what the sensor's noise lets anybody see."""
FAINT_SHARE = 0.05
"""Of the variance around: nor does detail matter that is a smaller part of what is seen."""
LEAST_SLOPE, LEAST_T = 0.5, 3.0
"""Of the regression, for detail to count as confirmed."""
LEAST_PASSED = 0.5
"""Of the detail's energy, at less than one cycle a coarse pixel."""
BAND = 3
"""Near infrared: where land has most contrast and haze least."""
RADIUS = 2
SIDE = 2 * RADIUS + 1
"""Of the window around each coarse pixel."""


@lru_cache
def _optics(zoom: int) -> tuple[Enlarge, Reduce, Expected]:
    return Enlarge(zoom), Reduce(zoom), Expected(zoom)


def rim(zoom: int) -> int:
    """Coarse pixels of the result needed around those that are judged."""
    return _optics(zoom)[2].margin + RADIUS


def margin(zoom: int) -> int:
    """Coarse pixels of the dates needed around those that are judged."""
    return max(SHIFT_MARGIN + RADIUS, rim(zoom) + 2 * (Reduce(zoom).margin + Enlarge.margin))


@dataclass(frozen=True)
class Evidence:
    """Sums around each coarse pixel, over bands."""

    added: Float[Tensor, "h w"]
    """Mean square of the added detail."""
    passed: Float[Tensor, "h w"]
    """Of its part below one cycle a coarse pixel."""
    around: Float[Tensor, "h w"]
    """Variance of the own picture."""
    shown: Float[Tensor, "h w"]
    """Variance of the result."""
    slope: Float[Tensor, "h w"]
    t: Float[Tensor, "h w"]
    """Slope over its standard error; 0 where no date tells."""


@torch.inference_mode()
def judged(sr: Float[Tensor, "c zh zw"], lr: Float[Tensor, "t c y x"], valid: Bool[Tensor, "t y x"], rim: Rim = NO_RIM) -> UInt8[Tensor, "h w"]:
    """The class of every coarse pixel of the result.

    sr: the result; lr: reflectance of the dates, the target first; valid: where they were seen clear.
    rim: coarse pixels at the top, bottom, left and right that the dates have and the result lacks.
    """
    found = evidence(sr, lr, valid, rim)
    valid = without(valid, rim)
    faint = (found.added <= FAINT**2) | (found.added <= FAINT_SHARE * (found.added + found.around)) | (found.shown <= found.around)
    agreed = (found.slope >= LEAST_SLOPE) & (found.t >= LEAST_T) & (found.passed >= LEAST_PASSED * found.added)
    made = torch.where(faint & valid[0], MEASURED, torch.where(agreed | faint, CONFIRMED, LEARNED))
    return torch.where(valid.any(0), made, NODATA).to(torch.uint8)


def evidence(sr: Float[Tensor, "c zh zw"], lr: Float[Tensor, "t c y x"], valid: Bool[Tensor, "t y x"], rim: Rim = NO_RIM) -> Evidence:
    """What speaks for and against the detail of `sr`, pixel by coarse pixel."""
    zoom = sr.shape[-1] // (lr.shape[-1] - rim[2] - rim[3])
    fine = F.pixel_unshuffle(sr[None, BAND, None], zoom)
    dates, seen = masked(lr[None, :, BAND:], valid[None])[0], valid[:, None].to(sr.dtype)
    mean = (dates * seen).sum(0, keepdim=True) / seen.sum(0, keepdim=True).clamp_min(1)
    own = without(own_picture(torch.where(valid[:1, None], dates[:1], mean), zoom), rim)
    expected = _optics(zoom)[2]
    of_own, of_detail = expected(own), expected(fine - own)
    flat = (dates - local_mean(dates, seen)[0]) * seen
    qq, qr, rr, count = sums = torch.zeros(4, *own.shape[-2:])
    for date in range(1, len(dates)):  # one by one: maps of one date stay in the processor's cache
        both = (seen[0] * seen[date])[None]
        phi, apart, both = (without(part, rim) for part in (*_aside(flat[:1], flat[date : date + 1], both), both))
        foreseen, residual = ((of_detail[0] * phi).sum(1) * both[0])[0], ((apart[0] - (of_own[0] * phi).sum(1)) * both[0])[0]
        for total, one, other in ((qq, foreseen, foreseen), (qr, foreseen, residual), (rr, residual, residual)):
            total.addcmul_(one, other)
        count += both[0, 0]
    qq, qr, rr, count = box_mean(sums, SIDE) * SIDE**2
    slope = qr / qq.clamp_min(1e-12)
    error = torch.sqrt((rr - slope * qr).clamp_min(1e-12) / (count - 1).clamp_min(1) / qq.clamp_min(1e-12))
    return Evidence(*_energies(fine, own, zoom), slope, torch.where((count > 2) & (qq > 1e-12), slope / error, 0))


def own_picture(target: Float[Tensor, "1 1 h w"], zoom: int) -> Float[Tensor, "1 zz h w"]:
    """What one date shows by itself: bicubic of it, sharpened beforehand so that it averages back to the date (two rounds of back-projection)."""
    enlarge, reduced, _ = _optics(zoom)
    sharpened = target + (target - reduced(enlarge(target)))
    return enlarge(sharpened + (target - reduced(enlarge(sharpened))))


def _aside(
    target: Float[Tensor, "1 1 h w"], date: Float[Tensor, "1 1 h w"], both: Float[Tensor, "1 1 h w"]
) -> tuple[Float[Tensor, "1 8 h w"], Float[Tensor, "1 1 h w"]]:
    """φ of a date's shift against the target (nets/shifts.py), but for its first; and the date, scaled to be most like the target, less the target."""
    pair = torch.stack([target, date], 1)
    likened = pair * likeness(pair, both[:, None].expand_as(pair))
    shift = measured(likened, both[:, None].expand_as(pair))[:, 1:]
    return basis(shift)[:, 0, 1:], (likened[:, 1] - target) * both


def _energies(fine: Float[Tensor, "1 zz h w"], own: Float[Tensor, "1 zz h w"], zoom: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean squares around each pixel: of the detail and its part that a sensor passes; variance of the own picture and of the result."""
    detail = fine - own
    passed = reduce(detail, "1 (p i q j) h w -> 1 (p q) h w", "mean", p=2, q=2, i=zoom // 2, j=zoom // 2)
    level = own.mean(1, keepdim=True)
    maps = [
        detail.square().mean(1),
        passed.square().mean(1),
        (own - level).square().mean(1),
        (fine - level).square().mean(1),
        level[:, 0],
        level[:, 0].square(),
    ]
    added, kept, within, shown, mean, square = box_mean(torch.stack(maps, 1), SIDE)[0]
    between = (square - mean.square()).clamp_min(0)
    return added, kept, within + between, shown + between
