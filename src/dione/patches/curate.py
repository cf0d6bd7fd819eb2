"""How well each patch's target and reference go together, as columns of the index; and which patches are kept.

Two sensors, some days apart: the reference may be out of place, brighter, or of other land altogether. The target is
enlarged (bicubic) and the reference moved to where it fits best, by up to some sharp pixels. Images are compared in the
older pipeline's unit, (reflectance − centre) / spread, about 0 … 1, so that its thresholds mean what they meant: by
the store's own normalisation where it has one, by the mean of the original's two countries otherwise.

    mse           mean squared difference there               cmse          the same without each band's mean difference
    psnr, ssim    without each band's mean difference; peak and range 1        mse_ratio     mse / cmse: how much is bias
    psnr_nir, ssim_nir   of near infrared alone, which the original scored
    correlation   mean over bands                             change        mean difference, largest band, reflectance
    shift_down, shift_right   sharp pixels                    views         dates that show anything
    misfit        share of the target's contrast that the reference does not show as the sensor would see it there, mean over bands
    detail        deviation of what the reference shows beyond that, over that of the target's own finest detail; mean over bands
    brighter, darker   by how much the reference differs at most around a pixel of 10 m in all bands alike, reflectance: cloud, shadow
    target_clear  share of the target that was seen clear; below 1, nothing above but views is known

Nothing is deleted: `kept` is a column, and `Store.rows` leaves out what is not kept.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from dione.base.bands import BANDS
from dione.base.errors import BadRecipe, BadSource, faults
from dione.measure import shift
from dione.measure.metrics import averaged, corrected, decibels
from dione.patches import store
from dione.patches.expression import chosen
from dione.patches.older import counts, tables

PRESETS = {
    "prior-art": ("ssim_nir > 0.2", "psnr_nir > 10", "mse_ratio < 10", "views >= 2", "not shadow"),
    "agreeing": ("misfit < 0.6", "detail > 0.4", "brighter < 0.015", "darker < 0.015"),
    "all": ("True",),
}
"""`not shadow` only where the index tells of shadow. What each lets through is told in docs/vhr.md."""
OF_PAIR = ("mse", "cmse", "psnr", "ssim", "psnr_nir", "ssim_nir", "mse_ratio", "correlation", "change", "misfit", "detail", "brighter", "darker")
COLUMNS = (*OF_PAIR, "shift_down", "shift_right", "views", "target_clear")
LIMIT = "curated_within_px"
"""What a store notes of the shift that was looked within, sharp pixels."""
CENTRE, SPREAD = (0.085, 0.068, 0.040, 0.067), (0.099, 0.125, 0.213, 0.369)
FLOOR = 0.005
"""Reflectance: contrasts below it may be noise, and count as plain ground."""
GRAIN = 0.001
"""Reflectance: the same of finest detail, so that plain water, where neither shows any, counts as detail enough."""
AROUND_PX = 3
"""Side of the window in which brighter and darker are told, pixels of 10 m."""
BATCH = 64
Progress = Callable[[str, int, int], None]


def score(opened: store.Store, *, limit_px: float = 3.0, progress: Progress = lambda *_: None) -> pa.Table:
    """Write COLUMNS into the store's index, in place of those that are there; returns it. Raises BadSource for patches too small for the shift."""
    side = min(opened.hr.shape[-2:])
    zoom = side // opened.lr.shape[-1]
    if side <= 2 * shift.margin(limit_px) + 11 or side <= 2 * zoom * _rim(limit_px, zoom):
        raise BadSource(f"patches of {side} px leave too little to compare within a shift of {limit_px:g} px\nchoose a smaller --shift")
    norms = tables.of_store(opened)
    facts, total = opened.index.to_pylist(), opened.index.num_rows
    found: list[dict[str, float | None]] = []
    for span in opened.spans():
        lr, valid, hr = (np.asarray(part[span]) for part in (opened.lr, opened.valid, opened.hr))
        for at in range(0, len(lr), BATCH):
            some = slice(at, at + BATCH)
            target, truth = (torch.from_numpy(part[some].astype(np.float32)) / store.PER_UNIT for part in (lr[:, 0], hr))
            units = [_unit(row, norms) for row in facts[span.start + at : span.start + at + len(target)]]
            found += statistics(target, truth, torch.from_numpy(valid[some]), torch.tensor(units, dtype=torch.float32), limit_px=limit_px)
            progress("curate", span.start + at + len(units), total)
    store.add(opened, {name: pa.array([row[name] for row in found], pa.float64()) for name in COLUMNS}, **{LIMIT: limit_px})
    return store.read(opened.path).index


def is_scored(opened: store.Store, limit_px: float) -> bool:
    """Whether the index holds the columns of `score` within this shift."""
    kinds = dict(zip(opened.index.column_names, opened.index.schema.types, strict=True))
    return opened.about.get(LIMIT) == limit_px and all(name in kinds and pa.types.is_floating(kinds[name]) for name in COLUMNS)


def statistics(
    target: Float[Tensor, "b c h w"], hr: Float[Tensor, "b c y x"], valid: Bool[Tensor, "b t h w"], units: Float[Tensor, "b 2 c"], *, limit_px: float
) -> list[dict[str, float | None]]:
    """A row of COLUMNS for each patch; `units` are centre and spread."""
    centre, spread = units[:, 0, :, None, None], units[:, 1, :, None, None]
    fine = F.interpolate(target, size=hr.shape[-2:], mode="bicubic", align_corners=False)
    ours, theirs, by = shift.aligned((fine - centre) / spread, (hr - centre) / spread, limit_px=limit_px)
    level = corrected(ours, theirs)
    mse, cmse = ((image - theirs).square().mean((1, 2, 3)) for image in (ours, level))
    near, their_near = level[:, BANDS.index("nir") :], theirs[:, BANDS.index("nir") :]
    known = {
        "mse": mse,
        "cmse": cmse,
        "psnr": decibels(cmse),
        "ssim": similarity(level, theirs),
        "psnr_nir": decibels((near - their_near).square().mean((1, 2, 3))),
        "ssim_nir": similarity(near, their_near),
        "mse_ratio": mse / cmse.clamp_min(1e-12),
        "correlation": correlation(ours, theirs),
        "change": ((ours - theirs) * spread).mean((-2, -1)).abs().amax(1),
        **_at_10_m(target, shift.shifted(hr, by), limit_px),
        "shift_down": by[:, 0],
        "shift_right": by[:, 1],
    }
    clear, views = valid[:, 0].float().mean((1, 2)), valid.flatten(2).any(2).sum(1)
    rows: list[dict[str, float | None]] = []
    for at in range(len(hr)):
        whole = bool(clear[at] == 1)
        rows.append(
            {name: float(values[at]) if whole else None for name, values in known.items()} | {"views": float(views[at]), "target_clear": float(clear[at])}
        )
    return rows


def _at_10_m(target: Float[Tensor, "b c h w"], hr: Float[Tensor, "b c y x"], limit_px: float) -> dict[str, Float[Tensor, " b"]]:
    """Both compared as the sensor sees them, the reference in its place, without the rim that moving it leaves open."""
    zoom = hr.shape[-1] // target.shape[-1]
    rim = _rim(limit_px, zoom)
    seen = averaged(hr, zoom)
    beyond = shift.inside(hr - F.interpolate(seen, size=hr.shape[-2:], mode="bicubic", align_corners=False), rim * zoom)
    finest = target - F.avg_pool2d(F.pad(target, (1, 1, 1, 1), mode="replicate"), 3, 1)
    target, seen, finest = (shift.inside(image, rim) for image in (target, seen, finest))
    apart = seen - target
    level = apart - apart.flatten(2).median(2).values[..., None, None]
    around = F.avg_pool2d(level, min(AROUND_PX, *level.shape[-2:]), 1)
    return {
        "misfit": (apart.var((-2, -1), correction=0) / (target.var((-2, -1), correction=0) + FLOOR**2)).mean(1),
        "detail": ((beyond.square().mean((-2, -1)) + GRAIN**2) / (finest.square().mean((-2, -1)) + GRAIN**2)).sqrt().mean(1),
        "brighter": around.amin(1).amax((-2, -1)),
        "darker": (-around).amin(1).amax((-2, -1)),
    }


def _rim(limit_px: float, zoom: int) -> int:
    """Pixels of 10 m on every side that a shift of up to `limit_px` sharp ones leaves open."""
    return math.ceil(shift.margin(limit_px) / zoom)


def similarity(one: Float[Tensor, "b c y x"], other: Float[Tensor, "b c y x"]) -> Float[Tensor, " b"]:
    """SSIM of each image, range 1 (Wang et al. 2004)."""
    found = structural_similarity_index_measure(one, other, data_range=1.0, reduction="none")
    assert isinstance(found, Tensor)
    return found.reshape(-1)


def correlation(one: Float[Tensor, "b c y x"], other: Float[Tensor, "b c y x"]) -> Float[Tensor, " b"]:
    """Pearson's, mean over bands; 0 for a band that is the same everywhere."""
    a, b = (image - image.mean((-2, -1), keepdim=True) for image in (one, other))
    length = (a.square().sum((-2, -1)) * b.square().sum((-2, -1))).sqrt()
    return ((a * b).sum((-2, -1)) / length.clamp_min(1e-12)).mean(1)


def keep(opened: store.Store, conditions: Iterable[str]) -> int:
    """Keep the patches that fulfil every condition (expression.py), and no other; returns how many. Raises BadRecipe where that is none."""
    asked = tuple(conditions)
    fulfilled = {condition: chosen(opened.index, condition) for condition in asked}
    kept = np.logical_and.reduce([np.ones(opened.index.num_rows, bool), *fulfilled.values()])
    if not kept.any():
        each = [f"{condition}: {int(rows.sum())} of {len(rows)} patches" for condition, rows in fulfilled.items()]
        raise BadRecipe(
            faults(f"no patch of {opened.path} fulfils all conditions", each, "nothing was changed; look at the columns with --json, or ask for less")
        )
    store.add(opened, {"kept": pa.array(kept)}, kept=list(asked))
    return int(kept.sum())


def preset(opened: store.Store, name: str) -> tuple[str, ...]:
    """Its conditions, as far as the index can tell; raises BadRecipe for an unknown one."""
    if name not in PRESETS:
        raise BadRecipe(f"no preset '{name}'; there are {', '.join(PRESETS)}")
    return tuple(each for each in PRESETS[name] if each != "not shadow" or "shadow" in opened.index.column_names)


def summary(table: pa.Table) -> dict[str, Any]:
    """The middle and the ends of each column: {"ssim": {"p5": …, "median": …, "p95": …, "known": 812}}."""
    told = {}
    for name in COLUMNS:
        values = np.array([value for value in table[name].to_pylist() if value is not None])
        if len(values):
            low, middle, high = np.percentile(values, (5, 50, 95))
            told[name] = {"p5": float(low), "median": float(middle), "p95": float(high), "known": len(values)}
    return told


def _unit(facts: dict[str, Any], norms: tables.Tables | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if norms is None:
        return CENTRE, SPREAD
    centre, spread = norms.scaling(counts.country(facts))
    return tuple(centre.tolist()), tuple(spread.tolist())
