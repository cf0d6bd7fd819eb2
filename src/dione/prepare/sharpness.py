"""How sharp pictures are, found from themselves: the modulation that their sensor left at the Nyquist frequency.

Land has ever less contrast the finer one looks, in much the same way everywhere; a sensor's blur takes more of it, most of the
finest. So the power of a scene near the Nyquist frequency, against that at half of it, tells the blur to within a fifth or
so (`python benchmarks/sharpness.py` fits the line and says how well).

It matters because a network undoes the blur that it was made for. Pixels averaged down from finer ones, or resampled
by taking the nearest, are sharper than Sentinel-2's own, and their edges come out too hard; pixels resampled by
interpolation are softer, and come out too soft. `base/optics.compensated` brings either there.
Sources: spectra of natural scenes, Field 1987 (J. Opt. Soc. Am. A 4:2379); modulation of a sensor from a scene, Boreman
2001 (Modulation Transfer Function in Optical and Electro-Optical Systems, SPIE).
"""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dione.base.optics import SHARPEST
from dione.prepare.area import sample

SEGMENT_PX = 16
"""Of a row or column, whose spectrum is taken."""
PASSED, FINEST = (0.2, 0.3), (0.36, 0.47)
"""Cycles a pixel: what every sensor passes, and what only a sharp one does."""
CONSTANT, SLOPE = 0.83, 1.14
"""ln modulation = CONSTANT + SLOPE · ln (finest / passed power); fitted on places that scores are not made of."""
LEAST_SEGMENTS = 256
"""Seen clear on each date, rows and columns together: about 45 × 45 px; with fewer nothing is said."""
LEAST_CONTRAST = 0.001
"""Reflectance: of less, noise would be most."""
WINDOWS, DATES = 3, 3
"""At most WINDOWS × WINDOWS windows of at most DATES dates are looked at."""

Array = NDArray[np.float32]


def modulation(stack: xr.Dataset, dates: tuple[int, ...]) -> float | None:
    """What pixels have left at Nyquist, median over bands; None where too little is seen clear.

    dates: positions in the Stack's time, of which the first DATES are looked at. Of a Stack that an archive still has to
    give, nothing is read: its pixels are the sensor's own, and None is said.
    """
    if stack.attrs.get("identity") and not stack["reflectance"].variable._in_memory:
        return None
    found: list[Array] = []
    looked = sorted(dates[:DATES])
    for window in sample((stack.sizes["y"], stack.sizes["x"]), count=WINDOWS):
        rows, columns = window.slices
        part = stack[["reflectance", "valid"]].isel(time=looked, y=rows, x=columns).compute()
        found += [each for date in zip(part["reflectance"].values, part["valid"].values, strict=True) for each in spectra(*date)]
    if sum(map(len, found)) < LEAST_SEGMENTS * len(looked):
        return None
    power = np.concatenate(found).mean(0)
    return float(min(np.exp(CONSTANT + SLOPE * fall(power)), SHARPEST)) if contrast(power) > LEAST_CONTRAST else None


def contrast(power: Array) -> float:
    """Deviation of what every sensor passes (band, SEGMENT_PX / 2 + 1), reflectance, median over bands."""
    return float(np.sqrt(np.median(power[:, _between(PASSED)].mean(1)) / np.square(np.hanning(SEGMENT_PX)).sum()))


def fall(power: Array) -> float:
    """ln of finest over passed power (band, SEGMENT_PX / 2 + 1), median over bands."""
    passed, finest = (np.log(power[:, _between(span)]).mean(1) for span in (PASSED, FINEST))
    return float(np.median(finest - passed))


def _between(span: tuple[float, float]) -> NDArray[np.bool_]:
    frequency = np.arange(SEGMENT_PX // 2 + 1) / SEGMENT_PX
    return np.asarray((frequency >= span[0]) & (frequency <= span[1]))


def spectra(picture: Array, seen: NDArray[np.bool_]) -> list[Array]:
    """Power (segment, band, frequency) of the rows and of the columns of a picture (band, y, x), of the segments seen whole."""
    return [_along(picture, seen), _along(picture.swapaxes(-1, -2), seen.swapaxes(-1, -2))]


def _along(picture: Array, seen: NDArray[np.bool_]) -> Array:
    count = seen.shape[1] // SEGMENT_PX
    whole = seen[:, : count * SEGMENT_PX].reshape(-1, SEGMENT_PX).all(1)
    segments = picture[:, :, : count * SEGMENT_PX].reshape(len(picture), -1, SEGMENT_PX)[:, whole].swapaxes(0, 1)
    level = segments - segments.mean(-1, keepdims=True)
    return np.asarray(np.square(np.abs(np.fft.rfft(level * np.hanning(SEGMENT_PX), axis=-1))), np.float32)
