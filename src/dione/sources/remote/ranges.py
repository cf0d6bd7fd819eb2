"""A remote raster opened by GDAL, of which only the bytes that are needed are fetched.

GDAL's own readers of remote files keep what a server cut short, follow any redirect, and tell signed addresses in their
errors. So the bytes are fetched by `dione.sources.remote.remotefile`, and GDAL is given a file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

import rasterio

from dione.base.errors import BadSource, DioneError
from dione.sources.places import faults_of_stores, shown
from dione.sources.rasters import intact, placeless
from dione.sources.rasters.gdal import DRIVERS, RASTER_FAULTS
from dione.sources.remote.remotefile import Handle, Remote, heads


@dataclass(frozen=True)
class Opened:
    """An open raster, and what was fetched of it."""

    file: rasterio.DatasetReader
    handles: list[Handle]
    mark: str = ""
    """What tells this state of the file from another."""

    def check(self, index: int, block: tuple[int, int]) -> None:
        """Raise BadSource if a block (row, column) that was just read is not what was written, as far as its checksum tells."""
        found = intact.place(self.file, index, block) if intact.deflated(self.file) else None
        if found is not None:
            start, size = found
            packed = next((data for handle in self.handles if (data := handle.recent(start, start + size))), b"")
            intact.inflate(packed, shown(self.handles[0].remote.url))


@contextmanager
def opened(remote: Remote) -> Iterator[Opened]:
    """The open raster; whatever goes wrong inside the block becomes a BadSource or NotFound that names it.

    A fault of decoding drops the head that is kept, so that another try fetches it again.
    """
    faults: list[DioneError] = []
    handles: list[Handle] = []
    name = f"{sha256(remote.url.encode()).hexdigest()[:24]}.tif"
    head, _, mark = heads.get(remote)
    driver = DRIVERS.get(head[:4])
    if driver is None:
        heads.pop(remote)
        raise BadSource(
            f"{shown(remote.url)} is neither GeoTIFF nor JPEG 2000: it begins with {head[:12]!r}\nit was replaced, or is not what its catalogue says"
        )
    try:
        with (
            placeless.allowed(),
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GTIFF_IGNORE_READ_ERRORS=False),
        ):
            with rasterio.open(name, opener=partial(_handle, remote, name, faults, handles), driver=driver, sharing=False) as file:
                yield Opened(file, handles, mark)
    except (*RASTER_FAULTS, *faults_of_stores()) as error:
        heads.pop(remote)
        if faults:
            raise faults[0] from error
        raise BadSource(f"{shown(remote.url)} is no GeoTIFF or JPEG 2000 that can be read\nit may be damaged, or not what its catalogue says") from error


def _handle(remote: Remote, name: str, faults: list[DioneError], handles: list[Handle], path: str, mode: str = "rb") -> Handle:
    # GDAL also asks for companions (.aux.xml, .ovr, .msk), which are not there.
    if not str(path).endswith(name) or "w" in mode:
        raise FileNotFoundError(path)
    handles.append(Handle(remote, faults))
    return handles[-1]
