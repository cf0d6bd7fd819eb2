"""Rasters on this disk that stay open from window to window: GDAL keeps the tiles that it has decoded only as long as their file is open.

Windows overlap, and a tile of a file (1024 × 1024 pixels in a .SAFE product) is larger than most. Of a file that is opened
for every window, every tile is decoded a dozen times, and JPEG 2000 takes longer to decode than to sharpen. How much GDAL
keeps of all files is GDAL_CACHEMAX (`base.memory.tell_gdal`).
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import rasterio

from dione.sources.places import is_remote
from dione.sources.rasters.gdal import opened, readable

MOST = 128
"""Files that are open and wanted by nobody just now."""
Key = tuple[object, ...]

_idle: OrderedDict[Key, list[rasterio.DatasetReader]] = OrderedDict()
_guard = threading.Lock()


@contextmanager
def kept(path: str) -> Iterator[rasterio.DatasetReader]:
    """An open raster for this thread alone, as `gdal.raster` gives it; of a file on this disk the one that was open before, if it is the same still."""
    with readable(path):
        key = _key(path)
        file = (_taken(key) if key else None) or opened(path)
        try:
            yield file
        except BaseException:
            file.close()
            raise
    if key is None:
        file.close()
    else:
        _give_back(key, file)


def close_all() -> None:
    """Close every file that nobody wants now; the memory of its tiles is free."""
    with _guard:
        files = [file for held in _idle.values() for file in held]
        _idle.clear()
    for file in files:
        file.close()


def _key(path: str) -> Key | None:
    """What changes when the file does, and with the process: one that was forked must not read on with its parent's. None for a file that is far, or in a zip."""
    if is_remote(path) or not os.path.isfile(path) or path.endswith(".vrt"):
        return None
    facts = os.stat(path)
    return os.getpid(), path, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _taken(key: Key) -> rasterio.DatasetReader | None:
    with _guard:
        held = _idle.get(key)
        file = held.pop() if held else None
        if held is not None and not held:
            del _idle[key]
    return file


def _give_back(key: Key, file: rasterio.DatasetReader) -> None:
    """Keep it open, and close what was wanted longest ago if there are too many."""
    surplus = []
    with _guard:
        _idle.setdefault(key, []).append(file)
        _idle.move_to_end(key)
        while sum(map(len, _idle.values())) > MOST:
            oldest, held = next(iter(_idle.items()))
            surplus.append(held.pop(0))
            if not held:
                del _idle[oldest]
    for one in surplus:
        one.close()
