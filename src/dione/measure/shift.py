"""How far a result stands from its reference: a sub-pixel search per patch, no network. Tensors in, tensors out.

Orthorectified imagery is metres off, locally; a pixel of sharp imagery is smaller than that. So a reference is compared
where it fits best. Shifts are in the pixels of what is compared (the sharp ones), rows then columns: `shifted(x, by)`
looks `by` further down and right. Whole pixels are tried one by one, then least squares finds the fraction (Lucas &
Kanade 1981); the mean difference of each band never counts, nor does what was not seen, where that is told.
"""

import math
from itertools import product

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

REACH = 2
"""Pixels that bicubic interpolation looks to each side."""
FURTHEST = 1 << 20
"""Pixels; a shift that is further, infinite even, leaves nothing of any image."""
ROUNDS = 3
"""Of least squares; each starts from where the last one ended."""
Seen = Bool[Tensor, "b 1 v u"] | None
"""What counts; all where it is not told."""


def aligned(
    sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"], *, limit_px: float
) -> tuple[Float[Tensor, "b c v u"], Float[Tensor, "b c v u"], Float[Tensor, "b 2"]]:
    """`sr` and `hr` moved onto it, both without the rim that a shift of up to `limit_px` leaves open; and the shift.

    cPSNR up to a shift is `cpsnr(*aligned(sr, hr, limit_px=6)[:2], border=0)`.
    """
    by = find(sr, hr, limit_px=limit_px)
    rim = margin(limit_px)
    return inside(sr, rim), inside(shifted(hr, by), rim), by


def margin(limit_px: float) -> int:
    """Pixels on every side that cannot be compared after a shift of up to `limit_px`."""
    return math.ceil(min(limit_px, FURTHEST)) + REACH


def fits(side: int, limit_px: float) -> bool:
    """Whether images of `side` pixels leave anything to compare after a shift of up to `limit_px`."""
    return side > 2 * margin(limit_px) + 4


@torch.no_grad()
def find(sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"], *, limit_px: float, seen: Bool[Tensor, "b y x"] | None = None) -> Float[Tensor, "b 2"]:
    """The shift of `hr`, at most `limit_px` in each axis, with the least squared difference from `sr`; per patch.

    seen: the pixels of `sr` to compare, all by default; what stands in the others, clouds even, has no say.
    """
    rim = margin(limit_px)
    if not fits(min(sr.shape[-2:]), limit_px):
        raise ValueError(f"patches of {tuple(sr.shape[-2:])} px leave nothing to compare within a shift of {limit_px} px; needed more than {2 * rim + 4}")
    fixed, where = inside(sr, rim), None if seen is None else inside(seen[:, None], rim)
    best = _whole(fixed, hr, int(limit_px), rim, where)
    cost = _cost(fixed, inside(shifted(hr, best), rim), where)
    by = best
    for _ in range(ROUNDS if limit_px > 0 else 0):
        moved = shifted(hr, by)
        by = (by + _step(fixed, moved, rim, where)).clamp(-limit_px, limit_px)
        found = _cost(fixed, inside(shifted(hr, by), rim), where)
        better = found < cost
        best, cost = torch.where(better[:, None], by, best), torch.where(better, found, cost)
    return best


def shifted(x: Float[Tensor, "b c y x"], by: Float[Tensor, "b 2"]) -> Float[Tensor, "b c y x"]:
    """`x` read `by` pixels further down and right, bicubic, edges repeated."""
    height, width = x.shape[-2:]
    rows = torch.arange(height, dtype=x.dtype, device=x.device) + by[:, :1]
    columns = torch.arange(width, dtype=x.dtype, device=x.device) + by[:, 1:]
    across, down = (2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1
    grid = torch.stack([across[:, None].expand(-1, height, -1), down[:, :, None].expand(-1, -1, width)], -1)
    return F.grid_sample(x, grid, mode="bicubic", padding_mode="border", align_corners=False)


def inside(x: Shaped[Tensor, "b c y x"], rim: int) -> Shaped[Tensor, "b c v u"]:
    """`x` without `rim` pixels on every side."""
    return x[..., rim : x.shape[-2] - rim, rim : x.shape[-1] - rim]


def _whole(fixed: Float[Tensor, "b c v u"], hr: Float[Tensor, "b c y x"], limit: int, rim: int, seen: Seen) -> Float[Tensor, "b 2"]:
    """The best shift by whole pixels, by trying each; of equals the smallest."""
    steps = range(-limit, limit + 1)
    each = sorted(product(steps, steps), key=lambda by: by[0] ** 2 + by[1] ** 2)
    tried = torch.tensor(each, dtype=hr.dtype, device=hr.device)
    (height, width), top = fixed.shape[-2:], rim
    costs = [_cost(fixed, hr[..., top + down : top + down + height, top + right : top + right + width], seen) for down, right in each]
    return tried[torch.stack(costs).argmin(0)]


def _cost(a: Float[Tensor, "b c v u"], b: Float[Tensor, "b c v u"], seen: Seen) -> Float[Tensor, " b"]:
    """Mean squared difference, each band's mean difference taken off; of what is seen, over the number of all."""
    return (a - b).var((-2, -1), correction=0).mean(1) if seen is None else _level(a - b, seen).square().mean((1, 2, 3))


def _level(x: Float[Tensor, "b c v u"], seen: Seen) -> Float[Tensor, "b c v u"]:
    """`x` without each band's mean; 0 where it was not seen."""
    if seen is None:
        return x - x.mean((-2, -1), keepdim=True)
    kept = torch.where(seen, x, 0)
    return torch.where(seen, kept - kept.sum((-2, -1), keepdim=True) / seen.sum((-2, -1), keepdim=True).clamp_min(1), 0)


def _step(fixed: Float[Tensor, "b c v u"], moved: Float[Tensor, "b c y x"], rim: int, seen: Seen) -> Float[Tensor, "b 2"]:
    """How much further to move, by least squares over all pixels and bands: fixed − moved ≈ step · gradient; at most a pixel."""
    down = inside((moved.roll(-1, -2) - moved.roll(1, -2)) / 2, rim)
    right = inside((moved.roll(-1, -1) - moved.roll(1, -1)) / 2, rim)
    apart = fixed - inside(moved, rim)
    down, right, apart = (_level(part, seen) for part in (down, right, apart))
    yy, xy, xx, y, x = ((one * other).sum((1, 2, 3)) for one, other in ((down, down), (down, right), (right, right), (down, apart), (right, apart)))
    ridge = 1e-4 * (yy + xx) + 1e-12
    yy, xx = yy + ridge, xx + ridge
    return (torch.stack([xx * y - xy * x, yy * x - xy * y], 1) / (yy * xx - xy * xy)[:, None]).clamp(-1, 1)
