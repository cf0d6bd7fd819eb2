"""Numbers of a raster, near or far, window by window. Of a far one whole tiles are read, once, and kept on disk."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj.exceptions import ProjError
from rasterio.windows import Window as RasterWindow

from dione.base.crs import turn
from dione.base.errors import BadSource, NotFound
from dione.base.windows import Window
from dione.sources.archives.signing import unsigned
from dione.sources.places import is_remote, shown
from dione.sources.rasters import intact
from dione.sources.rasters.gdal import raster
from dione.sources.rasters.openfiles import kept
from dione.sources.remote import ranges, shelf
from dione.sources.remote.remotefile import Remote, is_other
from dione.sources.remote.web import STRANGER, Web

log = logging.getLogger(__name__)

SIDE_PX = 512
"""Files in strips are read in pieces of as many pixels as this side squared."""
LEAST_PX = 64
"""Blocks lower than this are strips."""
NEAR_PX = 0.1
"""A place that metadata tell rounded, or in another CRS of the same ground, is the same."""
DAMAGED_TRIES = 2
"""A far tile that cannot be decoded is fetched once more: its bytes may have been wrong."""


@dataclass(frozen=True)
class File:
    """One raster of one item."""

    path: str
    item: str
    """Whose it is, for messages."""
    version: str = ""
    """What changes when the file does; part of what the shelf keeps it by."""
    web: Web = STRANGER

    @property
    def key(self) -> tuple[str, str]:
        return unsigned(self.path), self.version


@dataclass(frozen=True)
class Facts:
    """What a file's header says, as far as reading needs it."""

    shape: tuple[int, int]
    piece: tuple[int, int]
    """Rows and columns of what is read at a time."""
    dtype: str
    nodata: float | None
    grid: GeoBox
    mark: str = ""
    """What tells this state of a far file from another; pieces of another are not its own."""


class Replaced(BadSource):
    """A far file is not what it was when its header was read."""


def read(file: File, index: int, window: Window, *, grid: GeoBox, empty: float | None = None) -> NDArray[Any]:
    """Numbers (y, x) of one band (1-based) in a window.

    grid: what the file's metadata say of its size and place, which it has to have.
    empty: what they say in place of no data; a file that has another number for it is read as if it had this one. None: its numbers as they are.
    Raises NotFound, BadSource; both name the item and the window.
    """
    if not is_remote(file.path):
        with kept(file.path) as opened:
            _agree(file, _facts(opened).grid, grid)
            return _emptied(intact.read(opened, [index], window)[0], opened.nodata, empty)
    try:
        return _pieces(file, index, window, grid, empty)
    except NotFound as error:
        raise NotFound(f"{_lacking(file, window)}: {error}") from error
    except BadSource as error:
        needs = f"\nthis archive needs {file.web.credentials}" if file.web.credentials and file.path.startswith("s3://") else ""
        raise BadSource(f"{_lacking(file, window)}: {error}{needs}") from error


def _emptied(numbers: NDArray[Any], nodata: float | None, empty: float | None) -> NDArray[Any]:
    """`empty` in place of a file's own number for no data."""
    if nodata is not None and empty is not None and nodata != empty:
        numbers[np.isnan(numbers) if np.isnan(nodata) else numbers == nodata] = empty
    return numbers


def facts(file: File, *, anew: bool = False) -> Facts:
    """The header of a file, kept for the next run if it is far. Raises NotFound, BadSource."""
    if not is_remote(file.path):
        with raster(file.path) as opened:
            return _facts(opened)
    if not anew and (kept := shelf.get((*file.key, "header"))) is not None:
        return _unpacked(kept)
    with ranges.opened(Remote(file.path, file.web, file.version)) as opened:
        made = replace(_facts(opened.file), mark=opened.mark)
    shelf.put((*file.key, "header"), _packed(made))
    return made


def _pieces(file: File, index: int, window: Window, grid: GeoBox, empty: float | None, *, again: bool = False) -> NDArray[Any]:
    """A window put together from pieces of one state of a file: those on the shelf, and the others fetched with the file opened once."""
    known = facts(file)
    _agree(file, known.grid, grid)
    whole = np.empty(window.shape, known.dtype)
    missing = _shelved(file, known, index, list(_cut(window, known)), whole, window)
    if not missing:
        return _emptied(whole, known.nodata, empty)
    # Whoever wants the same tiles waits here, and finds them on the shelf.
    with shelf.turn((*file.key, index)):
        missing = _shelved(file, known, index, missing, whole, window)
        for tried in range(DAMAGED_TRIES if missing else 0):
            try:
                _fetch(file, known, index, missing, whole, window)
                break
            except NotFound:
                raise
            except Replaced:
                if again:
                    raise
                log.warning("%s was replaced since its header was read: it is read anew, and what was made before is of what it was", shown(file.path))
                facts(file, anew=True)
                break
            except BadSource:
                if tried + 1 == DAMAGED_TRIES:
                    raise
    return _pieces(file, index, window, grid, empty, again=True) if missing else _emptied(whole, known.nodata, empty)


def _shelved(file: File, known: Facts, index: int, pieces: list[Window], whole: NDArray[Any], window: Window) -> list[Window]:
    """Paste the pieces that are on the shelf; those that are not."""
    missing = []
    for piece in pieces:
        kept = shelf.get((*file.key, known.mark, index, piece))
        if kept is None or kept.shape != piece.shape or kept.dtype != whole.dtype:
            missing.append(piece)
        else:
            _paste(whole, window, kept, piece)
    return missing


def _fetch(file: File, known: Facts, index: int, missing: list[Window], whole: NDArray[Any], window: Window) -> None:
    """Read each piece and keep it; those that were read are taken off `missing`."""
    with ranges.opened(Remote(file.path, file.web, file.version)) as opened:
        if is_other(opened.mark, known.mark):
            raise Replaced(f"{shown(file.path)} was replaced while it was read\ntry again when it changes no more")
        while missing:
            piece = missing[0]
            numbers = np.asarray(opened.file.read(index, window=RasterWindow.from_slices(*piece.slices)))
            rows, columns = opened.file.block_shapes[index - 1]
            if piece.shape[0] <= rows:
                opened.check(index, (piece.top // rows, piece.left // columns))
            shelf.put((*file.key, known.mark, index, piece), numbers)
            _paste(whole, window, numbers, piece)
            missing.pop(0)


def _cut(window: Window, known: Facts) -> Iterator[Window]:
    """The pieces of the file that a window touches."""
    rows, columns = known.piece
    for top in range(window.top // rows * rows, window.bottom, rows):
        for left in range(window.left // columns * columns, window.right, columns):
            yield Window(top, left, min(top + rows, known.shape[0]), min(left + columns, known.shape[1]))


def _paste(whole: NDArray[Any], window: Window, numbers: NDArray[Any], piece: Window) -> None:
    top, left = max(window.top, piece.top), max(window.left, piece.left)
    common = Window(top, left, min(window.bottom, piece.bottom), min(window.right, piece.right))
    whole[common.within(window).slices] = numbers[common.within(piece).slices]


def _facts(opened: rasterio.DatasetReader) -> Facts:
    rows, columns = opened.block_shapes[0]
    if rows < LEAST_PX:
        rows *= max(1, SIDE_PX * SIDE_PX // (rows * columns))
    code = opened.crs.to_epsg(confidence_threshold=100) if opened.crs else None
    crs = f"EPSG:{code}" if code else (opened.crs.to_wkt() if opened.crs else None)
    return Facts(opened.shape, (rows, columns), opened.dtypes[0], opened.nodata, GeoBox(opened.shape, opened.transform, crs))


def _packed(made: Facts) -> NDArray[Any]:
    """As words, which the shelf keeps like numbers."""
    words = [*made.shape, *made.piece, made.dtype, "" if made.nodata is None else repr(made.nodata), *made.grid.affine[:6], made.grid.crs or "", made.mark]
    return np.array([str(word) for word in words])


def _unpacked(kept: NDArray[Any]) -> Facts:
    words = [str(word) for word in kept]
    shape, piece = (int(words[0]), int(words[1])), (int(words[2]), int(words[3]))
    grid = GeoBox(shape, Affine(*map(float, words[6:12])), words[12] or None)
    return Facts(shape, piece, words[4], float(words[5]) if words[5] else None, grid, words[13])


def _agree(file: File, found: GeoBox, wanted: GeoBox) -> None:
    """Raise BadSource for a file of another size or place than its metadata say; one that tells no place is where they say."""
    if found.shape != wanted.shape:
        told, own = (f"{grid.shape[0]}×{grid.shape[1]} px" for grid in (wanted, found))
    elif (found.crs is None and found.affine == Affine.identity()) or _apart_px(found, wanted) < NEAR_PX:
        return
    else:
        told, own = (f"{grid.crs or 'no CRS'} and begins at {grid.affine.c:.10g}, {grid.affine.f:.10g}" for grid in (wanted, found))
    raise BadSource(f"{shown(file.path)} has {own}, its metadata says {told}: not the file that it should be")


def _apart_px(found: GeoBox, wanted: GeoBox) -> float:
    """How far the corners of two grids of one size lie apart, in pixels; infinite where there is no way from one CRS to the other."""
    corners = np.array([(0, 0), found.shape[::-1]], float).T
    x, y = found.affine * corners
    if found.crs is not None and found.crs != wanted.crs:
        try:
            x, y = turn(x, y, source=str(found.crs), target=str(wanted.crs))
        except ProjError:
            return float("inf")
    apart = np.abs(np.array(~wanted.affine * (x, y)) - corners)
    return float(apart.max()) if np.isfinite(apart).all() else float("inf")


def _lacking(file: File, window: Window) -> str:
    return f"item {file.item} lacks rows {window.top} to {window.bottom}, columns {window.left} to {window.right} of {shown(file.path).rsplit('/', 1)[-1]}"
