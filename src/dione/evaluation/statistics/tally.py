"""The statistics of images, from which every score is finished (evaluation/statistics/scores.py): sums and counts, nothing divided."""

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from dione.evaluation.cases import REFERENCE, Cases, Made
from dione.evaluation.statistics.rows import Rows
from dione.measure import coverage, metrics
from dione.measure.correctness import correctness
from dione.measure.edges import edges

RIM_PX = 2
"""Coarse pixels at the edge of an image whose surroundings are unknown, left out of the consistency."""
STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the added detail, from bicubic to the model, at which the triplet is taken."""


def tally(cases: Cases, model: str, *, factors: tuple[float, ...]) -> Rows:
    """One row an image of what `model` made; `factors`: half widths of the intervals of coverage.LEVELS, in sigmas."""
    made, plain, zoom = cases.made[model], cases.made[REFERENCE], cases.hr.shape[-1] // cases.lr.shape[-1]
    count = cases.seen.sum((1, 2)).double()
    sums = {"patches": torch.ones_like(count), "pixels": count, "values": count * cases.hr.shape[1]}
    sums |= _errors(made.sr, cases.hr, cases.seen, zoom)
    bias = (sums["error"] / count[:, None])[..., None, None].float()
    level = (_total(plain.sr - cases.hr, cases.seen) / count[:, None])[..., None, None].float()
    fair, flat = made.sr - bias, plain.sr - level
    sums |= _looks(fair, cases.hr, cases.seen)
    sums |= _detail(fair, flat, cases)
    sums |= _consistency(made.sr, cases.lr, cases.seen, zoom)
    sums |= _confidence(made, cases.hr, cases.seen, factors)
    keys = cases.keys | {"model": np.full(len(count), model)}
    return Rows(keys, {name: values.double().numpy() for name, values in sums.items()})


def histograms(cases: Cases, model: str) -> Rows:
    """One row a site: the squares of coverage.joint of sigma, and of the size of the detail added to bicubic."""
    made, plain = cases.made[model], cases.made[REFERENCE]
    error = made.sr - cases.hr
    squares = {"sigma": made.sigma, "detail": (made.sr - plain.sr).abs()}
    sums = {name: coverage.joint(values, error, cases.seen).flatten(1).double().numpy() for name, values in squares.items()}
    keys = {name: cases.keys[name] for name in ("site", "dates")} | {"model": np.full(len(error), model)}
    return Rows(keys, sums).pooled("site", "dates", "model")


def _errors(sr: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"], seen: Bool[Tensor, "b y x"], zoom: int) -> dict[str, Tensor]:
    """By band: errors, their squares, the truth; and from these the image's own cPSNR, of all bands and of each, and ERGAS."""
    error = sr - hr
    first, second, truth = _total(error, seen), _total(error.double().square(), seen), _total(hr, seen)
    count = seen.sum((1, 2)).double()[:, None]
    squared = second / count
    return {
        "error": first,
        "squared": second,
        "truth": truth,
        "cpsnr": metrics.decibels((fair := squared - (first / count).square()).mean(1)),
        "cpsnr_bands": metrics.decibels(fair),
        "ergas": metrics.ergas(squared, truth / count, zoom=zoom),
    }


def _looks(fair: Float[Tensor, "b c y x"], hr: Float[Tensor, "b c y x"], seen: Bool[Tensor, "b y x"]) -> dict[str, Tensor]:
    """Structure, colour and edges; `fair` is SR with each band's mean error taken off."""
    found = edges(fair, hr, seen)
    return {
        "similarity": _total(metrics.similarity(fair, hr), seen).sum(1),
        "angle": _total(metrics.angle(fair, hr)[:, None], seen)[:, 0],
        "edges_made": found.made,
        "edges_true": found.true,
        "edges_wanted": found.wanted,
        "edges_met": found.met,
    }


def _detail(fair: Float[Tensor, "b c y x"], flat: Float[Tensor, "b c y x"], cases: Cases) -> dict[str, Tensor]:
    """What was added to bicubic: its product with what was missing, and the triplet at each of STEPS."""
    hr, seen = cases.hr, cases.seen
    zoom = hr.shape[-1] // cases.lr.shape[-1]
    enlarged = F.interpolate(cases.lr, scale_factor=float(zoom), mode="bilinear", align_corners=False)
    enlarged = enlarged - (_total(enlarged - hr, seen) / seen.sum((1, 2))[:, None])[..., None, None].float()
    added, missing = fair - flat, hr - flat
    triplets = [correctness(flat + share * added, hr, enlarged, seen) for share in STEPS]
    return {
        "detail": _total(added.double().square(), seen).sum(1),
        "detail_truth": _total(added.double() * missing, seen).sum(1),
        **{name: torch.stack([getattr(one, name) for one in triplets], 1) for name in ("improvement", "omission", "hallucination")},
        "correctness": torch.stack([one.pixels for one in triplets], 1),
    }


def _consistency(sr: Float[Tensor, "b c y x"], lr: Float[Tensor, "b c h w"], seen: Bool[Tensor, "b y x"], zoom: int) -> dict[str, Tensor]:
    """How far the result, averaged back with the sensor's point-spread function, is from the target; coarse pixels with all their neighbours seen."""
    whole = rearrange(seen, "b (h y) (w x) -> b h w (y x)", y=zoom, x=zoom).all(-1)
    alone = F.max_pool2d((~whole)[:, None].float(), 3, stride=1, padding=1)[:, 0] > 0
    inner = (..., slice(RIM_PX, -RIM_PX), slice(RIM_PX, -RIM_PX))
    kept, apart = ~alone[inner], (metrics.averaged(sr, zoom) - lr).abs()[inner]
    return {"apart": _total(apart, kept).sum(1), "coarse_values": kept.sum((1, 2)).double() * lr.shape[1]}


def _confidence(made: Made, hr: Float[Tensor, "b c y x"], seen: Bool[Tensor, "b y x"], factors: tuple[float, ...]) -> dict[str, Tensor]:
    """Values within each interval, by band those within the widest, and its widths. Errors count as they are, bias and all."""
    covered = coverage.covered(made.sr - hr, made.sigma, seen, factors)
    return {
        "covered": covered.sum(2),
        "covered_bands": covered[:, -1],
        "width": _total(2 * factors[-1] * made.sigma, seen).sum(1),
    }


def _total(x: Float[Tensor, "b c y x"], seen: Bool[Tensor, "b y x"]) -> Float[Tensor, "b c"]:
    """Sum over the seen pixels, in double precision."""
    return torch.where(seen[:, None], x, torch.zeros((), dtype=x.dtype)).double().sum((2, 3))
