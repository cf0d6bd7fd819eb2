"""How a sensor blurs: the point-spread function of a 10 m pixel on a finer grid.

The model is a detector (a box one coarse pixel wide) and optics (a Gaussian), separable in y and x. One number sets
it: the modulation left at the Nyquist frequency, 0.2–0.3 for Sentinel-2's 10 m bands (ESA, Sentinel-2 L1C Data
Quality Report). The box alone leaves sinc(1/2) = 0.637, the Gaussian of deviation s pixels leaves exp(-(pi s)^2 / 2).
"""

from functools import lru_cache
from types import EllipsisType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf

NYQUIST_MODULATION = 0.25
"""Modulation at Nyquist of a Sentinel-2 10 m band, the nominal value."""
BOX_MODULATION = 2 / np.pi
SOFTEST, SHARPEST = 0.1, 0.999 * BOX_MODULATION
"""Of pixels that can be compensated: more of their noise than of their detail would come of softer ones; sharper than the detector alone none is."""
COMPENSATION_MARGIN = 2
"""Pixels to each side that a compensated one is made of."""


def sigma_px(modulation: ArrayLike = NYQUIST_MODULATION) -> NDArray[np.float64]:
    """Deviation of the optics' Gaussian in coarse pixels, so that box and Gaussian leave `modulation` at Nyquist."""
    left = np.asarray(modulation, dtype=np.float64)
    if not ((left > 0) & (left < BOX_MODULATION)).all():
        raise ValueError(f"modulation at Nyquist is {modulation!r}, needs to lie between 0 and {BOX_MODULATION:.3f}")
    return np.asarray(np.sqrt(-2 * np.log(left / BOX_MODULATION)) / np.pi)


@lru_cache
def compensation(found: float, wanted: float = NYQUIST_MODULATION) -> NDArray[np.float32]:
    """Five weights along one axis that bring pixels with `found` left at Nyquist to `wanted`; they sum to one.

    The nearest, over all frequencies, to the Gaussian that lies between the two, or to what undoes it.
    """
    between = float(sigma_px(wanted)) ** 2 - float(sigma_px(min(max(found, SOFTEST), SHARPEST))) ** 2
    frequency = np.linspace(0, 0.5, 101)
    left = np.exp(-2 * np.pi**2 * between * frequency**2) - 1
    (near, far), *_ = np.linalg.lstsq(np.stack([2 * np.cos(2 * np.pi * step * frequency) - 2 for step in (1, 2)], 1), left, rcond=None)
    return np.array([far, near, 1 - 2 * (near + far), near, far], np.float32)


def compensated(x: NDArray[np.float32], seen: NDArray[np.bool_], found: float, wanted: float = NYQUIST_MODULATION) -> NDArray[np.float32]:
    """Pixels with `found` left at Nyquist as a sensor that leaves `wanted` would have seen them.

    x: (date, band, y, x), seen: (date, y, x). What was not seen lends its neighbours nothing and becomes zero.
    """
    near = compensation(found, wanted)[COMPENSATION_MARGIN + 1 :]
    made = np.empty_like(x)
    for date, there in enumerate(seen):  # one by one: a date stays in the processor's cache
        made[date] = _mixed(np.where(there, x[date], np.float32(0)), there, near)
    return made


def _mixed(x: NDArray[np.float32], seen: NDArray[np.bool_], near: NDArray[np.float32]) -> NDArray[np.float32]:
    """(band, y, x) with a share of how each neighbour that was seen differs, along both axes; near: shares of the next, and of the one after."""
    for axis in (-2, -1):
        made = x.copy()
        for step, share in ((step * side, share) for step, share in enumerate(near, 1) for side in (-1, 1)):
            here, there = (_moved(axis, by) for by in (-step, step))
            made[here] += share * (x[there] - x[here]) * seen[there]
        x = made
    return x


def _moved(axis: int, by: int) -> tuple[slice | EllipsisType, ...]:
    """What is left of a picture from which rows (axis -2) or columns (-1) are cut: of its beginning, or of its end where `by` is negative."""
    part = slice(by, None) if by > 0 else slice(None, by)
    return (..., part, slice(None)) if axis == -2 else (..., part)


def sampling(n_coarse: int, n_fine: int, zoom: float, *, shift_px: ArrayLike = 0.0, modulation: ArrayLike = NYQUIST_MODULATION) -> NDArray[np.float32]:
    """The matrix (..., n_coarse, n_fine) that turns one axis of a fine image into coarse pixels.

    zoom: fine pixels per coarse pixel (any ratio ≥ 1); both axes are centred on the same ground.
    shift_px: (...) where the coarse grid stands, in coarse pixels; positive looks further down the axis.
    modulation: (...) left at the coarse Nyquist frequency. Several matrices are made at once from arrays of these.
    Rows sum to one; beyond the edge the edge pixel is repeated. A two-dimensional image is `a @ image @ b.T`.
    """
    shift, sigma = np.broadcast_arrays(np.asarray(shift_px, np.float64), sigma_px(modulation))
    centre = (np.arange(n_coarse) + 0.5 - n_coarse / 2 + shift[..., None]) * zoom + n_fine / 2
    reach = int(np.ceil(zoom * (0.5 + 4 * sigma.max()))) + 1
    taps = np.floor(centre)[..., None] + np.arange(-reach, reach + 1)
    weight = _spread((taps + 0.5 - centre[..., None]) / zoom, 1 / zoom, sigma[..., None, None])
    weight /= weight.sum(-1, keepdims=True)
    matrix = np.zeros((taps[..., 0].size, n_fine))
    np.add.at(matrix, (np.arange(len(matrix))[:, None], np.clip(taps, 0, n_fine - 1).astype(int).reshape(len(matrix), -1)), weight.reshape(len(matrix), -1))
    return matrix.reshape(*shift.shape, n_coarse, n_fine).astype(np.float32)


@lru_cache
def kernel(zoom: int, modulation: float = NYQUIST_MODULATION) -> NDArray[np.float32]:
    """The same point-spread function as taps: (2r + 1, zoom) weights of the fine pixels of the coarse pixels -r … r."""
    coarse = 2 * (int(np.ceil(0.5 + 4 * float(sigma_px(modulation)))) + 1) + 1
    row = sampling(coarse, coarse * zoom, zoom, modulation=modulation)[coarse // 2].reshape(coarse, zoom)
    row[np.abs(row) < 1e-5] = 0
    used = np.flatnonzero(row.any(1))
    radius = int(np.abs(used - coarse // 2).max())
    return (row / row.sum())[coarse // 2 - radius : coarse // 2 + radius + 1].astype(np.float32)


def _spread(x: NDArray[np.float64], width: float, sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weight of a fine pixel of `width` whose centre lies `x` coarse pixels away: box ⊗ Gaussian, by Simpson's rule."""

    def at(u: NDArray[np.float64]) -> NDArray[np.float64]:
        scale = np.sqrt(2) * sigma
        return 0.5 * (erf((u + 0.5) / scale) - erf((u - 0.5) / scale))

    return (at(x - width / 2) + 4 * at(x) + at(x + width / 2)) / 6
