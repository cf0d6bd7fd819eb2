"""The checksum of every block of a deflated GeoTIFF (RFC 1950), looked at when the block is read.

GDAL stops before it: of a block in which a byte is another it gives wrong numbers without a word. Other ways of packing
(none, LZW, ZSTD as GDAL writes it, JPEG 2000) have no checksum, and nobody can tell.
"""

import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import rasterio
from numpy.typing import NDArray
from rasterio.enums import Compression
from rasterio.windows import Window as RasterWindow

from dione.base.errors import BadSource
from dione.base.windows import Window
from dione.sources.places import shown
from dione.sources.rasters import virtual
from dione.sources.rasters.gdal import raster

FILES = 256
"""Of so many files it is remembered which blocks were found whole."""
Key = tuple[str, int, int]

_whole: OrderedDict[Key, set[int]] = OrderedDict()
_guard = threading.Lock()


def read(file: rasterio.DatasetReader, indexes: Sequence[int], window: Window) -> NDArray[Any]:
    """Numbers (band, y, x) of these bands (1-based) in a window, their blocks looked at. Raises BadSource."""
    numbers: NDArray[Any] = file.read(list(indexes), window=RasterWindow.from_slices(*window.slices))
    check(file, indexes, window)
    return numbers


def check(file: rasterio.DatasetReader, indexes: Sequence[int], window: Window) -> None:
    """Raise BadSource if a block that a window of these bands touches is not what was written, where that can be told: on this disk."""
    path = Path(file.name)
    if file.driver == "VRT":
        _tiles(path, indexes, window)
    if not deflated(file) or not path.is_file():
        return
    state = path.stat()
    seen = _seen((str(path), state.st_size, state.st_mtime_ns))
    blocks = {place for index in indexes for place in _places(file, index, window) if place[0] not in seen}
    with open(path, "rb") as opened:
        for start, size in sorted(blocks):
            opened.seek(start)
            inflate(opened.read(size), shown(path))
            seen.add(start)


def _tiles(path: Path, indexes: Sequence[int], window: Window) -> None:
    """The same for each file of a virtual raster of ours."""
    for one in virtual.laid(path):
        if (part := window.common(one.window)) is not None:
            with raster(str(one.path)) as file:
                check(file, indexes, part.within(one.window))


def deflated(file: rasterio.DatasetReader) -> bool:
    return file.driver in ("GTiff", "COG") and file.compression is Compression.deflate


def place(file: rasterio.DatasetReader, index: int, block: tuple[int, int]) -> tuple[int, int] | None:
    """Start and size, bytes, of a block (row, column); None for one of nothing but nodata, which is not written."""
    row, column = block
    start, size = (file.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=index) for what in ("OFFSET", "SIZE"))
    return (int(start), int(size)) if start and size else None


def inflate(packed: bytes, name: str) -> None:
    """Raise BadSource if a block's bytes do not unpack to what its checksum says."""
    try:
        zlib.decompress(packed)
    except zlib.error as error:
        raise BadSource(f"{name} holds a block that is damaged ({error})\nfetch it again, or take it out of the series") from error


def _places(file: rasterio.DatasetReader, index: int, window: Window) -> Iterator[tuple[int, int]]:
    rows, columns = file.block_shapes[index - 1]
    for row in range(window.top // rows, -(-window.bottom // rows)):
        for column in range(window.left // columns, -(-window.right // columns)):
            if found := place(file, index, (row, column)):
                yield found


def _seen(key: Key) -> set[int]:
    """Where the blocks of this very file start that were found whole."""
    with _guard:
        seen = _whole.setdefault(key, set())
        _whole.move_to_end(key)
        while len(_whole) > FILES:
            _whole.popitem(last=False)
    return seen


def everything(file: rasterio.DatasetReader) -> Window:
    """The window of the whole file."""
    return Window(0, 0, int(file.shape[0]), int(file.shape[1]))
