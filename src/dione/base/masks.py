"""What counts as seen clear, pixel by pixel: the class tables of Sentinel-2 and the range of possible reflectance."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

SCL = {
    0: "no data",
    1: "saturated or defective",
    2: "dark area or shadow cast by terrain",
    3: "cloud shadow",
    4: "vegetation",
    5: "bare ground",
    6: "water",
    7: "unclassified",
    8: "cloud, medium probability",
    9: "cloud, high probability",
    10: "thin cirrus",
    11: "snow or ice",
}
"""Classes of the scene classification that comes with L2A (Sen2Cor)."""

SCL_CLEAR = (2, 4, 5, 6, 7, 11)
"""The ground is seen: dark slopes are ground too, "unclassified" is mostly bright ground, snow lies on it."""

CLM_CLEAR = 0
"""Cloud masks as Sentinel Hub and s2cloudless write them: 0 clear, 1 cloud, 255 no data."""

MAJA_UNFIT = {"CLM": 0b1111_1111, "MG2": 0b1110_1010, "EDG": 0b1111_1111, "SAT": 0b1111_1111}
"""Bits of the masks of MAJA (Theia) that say that the ground was not seen as it is.

CLM: clouds, thin ones too, and shadows, by what found them. EDG: outside of the image. SAT: saturated, a bit a band of 10 m.
MG2: cloud (1), cloud shadow (3), hidden by relief (5), sun too low (6) or grazing (7) for its slope to be corrected; its
water (0), snow (2) and shade cast by terrain (4) are ground, as in SCL (CNES/CESBIO, Sentinel-2 L2A product format).
"""

LOWEST, HIGHEST = -0.1, 1.6
"""Reflectance outside is no ground. L2A may dip below zero over deep shade, by as much as its offset of 0.1 allows;
snow in low sun reaches about 1.3; beyond 1.6 is cloud, glint or a defect."""


def valid_from_scl(scl: NDArray[Any]) -> Mask:
    """True where the scene classification says that the ground is seen; same shape. Unknown classes are not clear."""
    return np.isin(scl, SCL_CLEAR)


def valid_from_clm(clm: NDArray[Any]) -> Mask:
    """True where the cloud mask says clear; same shape. Cloud and no data are both not clear."""
    return np.asarray(clm == CLM_CLEAR)


def unflagged(flags: NDArray[Any], bits: int) -> Mask:
    """True where none of the `bits` is set; same shape."""
    return np.asarray((flags & flags.dtype.type(bits)) == 0)


def possible(reflectance: NDArray[np.floating[Any]], *, axis: int) -> Mask:
    """True where every band (along `axis`) is finite and between LOWEST and HIGHEST."""
    with np.errstate(invalid="ignore"):
        return np.asarray((reflectance.min(axis) >= LOWEST) & (reflectance.max(axis) <= HIGHEST))
