"""Are the numbers in units of reflectance? Raises where they are not: that is certain."""

import numpy as np
from numpy.typing import NDArray

from dione.base.errors import BadValues, faults
from dione.prepare.values.looks import ENOUGH_PX, Look

UNSCALED = 2.0
"""Half of a scene can be brighter than this only if it is not in units of reflectance; thick cloud reaches about 1."""
WATER = 0.5
"""Digital numbers up to 255 are water and no picture, if near infrared has less than this part of the brightest other band, by their
medians: so it is of 96 in 100 crops of real water, and of 2 in 100 crops of 40 px of aerial pictures, which show water themselves."""
NO_PICTURE = "needs reflectance (1.0 = 100 %), which a stretched picture no longer holds"


def in_units(values: NDArray[np.float32]) -> None:
    """Raise BadValues for pixels (band, pixel) of all dates that are digital numbers, a picture's, or were scaled twice."""
    middle, top = float(np.median(values)), float(values.max())
    if middle < -UNSCALED:
        raise BadValues(
            f"values look as if an offset in digital numbers was added to reflectance: half of them are below {middle:.4g}, the highest is {top:.4g}\n"
            "needs reflectance, 1.0 = 100 %, and an offset in it: say --offset -0.1 for one of -1000, or correct the tags of the files"
        )
    if middle > UNSCALED:
        found = f"values look unscaled: half of them are above {middle:.4g}, the highest is {top:.4g}"
        if top <= 255 and np.array_equal(values, np.round(values)):
            raise BadValues(f"values look like 8-bit: whole numbers from {values.min():.0f} to {top:.0f}\n{NO_PICTURE}")
        scale = "0.01" if top <= 200 else "0.0001"
        raise BadValues(f"{found}\nneeds reflectance, 1.0 = 100 %; say how to scale it, e.g. --scale {scale}")
    if 0 < top < 0.001:
        raise BadValues(f"values are all below {top:.2g}: scaled twice?\nneeds reflectance, 1.0 = 100 %; say how to scale it, e.g. --scale 1")


def each_in_units(looks: list[Look]) -> None:
    """Raise BadValues for dates whose numbers are others than those of the rest; all that they show would count as cloud."""
    lines = []
    for look in looks:
        told = look.present[:, (look.present != look.present[0]).any(0)]  # what stands for no data and is not told is the same in all bands
        middle = float(np.median(told)) if told.shape[1] >= ENOUGH_PX else 0.0
        if abs(middle) > UNSCALED:
            lines.append(f"{look.day}: half of its values are {'above' if middle > 0 else 'below'} {middle:.4g}")
    if lines:
        advice = "needs reflectance, 1.0 = 100 %: convert them one by one, or put scale and offset into each file's tags"
        raise BadValues(faults(f"values look unscaled on {len(lines)} of {len(looks)} dates", lines, advice))


def not_bytes(values: NDArray[np.float32], as_they_are: str | None) -> None:
    """Raise BadValues for a stretched picture: as parts of white, or as digital numbers, which dark water has as low (not asked if None).

    as_they_are: how to say that the values are right.
    """
    if values.size < ENOUGH_PX:
        return
    if _in_bytes(values, 255):
        raise BadValues(f"values look like 8-bit: each is a 256th part of white times a whole number up to {values.max() * 255:.0f}\n{NO_PICTURE}")
    if as_they_are is None or not _in_bytes(values, 10_000):
        return
    *visible, nir = np.median(values, axis=1)
    if nir >= WATER * max(visible):
        raise BadValues(
            f"values look like 8-bit: each is a digital number times a whole number up to {values.max() * 10_000:.0f}\n{NO_PICTURE}\n"
            f"dark water may look so: say {as_they_are}"
        )


def _in_bytes(values: NDArray[np.float32], steps: int) -> bool:
    """Whether all are whole numbers from 0 to 255, so many of which make 1, and of many kinds."""
    levels = values * steps
    if values.min() < 0 or levels.max() > 255.5 or np.abs(levels - np.round(levels)).max() > 1e-2:
        return False
    return len(np.unique(np.round(levels))) > 16
