"""Which scales and offsets can turn numbers into reflectance."""

from math import isfinite


def wrong(scale: float | None, offset: float | None) -> list[str]:
    """What is wrong with them, in words; None says nothing, which is not."""
    made = []
    if scale is not None and not (isfinite(scale) and scale > 0):
        made.append(f"scale is {scale:g}, needs a number above 0, such as 0.0001")
    if offset is not None and not isfinite(offset):
        made.append(f"offset is {offset:g}, needs a number, such as -0.1")
    return made
