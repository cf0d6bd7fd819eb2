"""How a sensor blurs: the point-spread function of a 10 m pixel on a finer grid.

The model is a detector (a box one coarse pixel wide) and optics (a Gaussian), separable in y and x. One number sets
it: the modulation left at the Nyquist frequency, 0.2–0.3 for Sentinel-2's 10 m bands (ESA, Sentinel-2 L1C Data
Quality Report). The box alone leaves sinc(1/2) = 0.637, the Gaussian of deviation s pixels leaves exp(-(pi s)^2 / 2).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

NYQUIST_MODULATION = 0.25
"""Modulation at Nyquist of a Sentinel-2 10 m band, the nominal value."""
BOX_MODULATION = 2 / np.pi


def sigma_px(modulation: float = NYQUIST_MODULATION) -> float:
    """Deviation of the optics' Gaussian in coarse pixels, so that box and Gaussian leave `modulation` at Nyquist."""
    if not 0 < modulation < BOX_MODULATION:
        raise ValueError(f"modulation at Nyquist is {modulation}, needs to lie between 0 and {BOX_MODULATION:.3f}")
    return float(np.sqrt(-2 * np.log(modulation / BOX_MODULATION)) / np.pi)


def sampling(n_coarse: int, n_fine: int, zoom: float, *, shift_px: float = 0.0, modulation: float = NYQUIST_MODULATION) -> NDArray[np.float32]:
    """The matrix (n_coarse, n_fine) that turns one axis of a fine image into coarse pixels.

    zoom: fine pixels per coarse pixel (any ratio ≥ 1); both axes are centred on the same ground.
    shift_px: where the coarse grid stands, in coarse pixels; positive looks further down the axis.
    Rows sum to one; beyond the edge the edge pixel is repeated. A two-dimensional image is `a @ image @ b.T`.
    """
    centre = ((np.arange(n_coarse) + 0.5 - n_coarse / 2 + shift_px) * zoom) + n_fine / 2
    reach = int(np.ceil(zoom * (0.5 + 4 * sigma_px(modulation)))) + 1
    taps = np.floor(centre)[:, None] + np.arange(-reach, reach + 1)[None]
    weight = _spread((taps + 0.5 - centre[:, None]) / zoom, 1 / zoom, sigma_px(modulation))
    weight /= weight.sum(1, keepdims=True)
    matrix = np.zeros((n_coarse, n_fine))
    np.add.at(matrix, (np.arange(n_coarse)[:, None], np.clip(taps, 0, n_fine - 1).astype(int)), weight)
    return matrix.astype(np.float32)


@lru_cache
def kernel(zoom: int, modulation: float = NYQUIST_MODULATION) -> NDArray[np.float32]:
    """The same point-spread function as taps: (2r + 1, zoom) weights of the fine pixels of the coarse pixels -r … r."""
    coarse = 2 * (int(np.ceil(0.5 + 4 * sigma_px(modulation))) + 1) + 1
    row = sampling(coarse, coarse * zoom, zoom, modulation=modulation)[coarse // 2].reshape(coarse, zoom)
    row[np.abs(row) < 1e-5] = 0
    used = np.flatnonzero(row.any(1))
    radius = int(np.abs(used - coarse // 2).max())
    return (row / row.sum())[coarse // 2 - radius : coarse // 2 + radius + 1].astype(np.float32)


def _spread(x: NDArray[np.float64], width: float, sigma: float) -> NDArray[np.float64]:
    """Weight of a fine pixel of `width` whose centre lies `x` coarse pixels away: box ⊗ Gaussian, by Simpson's rule."""
    from scipy.special import erf

    def at(u: NDArray[np.float64]) -> NDArray[np.float64]:
        scale = np.sqrt(2) * sigma
        return 0.5 * (erf((u + 0.5) / scale) - erf((u - 0.5) / scale))

    return (at(x - width / 2) + 4 * at(x) + at(x + width / 2)) / 6
