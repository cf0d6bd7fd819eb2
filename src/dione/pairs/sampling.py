"""Where patches are cut from an area: at random, in a grid, or drawn towards edges and rare land cover.

A place is the top left pixel of a patch, of 10 m, counted from the area's corner. It is one of those where the patch stays
out of the rim and the reference is valid in every pixel.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dione.pairs.recipe import Sampling
from dione.prepare import cover

Places = NDArray[np.int64]
"""(patch, 2) top, left."""


@dataclass(frozen=True)
class Ground:
    """What is known of an area when places are drawn."""

    valid: NDArray[np.bool_]
    """(zoom·y, zoom·x) of the reference."""
    coarse: NDArray[Any]
    """(band, y, x) reflectance of the nearest Sentinel-2 date."""
    rarity: NDArray[np.float64]
    """(class,) of land cover, over all areas."""


def places(ground: Ground, rule: Sampling, rng: np.random.Generator) -> Places:
    """At most `rule.patches` places (all that fit of a grid), none twice, from north to south; none where nothing fits."""
    open_ = allowed(ground.valid, ground.coarse.shape[-2:], rule)
    if rule.how == "grid":
        return open_[np.isin(open_[:, 0] - rule.rim_px, _steps(ground, rule, 0)) & np.isin(open_[:, 1] - rule.rim_px, _steps(ground, rule, 1))]
    if len(open_) <= rule.patches:
        return open_
    drawn = rng.permutation(len(open_))[: rule.patches] if rule.how == "random" else _stratified(open_, ground, rule, rng)
    return open_[np.sort(drawn)]


def allowed(valid: NDArray[np.bool_], shape: tuple[int, ...], rule: Sampling) -> Places:
    """Every place where a patch may be cut."""
    zoom = valid.shape[0] // shape[0]
    whole = np.asarray(valid.reshape(shape[0], zoom, -1).all(1).reshape(shape[0], shape[1], zoom).all(2))
    held = means(whole, rule.size_px) > 1 - 1e-9
    rim, last = rule.rim_px, [side - rule.rim_px - rule.size_px for side in shape]
    rows, columns = np.indices(held.shape) if held.size else (np.zeros((0, 0), int), np.zeros((0, 0), int))
    return np.argwhere(held & (rows >= rim) & (rows <= last[0]) & (columns >= rim) & (columns <= last[1]))


def means(image: NDArray[Any], side: int) -> NDArray[np.float64]:
    """The mean of every window of a side, by its top left pixel: (y − side + 1, x − side + 1)."""
    if min(image.shape) < side:
        return np.zeros((0, 0))
    total = np.pad(image.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return np.asarray((total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]) / side**2)


def _stratified(open_: Places, ground: Ground, rule: Sampling, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions in `open_`: a share by edges, a share by rarity, the rest evenly; none twice."""
    rows, columns = open_.T
    edge = means(cover.edges(ground.coarse), rule.size_px)[rows, columns]
    rare = means(ground.rarity[cover.classes(ground.coarse)], rule.size_px)[rows, columns]
    by_edges = round(rule.patches * rule.edges)
    counts = by_edges, min(round(rule.patches * rule.rare), rule.patches - by_edges)
    left, drawn = np.ones(len(open_)), []
    for weight, count in ((edge**2, counts[0]), (rare**2, counts[1]), (np.ones(len(open_)), rule.patches - sum(counts))):
        share = (weight + 1e-12) * left
        picked = rng.choice(len(open_), count, replace=False, p=share / share.sum())
        left[picked] = 0
        drawn.append(picked)
    return np.concatenate(drawn)


def _steps(ground: Ground, rule: Sampling, axis: int) -> NDArray[np.int64]:
    return np.arange(0, ground.coarse.shape[-2:][axis] - 2 * rule.rim_px, rule.size_px)
