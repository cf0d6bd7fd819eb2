"""Tone of display imagery: its numbers are no reflectance, so brightness, curve and contrast are drawn, like real Sentinel-2's.

display numbers ── gain, curve drawn ──► plausible reflectance ── half of the time ──► mean and contrast of each band
                                                                                      as in a window of a real scene
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dione.base.errors import NotFound
from dione.patches.simulated import scenes

Array = NDArray[np.float32]

WINDOW_PX = 14
DARKEST = 1e-3
CONTRAST = (0.4, 1.6)
"""How much the contrast of a band may be changed to match."""


@dataclass(frozen=True)
class Palette:
    """How bright and how contrasted real land is."""

    mean: Array
    """(window, band) of the logarithm of reflectance."""
    deviation: Array
    """(window, band) of the same, within the window."""


def palette(globs: Sequence[str], root: str | Path) -> Palette:
    """Statistics of every window of WINDOW_PX pixels of real Sentinel-2 scenes (reflectance × 10000); raises NotFound."""
    found = [file for each in globs for file in scenes.matching(root, each)]
    if not found:
        raise NotFound(f"no scenes to take tones from: found nothing at {', '.join(f'{root}/{each}' for each in globs)}")
    kind = scenes.SceneSet(path=globs[0], sensor="sentinel-2", coarse_m=40, pixel_m=10)
    parts = [_windows(scenes.image(file, kind).pixels) for file in found]
    logs = np.log(np.maximum(np.concatenate(parts), DARKEST))
    return Palette(logs.mean((2, 3)), logs.std((2, 3)))


def _windows(image: Array) -> Array:
    """(window, band, y, x), those without missing pixels."""
    bands, height, width = image.shape
    down, across = height // WINDOW_PX, width // WINDOW_PX
    cut = image[:, : down * WINDOW_PX, : across * WINDOW_PX].reshape(bands, down, WINDOW_PX, across, WINDOW_PX)
    every = cut.transpose(1, 3, 0, 2, 4).reshape(-1, bands, WINDOW_PX, WINDOW_PX)
    return every[np.isfinite(every).all((1, 2, 3))]


def draw(cut: Array, kind: scenes.SceneSet, fine: float, real: Palette | None, rng: np.random.Generator) -> Array:
    """`cut` (years, band, y, x) with a tone drawn anew; reflectance keeps its own, but for its brightness.

    fine: pixels of `cut` per coarse pixel, at which contrast is compared.
    """
    bands = cut.shape[1]
    gain = np.exp(0.2 * rng.standard_normal() + 0.1 * rng.standard_normal((bands, 1, 1))).astype(np.float32)
    if kind.white is None:
        return cut * gain
    top = np.array(kind.reflectance, np.float32)[:, None, None] * kind.white
    toned = (top * gain * (cut / top) ** np.float32(rng.uniform(0.9, 1.7))).astype(np.float32)
    return toned if real is None or rng.random() < 0.5 else _matched(toned, fine, real, rng)


def _matched(toned: Array, fine: float, real: Palette, rng: np.random.Generator) -> Array:
    logs = np.log(np.maximum(toned, DARKEST))
    size = max(round(fine), 1)
    height, width = (side // size * size for side in logs.shape[-2:])
    coarse = logs[..., :height, :width].reshape(*logs.shape[:2], height // size, size, width // size, size).mean((3, 5))
    mean, deviation = coarse.mean((0, 2, 3)), coarse.std((0, 2, 3)) + 1e-3
    row = rng.integers(len(real.mean))
    factor = np.clip(real.deviation[row] / deviation, *CONTRAST)
    # One factor for most of it: bands keep their relation, as materials do.
    factor = (0.7 * factor.mean() + 0.3 * factor)[:, None, None]
    matched = np.exp(np.clip((logs - mean[:, None, None]) * factor + real.mean[row][:, None, None], np.log(DARKEST), 0.0))
    return np.asarray(matched, np.float32)
