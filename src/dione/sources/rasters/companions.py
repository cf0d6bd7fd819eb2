"""What GDAL reads in a raster's stead when it is drawn smaller or masked: files beside it, and any that its metadata name.

Beside it, GDAL opens by content: a virtual raster called .ovr or .msk could read any other file, near or far.
"""

from functools import lru_cache
from pathlib import Path

import rasterio

from dione.base.errors import BadSource
from dione.base.telling import shown
from dione.sources.rasters import placeless

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ENDINGS = (".ovr", ".msk")
NAMING = ("OVERVIEWS", "ProxyOverviewRequest")
"""Domains of metadata, in the file or in its .aux.xml, that name another file as its coarser levels."""


def check_beside(path: Path) -> None:
    """Raise BadSource for a file on this disk beside which one lies that GDAL would open, and that is no GeoTIFF of this folder."""
    begin = f"{path.name.lower()}."
    for name in _listed(path.parent, path.parent.stat().st_mtime_ns):
        if name.lower().startswith(begin) and not _harmless(path.with_name(name), (path.resolve().parent, path.parent.resolve())):
            raise BadSource(f"{shown(path)} has {name} beside it, which is no GeoTIFF of this folder and could read any other file\ntake it away")


@lru_cache(maxsize=64)
def _listed(folder: Path, written: int) -> tuple[str, ...]:
    """All that may be such a file; of a folder of many rasters, once."""
    return tuple(file.name for file in folder.iterdir() if file.name.lower().endswith(ENDINGS))


def check_named(file: rasterio.DatasetReader, path: str) -> None:
    """Raise BadSource for an open raster that names another file as its coarser levels."""
    if named := {key: value for domain in NAMING for key, value in file.tags(ns=domain).items()}:
        raise BadSource(
            f"{shown(path)} names another file as its coarser levels: {', '.join(named.values()):.200}\nwrite it anew without, e.g. by gdal_translate"
        )


def _harmless(file: Path, homes: tuple[Path, Path]) -> bool:
    """Whether it is a GeoTIFF where the raster is, or where a link to the raster is, links followed, and names no other."""
    if file.resolve().parent not in homes or not file.is_file():
        return False
    with file.open("rb") as held:
        if held.read(4) not in TIFF:
            return False
    with placeless.allowed(), rasterio.open(file, driver="GTiff") as opened:
        return not any(opened.tags(ns=domain) for domain in NAMING)
