"""Tiles of finished TIFFs copied, as they are packed, into one that has none yet. Nothing is unpacked.

GDAL writes what is around them: the file without tiles is a sparse COG of its own making. Its tiles follow in the order
that such a file promises, coarsest level first, row by row, each between its length and its last four bytes
(https://gdal.org/drivers/raster/cog.html#header-ghost-area).
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from isal import isal_zlib
from tifffile import FileHandle, TiffFile, TiffFileError, TiffPage

from dione.base.errors import BadSource
from dione.base.windows import Window

PART_BYTES = 2**23
"""Read at a time when a checksum is made."""
OFFSETS, LENGTHS = "TileOffsets", "TileByteCounts"
"""Tags of TIFF."""
Place = tuple[int, int]
"""Start and length of a tile, bytes."""
KIND = ("dtype", "compression", "predictor", "planarconfig", "samplesperpixel", "tilewidth", "tilelength")
"""What two levels must have in common, that tiles of one are tiles of the other."""


@dataclass(frozen=True)
class Tile:
    """Where a tile stands in a file."""

    file: FileHandle
    start: int
    length: int

    def read(self) -> bytes:
        self.file.seek(self.start)
        data = self.file.read(self.length)
        if not self.length or len(data) != self.length:
            raise OSError(f"a tile of {self.file.name} is missing or cut off")
        return data


def fill(path: Path, pieces: Mapping[Window, Path], *, copies: int, rest: Path | None) -> None:
    """Give the sparse COG at `path` its tiles: at full size and for so many coarser copies those of the pieces, which lie at their windows.

    rest: the file with all that is coarser still; None if nothing is. What was written is read again: raises OSError if it
    is not what should be there, and BadSource for files that do not fit together.
    """
    try:
        with TiffFile(path, mode="r+") as made, ExitStack() as opened:
            wanted = _levels(made)
            of_pieces, of_rest = wanted[: copies + 1], wanted[copies + 1 :]
            found = _levels(opened.enter_context(TiffFile(rest))) if rest else []
            if len(found) != len(of_rest):
                raise BadSource(f"{path.name} has {len(wanted) - 1} coarser levels, and {copies + len(found)} were made")
            tiles = [(level, _of_pieces(level, pieces, number)) for number, level in enumerate(of_pieces)]
            tiles += [(level, _of_level(level, source)) for level, source in zip(of_rest, found, strict=True)]
            levels, places = zip(*_written(path, tiles[::-1]), strict=True)
            for level, placed in zip(levels, places, strict=True):
                starts, lengths = zip(*placed, strict=True)
                level.tags[OFFSETS].overwrite(starts)
                level.tags[LENGTHS].overwrite(lengths)
        with TiffFile(path) as made:
            if [list(zip(level.dataoffsets, level.databytecounts, strict=True)) for level in _levels(made)] != [*places[::-1]]:
                raise OSError("its directories do not hold what was written")
    except TiffFileError as error:
        raise BadSource(f"{path.name} cannot be joined: {error}") from error


def _written(path: Path, levels: Sequence[tuple[TiffPage, Iterator[Tile]]]) -> list[tuple[TiffPage, list[Place]]]:
    """Append the tiles of each level to a file; where they stand now. Raises OSError if they do not."""
    made, seal = [], 0
    with path.open("r+b") as file:
        end = start = file.seek(0, os.SEEK_END)
        for level, tiles in levels:
            placed = []
            for tile in tiles:
                data = tile.read()
                framed = len(data).to_bytes(4, "little") + data + data[-4:]
                file.write(framed)
                seal = isal_zlib.crc32(framed, seal)
                placed.append((end + 4, len(data)))
                end += len(framed)
            made.append((level, placed))
        file.flush()
        if _crc(file, start) != seal:
            raise OSError("it does not hold what was written")
    return made


def _levels(file: TiffFile) -> list[TiffPage]:
    """Full size and coarser copies, the largest first."""
    return [_page(file, number) for number in range(len(file.pages))]


def _page(file: TiffFile, number: int) -> TiffPage:
    page = file.pages[number]
    if not isinstance(page, TiffPage):
        raise BadSource(f"{file.filename} has a level without a directory of its own")
    return page


def _of_level(wanted: TiffPage, source: TiffPage) -> Iterator[Tile]:
    """The tiles of one level out of another of the same size."""
    _alike(wanted, source)
    if wanted.shape != source.shape:
        raise BadSource(f"a level of {source.shape} cannot stand for one of {wanted.shape}")
    for start, length in zip(source.dataoffsets, source.databytecounts, strict=True):
        yield Tile(source.parent.filehandle, start, length)


def _of_pieces(wanted: TiffPage, pieces: Mapping[Window, Path], number: int) -> Iterator[Tile]:
    """The tiles of one level, which has this number in each piece, row by row; the pieces of one row of blocks are open at a time."""
    rows: dict[int, list[Window]] = {}
    for window in sorted(pieces, key=lambda window: (window.top, window.left)):
        rows.setdefault(window.top, []).append(window)
    for windows in rows.values():
        with ExitStack() as opened:
            along = [_page(opened.enter_context(TiffFile(pieces[window])), number) for window in windows]
            grids = [_grid(wanted, page) for page in along]
            for row in range(len(grids[0])):
                for page, grid in zip(along, grids, strict=True):
                    for tile in grid[row]:
                        yield Tile(page.parent.filehandle, page.dataoffsets[tile], page.databytecounts[tile])


def _grid(wanted: TiffPage, page: TiffPage) -> np.ndarray:
    """Numbers (row, column) of a piece's tiles."""
    _alike(wanted, page)
    down, across = -(-page.imagelength // page.tilelength), -(-page.imagewidth // page.tilewidth)
    return np.arange(down * across).reshape(down, across)


def _alike(wanted: TiffPage, page: TiffPage) -> None:
    for fact in KIND:
        if getattr(wanted, fact) != getattr(page, fact):
            raise BadSource(f"{page.parent.filename} has {fact} {getattr(page, fact)}, needs {getattr(wanted, fact)}")


def _crc(file: BinaryIO, start: int) -> int:
    file.seek(start)
    found = 0
    while part := file.read(PART_BYTES):
        found = isal_zlib.crc32(part, found)
    return found
