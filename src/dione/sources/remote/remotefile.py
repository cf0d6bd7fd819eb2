"""A file elsewhere, read like one that is here: bytes are fetched when they are asked for, its head once.

The head is where a cloud-optimised GeoTIFF has its table of tiles.
"""

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass

from dione.base.errors import BadSource, DioneError
from dione.sources.places import listing, naming, shown, system
from dione.sources.remote.web import STRANGER, Web, count

HEAD_BYTES = 16_384
STEP_BYTES = 8_192
"""Reads beyond the head that are smaller take this much, since the next one is usually beside it."""
HEADS = 512
LAST_BYTES = 32_000_000


@dataclass(frozen=True)
class Remote:
    """A file on a web server or in an object store."""

    url: str
    web: Web = STRANGER
    version: str = ""
    """What changes when the file does: the head of another is not its own."""

    def fetch(self, start: int, stop: int, *, size: int | None = None) -> tuple[bytes, int, str]:
        """Bytes, how long the file is, which an object store is asked for unless it is known, and its mark, which a store does not tell. Raises NotFound, BadSource."""
        if self.url.startswith(("http://", "https://")):
            return self.web.read(self.url, start, stop)
        fs, inside = system(self.url)
        with naming(self.url):
            size = int(fs.info(inside)["size"]) if size is None else size
            data = bytes(fs.cat_file(inside, start=start, end=min(stop, size)))
        if len(data) != min(stop, size) - start:
            raise BadSource(f"{shown(self.url)} cannot be read: {len(data)} bytes came, {min(stop, size) - start} were asked for")
        count(len(data))
        return data, size, ""

    def mark(self) -> str:
        """What tells one state of the file from another, as far as its server or store says. Raises NotFound, BadSource."""
        return self.web.read(self.url, 0, 1)[2] if self.url.startswith(("http://", "https://")) else listing(self.url)[0].version


def is_other(mark: str, before: str) -> bool:
    """Whether two marks say that a file is not what it was; one that is not told says nothing."""
    return bool(mark and before) and mark != before


class Handle(io.RawIOBase):
    """What GDAL reads from. Errors cannot pass through GDAL, so they are left in `faults` and GDAL sees an end of file."""

    def __init__(self, remote: Remote, faults: list[DioneError]) -> None:
        self.remote, self.faults, self.at = remote, faults, 0
        self.head, self.size, self.mark = heads.get(remote)
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
        except (DioneError, OSError) as error:
            self.faults.append(error if isinstance(error, DioneError) else BadSource(f"{shown(self.remote.url)} cannot be read"))
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
        data, size, mark = self.remote.fetch(start, max(stop, min(start + STEP_BYTES, self.size)), size=self.size)
        if size != self.size or is_other(mark, self.mark):
            raise BadSource(f"{shown(self.remote.url)} was replaced while it was read\ntry again when it changes no more")
        if stop - start < STEP_BYTES:
            self.step, self.step_at = data, start
        self._keep(data, start)
        return data[: stop - start]

    def _keep(self, data: bytes, start: int) -> None:
        """The last bytes that were fetched, with those just before them: GDAL takes a large tile in several reads."""
        if start == self.last_at + len(self.last) and len(self.last) < LAST_BYTES:
            self.last += data
        else:
            self.last, self.last_at = data, start


class Heads:
    """The first bytes of the files read last, their sizes and marks."""

    def __init__(self) -> None:
        self.kept: OrderedDict[tuple[str, str], tuple[bytes, int, str]] = OrderedDict()
        self.guard = threading.Lock()

    def get(self, remote: Remote) -> tuple[bytes, int, str]:
        key = remote.url, remote.version
        with self.guard:
            if found := self.kept.get(key):
                self.kept.move_to_end(key)
                return found
        fetched = remote.fetch(0, HEAD_BYTES)
        with self.guard:
            self.kept[key] = fetched
            while len(self.kept) > HEADS:
                self.kept.popitem(last=False)
        return fetched

    def pop(self, remote: Remote) -> None:
        with self.guard:
            self.kept.pop((remote.url, remote.version), None)

    def forget(self) -> None:
        """Keep none any longer."""
        with self.guard:
            self.kept.clear()


heads = Heads()
