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

Sources: multi-frame back-projection (Irani & Peleg 1991), shifts by least squares (Lucas & Kanade 1981), a slope and
its t-value (any textbook of regression); what a detector passes and what is only aliased: Boreman, Modulation Transfer
Function in Optical and Electro-Optical Systems (SPIE 2001).
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from einops import reduce
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from dione.nets.parts import contrast
from dione.nets.parts.blocks import masked
from dione.nets.parts.means import box_mean
from dione.nets.parts.resampling import Enlarge, Reduce
from dione.nets.parts.rims import NO_RIM, Rim, without
from dione.nets.parts.shifts import Expected
from dione.prediction.files.form import CONFIRMED, LEARNED, MEASURED, NODATA
from dione.prediction.windows.aside import MARGIN as ASIDE_MARGIN
from dione.prediction.windows.aside import Aside, aside
from dione.prediction.windows.lattice import STEP, Lattice

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
SIDE = 3
"""Nodes of the window around each: 50 m, 10 m a coarse pixel. Every second coarse pixel is a node, judged for its neighbours too."""


@lru_cache
def _optics(zoom: int) -> tuple[Enlarge, Reduce, Expected]:
    return Enlarge(zoom), Reduce(zoom), Expected(zoom)


def rim(zoom: int) -> int:
    """Coarse pixels of the result needed around those that are judged."""
    return _optics(zoom)[2].margin + STEP * (SIDE // 2) + STEP - 1


def margin(zoom: int) -> int:
    """Coarse pixels of the dates needed around those that are judged."""
    return rim(zoom) + max(ASIDE_MARGIN, 3 * Enlarge.margin + 2 * Reduce(zoom).margin)


@dataclass(frozen=True)
class Evidence:
    """Of the window around each node."""

    added: Float[Tensor, "h w"]
    """Mean square of the added detail."""
    passed: Float[Tensor, "h w"]
    """Of its part below one cycle a coarse pixel."""
    around: Float[Tensor, "h w"]
    """Variance of the own picture."""
    shown: Float[Tensor, "h w"]
    """Variance of the result."""
    slope: Float[Tensor, "h w"]
    """Of what the dates show on what the detail foresees."""
    t: Float[Tensor, "h w"]
    """Slope over its standard error; 0 where no date tells."""


@torch.inference_mode()
def judged(
    sr: Float[Tensor, "c zh zw"], lr: Float[Tensor, "t c y x"], valid: Bool[Tensor, "t y x"], rim: Rim = NO_RIM, corner: tuple[int, int] = (0, 0)
) -> UInt8[Tensor, "h w"]:
    """The class of every coarse pixel of the result.

    sr: the result; lr: reflectance of the dates, the target first; valid: where they were seen clear.
    rim: coarse pixels at the top, bottom, left and right that the dates have and the result lacks.
    corner: row and column of the result's first coarse pixel in the scene.
    """
    seen = without(valid, rim)
    nodes = Lattice(corner, (int(seen.shape[-2]), int(seen.shape[-1])))
    found = evidence(sr, lr, valid, rim, nodes)
    faint = (found.added <= FAINT**2) | (found.added <= FAINT_SHARE * (found.added + found.around)) | (found.shown <= found.around)
    agreed = (found.slope >= LEAST_SLOPE) & (found.t >= LEAST_T) & (found.passed >= LEAST_PASSED * found.added)
    little, agrees = nodes.full(faint), nodes.full(agreed)
    made = torch.where(little & seen[0], MEASURED, torch.where(agrees | little, CONFIRMED, LEARNED))
    return torch.where(seen.any(0), made, NODATA).to(torch.uint8)


def evidence(sr: Float[Tensor, "c zh zw"], lr: Float[Tensor, "t c y x"], valid: Bool[Tensor, "t y x"], rim: Rim, nodes: Lattice) -> Evidence:
    """What speaks for and against the detail of `sr`."""
    zoom = sr.shape[-1] // nodes.shape[1]
    outer = Lattice((nodes.corner[0] - rim[0], nodes.corner[1] - rim[2]), (int(lr.shape[-2]), int(lr.shape[-1])))
    fine = F.pixel_unshuffle(sr[None, BAND, None], zoom)
    dates, seen = masked(lr[None, :, BAND:], valid[None])[0], valid[:, None].to(sr.dtype)
    enlarge, _, expected = _optics(zoom)
    target = own_picture(_filled(dates, seen), zoom)
    own, of_own = (without(made(target), rim) for made in (enlarge, expected.enlarged))
    shown = aside(contrast.detail(dates[None], seen[None])[0][0], seen, outer).cut(nodes, outer)
    of_detail = expected(fine - own)
    return Evidence(*_energies(fine, own, nodes, zoom), *_regressed(shown, *(nodes.thin(seen[0, 0, 1:]) for seen in (of_own, of_detail))))


def own_picture(target: Float[Tensor, "1 1 h w"], zoom: int) -> Float[Tensor, "1 1 h w"]:
    """What one date shows by itself, once it is enlarged: it, sharpened so that it then averages back to itself (two rounds of back-projection)."""
    reduced, sharpened = _optics(zoom)[1], target
    for _ in range(2):
        sharpened = sharpened + (target - reduced.enlarged(sharpened))
    return sharpened


def _filled(dates: Float[Tensor, "t 1 h w"], seen: Float[Tensor, "t 1 h w"]) -> Float[Tensor, "1 1 h w"]:
    """The target; where it did not see, the mean of the dates that did."""
    mean = (dates * seen).sum(0, keepdim=True) / seen.sum(0, keepdim=True).clamp_min(1)
    return torch.where(seen[:1] > 0, dates[:1], mean)


def _regressed(shown: Aside, of_own: Float[Tensor, "8 h w"], of_detail: Float[Tensor, "8 h w"]) -> tuple[Float[Tensor, "h w"], Float[Tensor, "h w"]]:
    """Slope and t of what the supports show beyond the own picture, on what the detail foresees; over dates and a window, dates weighed."""
    foreseen, known = (torch.einsum("tmhw,mhw->thw", shown.phi, of) * shown.both for of in (of_detail, of_own))
    residual = shown.apart - known
    weight = _weights(residual, shown.both)
    sums = torch.stack(
        [*((weight * one * other).sum(0) for one, other in ((foreseen, foreseen), (foreseen, residual), (residual, residual))), shown.both.sum(0)]
    )
    qq, qr, rr, count = box_mean(sums, SIDE) * SIDE**2
    slope = qr / qq.clamp_min(1e-12)
    error = torch.sqrt((rr - slope * qr).clamp_min(1e-12) / (count - 1).clamp_min(1) / qq.clamp_min(1e-12))
    return slope, torch.where((count > 2) & (qq > 1e-12), slope / error, 0)


def _weights(residual: Float[Tensor, "t h w"], both: Float[Tensor, "t h w"]) -> Float[Tensor, "t h w"]:
    """1 for a date that is as near to the own picture as half of them, less by how much larger its variance is: a cloud that nobody flagged must not drown the others."""
    if not len(residual):
        return residual
    own = box_mean(residual.square(), SIDE) / box_mean(both, SIDE).clamp_min(1e-6)
    usual = torch.where(both > 0, own, torch.nan).nanmedian(0).values.nan_to_num(1.0)
    return (usual / own.clamp_min(1e-12)).clamp_max(1)


def _energies(fine: Float[Tensor, "1 zz y x"], own: Float[Tensor, "1 zz y x"], nodes: Lattice, zoom: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean squares around each node: of the detail and its part that a sensor passes; variance of the own picture and of the result."""
    fine, own = nodes.thin(fine), nodes.thin(own)
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
    share = box_mean(torch.ones_like(level[0]), SIDE)[0]
    added, kept, within, seen, mean, square = box_mean(torch.stack(maps, 1), SIDE)[0] / share
    between = (square - mean.square()).clamp_min(0)
    return added, kept, within + between, seen + between
