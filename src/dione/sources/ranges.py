"""A remote raster opened by GDAL, of which only the bytes that are needed are fetched.

GDAL's own readers of remote files keep what a server cut short, follow any redirect, and tell signed addresses in their
errors. So the bytes are fetched here, and GDAL is given a file. The head of a file, where a cloud-optimised GeoTIFF has
its table of tiles, is fetched once and kept.
"""

import io
import threading
import warnings
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

import rasterio
from rasterio.enums import Compression
from rasterio.errors import NotGeoreferencedWarning

from dione.base.errors import BadSource
from dione.sources.places import RASTER_FAULTS, faults_of_stores, naming, shown, system
from dione.sources.web import STRANGER, Web, count

HEAD_BYTES = 16_384
STEP_BYTES = 8_192
"""Reads beyond the head that are smaller take this much, since the next one is usually beside it."""
HEADS = 512
DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\0\0\0\x0c": "JP2OpenJPEG",
    b"\xff\x4f\xff\x51": "JP2OpenJPEG",
}
"""By how a file begins. Nothing else is opened: a file of another kind (a VRT) could point to other files."""

Fetch = Callable[[int, int], tuple[bytes, int]]
"""Bytes from start to stop, and how long the whole file is."""


@dataclass(frozen=True)
class Remote:
    """A file on a web server or in an object store."""

    url: str
    web: Web = STRANGER

    def fetch(self, start: int, stop: int) -> tuple[bytes, int]:
        """Raises NotFound, BadSource."""
        if self.url.startswith(("http://", "https://")):
            return self.web.read(self.url, start, stop)
        fs, inside = system(self.url)
        with naming(self.url):
            size = int(fs.info(inside)["size"])
            data = bytes(fs.cat_file(inside, start=start, end=min(stop, size)))
        if len(data) != min(stop, size) - start:
            raise BadSource(f"{shown(self.url)} cannot be read: {len(data)} bytes came, {min(stop, size) - start} were asked for")
        count(len(data))
        return data, size


@dataclass(frozen=True)
class Opened:
    """An open raster, and what was fetched of it."""

    file: rasterio.DatasetReader
    handles: list["Handle"]

    def check(self, index: int, block: tuple[int, int]) -> None:
        """Raise BadSource if a block (row, column) that was just read is not what was written, as far as its checksum tells.

        GDAL stops before it, and gives wrong numbers without a word. Only deflated GeoTIFFs have one.
        """
        if self.file.driver != "GTiff" or self.file.compression is not Compression.deflate:
            return
        row, column = block
        start, size = (self.file.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=index) for what in ("OFFSET", "SIZE"))
        if not start or not size:  # a block of nothing but nodata is not written
            return
        packed = next((data for handle in self.handles if (data := handle.recent(int(start), int(start) + int(size)))), b"")
        try:
            zlib.decompress(packed)
        except zlib.error as error:
            raise BadSource(f"{shown(self.handles[0].remote.url)} holds a tile that is damaged ({error})") from error


@contextmanager
def opened(remote: Remote) -> Iterator[Opened]:
    """The open raster; whatever goes wrong inside the block becomes a BadSource or NotFound that names it.

    A fault of decoding drops the head that is kept, so that another try fetches it again.
    """
    faults: list[BadSource] = []
    handles: list[Handle] = []
    name = f"{sha256(remote.url.encode()).hexdigest()[:24]}.tif"
    head, _ = _heads.get(remote)
    driver = DRIVERS.get(head[:4])
    if driver is None:
        _heads.pop(remote.url)
        raise BadSource(
            f"{shown(remote.url)} is neither GeoTIFF nor JPEG 2000: it begins with {head[:12]!r}\nit was replaced, or is not what its catalogue says"
        )
    try:
        with (
            warnings.catch_warnings(),
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GTIFF_IGNORE_READ_ERRORS=False),
        ):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(name, opener=partial(_handle, remote, name, faults, handles), driver=driver, sharing=False) as file:
                yield Opened(file, handles)
    except (*RASTER_FAULTS, *faults_of_stores()) as error:
        _heads.pop(remote.url)
        if faults:
            raise faults[0] from error
        raise BadSource(f"{shown(remote.url)} is no GeoTIFF or JPEG 2000 that can be read\nit may be damaged, or not what its catalogue says") from error


def _handle(remote: Remote, name: str, faults: list[BadSource], handles: list["Handle"], path: str, mode: str = "rb") -> "Handle":
    # GDAL also asks for companions (.aux.xml, .ovr, .msk), which are not there.
    if not str(path).endswith(name) or "w" in mode:
        raise FileNotFoundError(path)
    handles.append(Handle(remote, faults))
    return handles[-1]


class Handle(io.RawIOBase):
    """What GDAL reads from. Errors cannot pass through GDAL, so they are left in `faults` and GDAL sees an end of file."""

    def __init__(self, remote: Remote, faults: list[BadSource]) -> None:
        self.remote, self.faults, self.at = remote, faults, 0
        self.head, self.size = _heads.get(remote)
        self.step, self.step_at = b"", 0
        self.last, self.last_at = b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        return self.at

    def read(self, size: int | None = -1) -> bytes:
        stop = self.size if size is None or size < 0 else min(self.at + size, self.size)
        start, self.at = self.at, max(stop, self.at)
        if stop <= start or self.faults:
            return b""
        try:
            return self._bytes(start, stop)
        except (BadSource, OSError) as error:
            self.faults.append(error if isinstance(error, BadSource) else BadSource(f"{shown(self.remote.url)} cannot be read"))
            return b""

    def recent(self, start: int, stop: int) -> bytes:
        """Bytes that are still at hand, or else fetched again: those that lie in the head and beyond it."""
        for data, at in ((self.head, 0), (self.step, self.step_at), (self.last, self.last_at)):
            if at <= start and stop <= at + len(data):
                return data[start - at : stop - at]
        return self._bytes(start, stop)

    def _bytes(self, start: int, stop: int) -> bytes:
        """From the head, from the last step, or fetched now."""
        if start < len(self.head):
            rest = self._bytes(len(self.head), stop) if stop > len(self.head) else b""
            return self.head[start:stop] + rest
        if self.step_at <= start and stop <= self.step_at + len(self.step):
            return self.step[start - self.step_at : stop - self.step_at]
        data, _ = self.remote.fetch(start, max(stop, min(start + STEP_BYTES, self.size)))
        if stop - start < STEP_BYTES:
            self.step, self.step_at = data, start
        self.last, self.last_at = data, start
        return data[: stop - start]


class Heads:
    """The first bytes of the files read last, and their sizes."""

    def __init__(self) -> None:
        self.kept: OrderedDict[str, tuple[bytes, int]] = OrderedDict()
        self.guard = threading.Lock()

    def get(self, remote: Remote) -> tuple[bytes, int]:
        with self.guard:
            if found := self.kept.get(remote.url):
                self.kept.move_to_end(remote.url)
                return found
        fetched = remote.fetch(0, HEAD_BYTES)
        with self.guard:
            self.kept[remote.url] = fetched
            while len(self.kept) > HEADS:
                self.kept.popitem(last=False)
        return fetched

    def pop(self, url: str) -> None:
        with self.guard:
            self.kept.pop(url, None)


_heads = Heads()


def forget() -> None:
    """Keep no head any longer."""
    with _heads.guard:
        _heads.kept.clear()
