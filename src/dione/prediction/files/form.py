"""What stands in a file: how many bands, which numbers, what they mean."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dione.base.bands import BANDS

Number = Literal["uint16", "uint8", "float32"]
SCALE = 1e-4
"""Reflectance per digital number."""
NODATA = 0
LARGEST = 65535
LOOPS_FROM_PX = 1 << 21
"""Pixels of a block from which on loops that are compiled first (files/loops.py) are worth their start."""


@dataclass(frozen=True)
class Class:
    """One class of a map."""

    value: int
    name: str
    colour: tuple[int, int, int]
    """Red, green, blue, 0–255."""

    @property
    def hexadecimal(self) -> str:
        """The colour as RRGGBB."""
        return bytes(self.colour).hex().upper()


@dataclass(frozen=True)
class Form:
    """The bands of a file and the form of their numbers."""

    bands: tuple[str, ...] = BANDS
    dtype: Number = "uint16"
    unit: str = "reflectance"
    classes: tuple[Class, ...] = ()
    """Of a map of classes (uint8, one band)."""

    @property
    def scale(self) -> float:
        """Of a digital number."""
        return SCALE if self.dtype == "uint16" else 1.0

    @property
    def nodata(self) -> float:
        return float("nan") if self.dtype == "float32" else float(NODATA)

    def encode(self, values: NDArray[np.generic], valid: NDArray[np.bool_]) -> NDArray[np.generic]:
        """values (band, y, x) as the numbers of the file, nodata where `valid` (y, x) is False or, of reflectance, any band is not finite."""
        if self.dtype == "uint8":
            return np.where(valid, values, NODATA).astype(np.uint8)
        if self.dtype == "float32":
            return np.where(valid, values, np.nan).astype(np.float32)
        return encode(np.asarray(values, np.float32), valid)


REFLECTANCE = Form()
SIGMA = replace(REFLECTANCE, unit="reflectance, 1 sigma")
MEASURED, CONFIRMED, LEARNED = 1, 2, 3
SUPPORT = Form(
    bands=("support",),
    dtype="uint8",
    unit="class",
    classes=(
        Class(MEASURED, "measured", (44, 123, 182)),
        Class(CONFIRMED, "confirmed by other dates", (171, 217, 233)),
        Class(LEARNED, "learned", (253, 174, 97)),
    ),
)
"""Where detail comes from (`dione.prediction.windows.support`). Blues and orange: told apart by the colour-blind too."""
FORMS = {"sr": REFLECTANCE, "sigma": SIGMA, "support": SUPPORT}
"""What is written of each target, by the ending of its file."""


def encode(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """Reflectance (or its 1σ) as digital numbers of 1e-4.

    values: (band, y, x), 1.0 = 100 %. valid: (y, x), True = has a value.
    A valid pixel is 1 … 65535; an invalid one, or one with NaN or infinity in any band, is 0 in every band.
    """
    numbers, per_unit = np.empty(values.shape, np.uint16), np.float32(1 / SCALE)
    if valid.size >= LOOPS_FROM_PX:
        from dione.prediction.files.loops import encoded

        encoded(values, valid, per_unit, numbers)
        return numbers
    seen = np.isfinite(values).all(0) & valid
    for number, band in zip(numbers, values, strict=True):
        scaled = np.where(seen, band, 0) * per_unit
        np.clip(np.rint(scaled, out=scaled), 1, LARGEST, out=scaled)
        number[...] = np.multiply(scaled, seen, out=scaled)  # NODATA is zero
    return numbers
