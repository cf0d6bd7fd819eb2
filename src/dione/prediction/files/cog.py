"""Many small rasters become one cloud-optimised GeoTIFF: their tiles are copied as they are packed, memory does not grow with the scene.

blocks, each a TIFF of the file's own tiles and of copies half as large and coarser, sealed with a checksum
    │ the coarsest copies, laid out ──► GDAL ──► the levels of the file of which no block holds whole tiles
    │ nothing at all                ──► GDAL ──► the file without a tile: its header, tags and directories
    └──────────── tiles of blocks and of levels, as they are packed ──► the file (prediction/files/splice.py)
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from isal import isal_zlib
from odc.geo.geobox import GeoBox
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

from dione.base.errors import BadSource, CannotWrite
from dione.base.machine import processors, shortage
from dione.base.storage.files import ADVICE, room, size, whole
from dione.base.windows import Window
from dione.prediction.files import splice
from dione.prediction.files.mosaic import Notes, halvings, mosaic
from dione.prediction.files.packing import DIFFERENCES, NONE, SEAL_BYTES, Packing, predictor
from dione.sources.rasters import intact

EFFORT = 1
"""Of GDAL's packing, the least."""
GDALS = {NONE: "NO", DIFFERENCES: "STANDARD"}
"""What GDAL calls the predictors of TIFF."""
OVERVIEWS = 4 / 3
"""How much larger a file is than its pixels, for the coarser copies in it."""
CLASSIC_BYTES = 3.9e9
"""A file that may be larger counts its bytes in 64 bits (BigTIFF)."""
FRUGAL = dict(GDAL_CACHEMAX=64 * 2**20, GDAL_MAX_DATASET_POOL_SIZE=32, GDAL_PAM_ENABLED=False, GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")
"""GDAL while copying: bytes of cache (its default is 5 % of the machine's memory), open pieces; no side-car files."""


def assemble(
    pieces: Mapping[Window, Path],
    path: Path,
    *,
    grid: GeoBox,
    notes: Notes,
    workshop: Path,
    tile: int,
    compress: Packing = "DEFLATE",
    copies: int = 0,
    levels: int = 0,
) -> Path:
    """Join what `packed` made with this tile and packing, each at its window of `grid`, into one COG at `path`, whole or not at all.

    Windows begin at whole tiles. copies: how many coarser levels have that too, of the one more that each piece holds.
    levels: how many coarser levels there are at least, as long as one has a pixel more than the next.
    workshop: an existing folder on the same disk, for what is half done. The bytes depend on the arguments alone. Raises
    CannotWrite when the disk is full, a folder is not writable, or a piece is damaged.
    """
    made, rest = workshop / "assembling.tif", workshop / "assembling-rest.tif"
    layout = dict(
        driver="COG",
        compress=compress,
        level=EFFORT,
        predictor=GDALS[predictor(np.dtype(notes.form.dtype))],
        blocksize=tile,
        overviews="IGNORE_EXISTING",
    )
    levels = max(halvings(tuple(grid.shape), tile), min(levels, max(grid.shape).bit_length() - 1))
    copies = min(copies, levels)
    coarser = levels > copies
    try:
        for piece in pieces.values():
            unsealed(piece)
        with rasterio.Env(**FRUGAL):
            if coarser:
                average = "MODE" if notes.form.classes else "AVERAGE"
                with rasterio.open(_copies(pieces, grid, notes, copies + 1), driver="VRT") as source:
                    rasterio.shutil.copy(
                        source, rest, **layout, resampling=average, bigtiff="IF_SAFER", num_threads=processors.count(), overview_count=levels - copies - 1
                    )
                _readable(rest)
            large = sum(piece.stat().st_size for piece in [*pieces.values(), *([rest] if coarser else [])]) > CLASSIC_BYTES
            with rasterio.open(mosaic({}, grid=grid, notes=notes), driver="VRT") as nothing:
                rasterio.shutil.copy(nothing, made, **layout, resampling="NEAREST", sparse_ok="YES", bigtiff="YES" if large else "NO", overview_count=levels)
            splice.fill(made, pieces, copies=copies, rest=rest if coarser else None)
        with whole(path) as partial:
            made.replace(partial)
    except (RasterioError, CPLE_BaseError, OSError, BadSource) as error:
        needed = OVERVIEWS * sum(piece.stat().st_size for piece in pieces.values() if piece.exists())
        advice = ADVICE.get(shortage.number(error)) or room(path.parent, f"about {size(int(needed))}")
        raise CannotWrite(f"cannot write {path}: {error}\n{advice}") from error
    finally:
        for leftover in workshop.glob("assembling*.tif*"):
            leftover.unlink(missing_ok=True)
    return path


def unsealed(piece: Path) -> None:
    """Raise BadSource unless a piece holds what `packed` made."""
    with piece.open("rb") as file:
        left, found = max(piece.stat().st_size - SEAL_BYTES, 0), 0
        while left and (part := file.read(min(left, splice.PART_BYTES))):
            found, left = isal_zlib.crc32(part, found), left - len(part)
        if file.read() != found.to_bytes(SEAL_BYTES, "little"):
            raise BadSource(f"the block {piece.name} is damaged\nremove {piece}, and run the same command again")


def copied(shape: tuple[int, ...], block: int, tile: int) -> int:
    """Of how many coarser levels every block of a raster holds whole tiles, each pixel and those of one level more the mean of four."""
    count = 0
    while block % (tile << count + 1) == 0 and not any(side % (1 << count + 2) for side in shape):
        count += 1
    return count


def _copies(pieces: Mapping[Window, Path], grid: GeoBox, notes: Notes, level: int) -> str:
    """The copies of the pieces that are a coarser level of the file, 1 the first, laid out."""
    factor = 1 << level
    height, width = (max(side // factor, 1) for side in grid.shape)
    found = {}
    for window, piece in pieces.items():
        of = Window(window.top // factor, window.left // factor, min(-(-window.bottom // factor), height), min(-(-window.right // factor), width))
        if min(of.shape) > 0:
            found[of] = piece.absolute()
    return mosaic(found, grid=GeoBox((height, width), grid.affine * Affine.scale(factor), grid.crs), notes=notes, level=level)


def _readable(path: Path) -> None:
    """Raise OSError or BadSource unless every tile, of the overviews too, is what was written.

    GDAL does not tell of every write that found the disk full. If there is room again for the next, as when a file made
    beside this one fails and goes, the file has its full length and a hole somewhere in it.
    """
    with rasterio.open(path) as file:
        levels = range(len(file.overviews(1)))
    for level in ({}, *({"overview_level": level} for level in levels)):
        with rasterio.open(path, **level) as file:
            _tiles(file, path)


def _tiles(file: rasterio.DatasetReader, path: Path) -> None:
    """Of one level: there, inside of the file, and unpacked to what their checksums say, where they have some."""
    length, deflated = path.stat().st_size, intact.deflated(file)
    with path.open("rb") as opened:
        for block, window in file.block_windows(1):
            place = intact.place(file, 1, block)
            if place is None or sum(place) > length:
                raise OSError(f"tile {block[1]}, {block[0]} is missing or cut off")
            if deflated:
                opened.seek(place[0])
                intact.inflate(opened.read(place[1]), path.name)
            else:
                file.read(1, window=window)
