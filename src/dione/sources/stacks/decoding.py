"""From numbers to a Stack's pixels: reflectance, and where it is valid. Every door that reads numbers decodes them here."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dione.base import masks
from dione.sources.stacks.scenes import Flags, Layer

Mask = NDArray[np.bool_]
Flagged = Sequence[tuple[NDArray[Any], Flags]]
"""Bits (y, x) and what they mean."""


def missing(numbers: Sequence[NDArray[Any]], layers: Sequence[Layer]) -> Mask:
    """True (y, x) where any band has its nodata value or is not finite, or where all bands are 0."""
    made = np.zeros(numbers[0].shape, bool)
    for band, layer in zip(numbers, layers, strict=True):
        if np.issubdtype(band.dtype, np.floating):
            made |= ~np.isfinite(band)
        if layer.nodata is not None:
            made |= band == (band.dtype.type(layer.nodata) if np.issubdtype(band.dtype, np.floating) else layer.nodata)
    return made | ~np.logical_or.reduce([band != 0 for band in numbers])


def reflectance(numbers: Sequence[NDArray[Any]], layers: Sequence[Layer], lost: Mask) -> NDArray[np.float32]:
    """(band, y, x), 0 where `lost`."""
    made = np.empty((len(layers), *lost.shape), np.float32)
    for band, layer, out in zip(numbers, layers, made, strict=True):
        layer.reflectance(band, out)
    if lost.any():
        made[:, lost] = 0
    return made


def clear(lost: Mask, made: NDArray[np.float32], *, scl: NDArray[Any] | None, clm: NDArray[Any] | None = None, flags: Flagged = ()) -> Mask:
    """True (y, x) where nothing is lost, reflectance is possible, and classes and flags, where there are any, say clear."""
    valid = ~lost & masks.possible(made, axis=0)
    if scl is not None:
        valid &= masks.valid_from_scl(scl)
    if clm is not None:
        valid &= masks.valid_from_clm(clm)
    return valid & unflagged(flags, valid.shape)


def unflagged(flags: Flagged, shape: tuple[int, ...]) -> Mask:
    """True (y, x) where no bit says that the ground was not seen clear."""
    return np.logical_and.reduce([np.ones(shape, bool), *(masks.unflagged(bits, one.unfit) for bits, one in flags)])


def beyond(flags: Flagged, shape: tuple[int, ...]) -> Mask:
    """True (y, x) where a bit says that there is no image."""
    return np.logical_or.reduce([np.zeros(shape, bool), *(bits != 0 for bits, one in flags if one.is_edge)])
