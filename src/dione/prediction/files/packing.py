"""A block's numbers as the bytes of a small TIFF: its tiles packed as those of the finished file, copies half as large and coarser; sealed.

GDAL would make the same pixels of it, in twice the time: it packs slower, and unpacks again to make the copies.
"""

import io
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from isal import isal_zlib
from numcodecs import zstd
from numpy.typing import NDArray
from tifffile import COMPRESSION, TiffWriter

from dione.base.windows import lattice
from dione.prediction.files.form import LOOPS_FROM_PX

Packing = Literal["DEFLATE", "ZSTD"]
Numbers = NDArray[np.generic]
NONE, DIFFERENCES = 1, 2
"""Predictors of TIFF. Differences of neighbours are nearly noise: more effort makes hardly a smaller file, only a later one."""
PACKERS: dict[Packing, tuple[COMPRESSION, Callable[[bytes], bytes]]] = {
    "DEFLATE": (COMPRESSION.ADOBE_DEFLATE, lambda data: isal_zlib.compress(data, 1)),
    "ZSTD": (COMPRESSION.ZSTD, lambda data: zstd.compress(data, 1)),
}
NODATA_TAG = 42113
"""GDAL's, in words."""
SEAL_BYTES = 4


def packed(numbers: Numbers, *, tile: int, compress: Packing, classes: bool = False, copies: int = 1) -> bytes:
    """Numbers (band, h, w) as TIFF; where it lies, its canvas knows.

    copies: how many, each half as large as the one before, down to one pixel; classes: they take the most frequent of four, not their mean.
    """
    kind, pack = PACKERS[compress]
    levels = [numbers]
    while len(levels) <= copies and max(levels[-1].shape[1:]) > 1:
        levels.append(halved(levels[-1], classes=classes))
    nodata = "nan" if numbers.dtype.kind == "f" else "0"
    file = io.BytesIO()
    with TiffWriter(file) as writer:
        for number, level in enumerate(levels):
            bands, *size = level.shape
            writer.write(
                (pack(one) for one in tiles(level, tile)),
                shape=(*size, bands) if bands > 1 else tuple(size),
                dtype=level.dtype,
                tile=(tile, tile),
                photometric="minisblack",
                planarconfig="contig" if bands > 1 else None,
                compression=kind,
                predictor=predictor(level.dtype),
                subfiletype=min(number, 1),
                metadata=None,
                software=False,
                extratags=[(NODATA_TAG, "s", 0, nodata, True)],
            )
    made = file.getvalue()
    return made + isal_zlib.crc32(made).to_bytes(SEAL_BYTES, "little")


def predictor(dtype: np.dtype[np.generic]) -> int:
    """What is packed of such numbers: themselves of floats, whose differences tifffile does not let anybody bring along."""
    return NONE if dtype.kind == "f" else DIFFERENCES


def tiles(numbers: Numbers, tile: int) -> Iterator[bytes]:
    """Each tile of (band, h, w), row by row, as TIFF has them before packing: bands of a pixel together, zeros (or no differences) beyond the edges."""
    bands, height, width = numbers.shape
    if by_loops := height * width >= LOOPS_FROM_PX and numbers.dtype == np.uint16:
        from dione.prediction.files.loops import differences
    for window in lattice((height, width), tile):
        rows, columns = window.slices
        made = np.zeros((tile, tile, bands), numbers.dtype)
        if by_loops:
            differences(numbers[:, rows, columns], made)
            yield made.tobytes()
            continue
        shown = made[: window.shape[0], : window.shape[1]]
        for band in range(bands):  # each in its turn: far fewer bytes to go through than all at once
            part = numbers[band, rows, columns]
            shown[..., band] = part
            if predictor(numbers.dtype) == DIFFERENCES:
                np.subtract(part[:, 1:], part[:, :-1], out=shown[:, 1:, band])
        yield made.tobytes()


def halved(numbers: Numbers, *, classes: bool) -> Numbers:
    """(band, h, w) half as large, rounded up: of two by two numbers the mean, or the most frequent class; nodata only where all are."""
    height, width = numbers.shape[1:]
    floating = numbers.dtype.kind == "f"
    if height % 2 or width % 2:
        beyond = ((0, 0), (0, height % 2), (0, width % 2))
        numbers = np.pad(numbers, beyond, constant_values=np.nan if floating else 0)
    four = [numbers[:, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    if classes:
        return _most_frequent(four)
    if not floating and numbers.all():
        rows = np.add(numbers[:, ::2], numbers[:, 1::2], dtype=np.uint32)
        total = rows[..., ::2] + rows[..., 1::2]
        return np.asarray((total + 2) >> 2, numbers.dtype)
    stacked = np.stack(four)
    known = np.isfinite(stacked) if floating else stacked != 0
    count = known.sum(0, np.uint32)
    mean = np.where(known, stacked, 0).sum(0, np.float64) / np.maximum(count, 1)
    return np.where(count > 0, mean if floating else np.floor(mean + 0.5), np.nan if floating else 0).astype(numbers.dtype)


def _most_frequent(four: list[Numbers]) -> Numbers:
    """Of each four classes that of most; of equals the one that is complete first, row by row, as GDAL has it."""
    best, most = np.zeros_like(four[0]), np.zeros(four[0].shape, np.uint8)
    for number, one in enumerate(four, 1):
        count = sum((one == other).astype(np.uint8) for other in four[:number]) * (one != 0)
        best, most = np.where(count > most, one, best), np.maximum(count, most)
    return best
