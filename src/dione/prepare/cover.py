"""Land cover told roughly by colour, so that rare kinds of ground can be drawn more often; no map, and no truth.

    vegetation index (nir − red) / (nir + red), in four steps     ×     brightness, mean of the bands, in four steps

A dark pixel of low index is water or shade, a bright one of low index is built or bare, a high index is crop or forest.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dione.base.bands import BANDS

INDEX_STEPS = (0.15, 0.4, 0.65)
BRIGHTNESS_STEPS = (0.06, 0.12, 0.2)
CLASSES = (len(INDEX_STEPS) + 1) * (len(BRIGHTNESS_STEPS) + 1)


def classes(reflectance: NDArray[Any]) -> NDArray[np.int64]:
    """The class (y, x), 0 to CLASSES − 1, of reflectance (band, y, x)."""
    red, nir = (reflectance[BANDS.index(name)] for name in ("red", "nir"))
    index = (nir - red) / np.maximum(nir + red, 1e-6)
    return np.asarray(np.digitize(index, INDEX_STEPS) * (len(BRIGHTNESS_STEPS) + 1) + np.digitize(reflectance.mean(0), BRIGHTNESS_STEPS), np.int64)


def counts(found: NDArray[np.int64], valid: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Valid pixels of each class; they add up over areas."""
    return np.bincount(found[valid].ravel(), minlength=CLASSES)


def rarity(counted: NDArray[np.int64]) -> NDArray[np.float64]:
    """(class,) how rare each is: the share of an even distribution over its own; 0 for classes that never occur."""
    share = counted / max(int(counted.sum()), 1)
    even = 1 / max(int((counted > 0).sum()), 1)
    return np.where(counted > 0, even / np.maximum(share, 1e-12), 0.0)


def edges(image: NDArray[Any]) -> NDArray[np.float64]:
    """How much an image (band, y, x) changes from pixel to pixel (y, x): gradient of the logarithm of its mean brightness."""
    light = np.log(np.maximum(image.mean(0), 1e-3))
    down, right = np.gradient(light)
    return np.asarray(np.hypot(down, right))
