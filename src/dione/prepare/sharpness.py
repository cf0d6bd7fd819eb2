"""How sharp pictures are, found from themselves: the modulation that their sensor left at the Nyquist frequency.

Land has ever less contrast the finer one looks, in much the same way everywhere; a sensor's blur takes more of it, most of the
finest. So the power of a large scene near the Nyquist frequency, against that at half of it, tells the blur to within a fifth or
so (`python benchmarks/sharpness.py` fits the line and says how well); of a small one less, and some land is speckled by itself.

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
CONSTANT, SLOPE = 0.93, 1.13
"""ln modulation = CONSTANT + SLOPE · ln (finest / passed power); fitted on places that scores are not made of."""
LEAST_SEGMENTS = 320
"""Seen clear on each date, rows and columns together: about 54 × 54 px; with fewer nothing is said."""
NOISE = 0.001
"""Deviation, reflectance: about Sentinel-2's own in quiet bands; it is white, so that forests and water would look sharp for it."""
LEAST_CONTRAST = 4 * NOISE
"""Deviation of what every sensor passes, reflectance: a band with less says nothing."""
WINDOWS, DATES = 3, 3
"""At most WINDOWS × WINDOWS windows of at most DATES dates are looked at."""

Array = NDArray[np.float32]


def modulation(stack: xr.Dataset, dates: tuple[int, ...]) -> Array | None:
    """What pixels have left at Nyquist, (band); NaN for a band of little contrast, None where too little is seen clear.

    Land that is finely speckled by itself (trees that stand apart, roofs) looks sharper than it was seen, seldom in all bands alike.
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
    return left(np.concatenate(found).mean(0))


def left(power: Array) -> Array:
    """The same of mean spectra (band, SEGMENT_PX / 2 + 1)."""
    return np.minimum(np.exp(CONSTANT + SLOPE * falls(power)), np.float32(SHARPEST))


def falls(power: Array) -> Array:
    """ln of finest over passed power (band, SEGMENT_PX / 2 + 1) by band, noise taken off; NaN for a band of little contrast."""
    noise, least = (np.square(deviation) * np.square(np.hanning(SEGMENT_PX)).sum() for deviation in (NOISE, LEAST_CONTRAST))
    passed, finest = (np.maximum(power[:, _between(span)].mean(1) - noise, noise / 10) for span in (PASSED, FINEST))
    return np.asarray(np.where(passed + noise > least, np.log(finest / passed), np.nan), np.float32)


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
