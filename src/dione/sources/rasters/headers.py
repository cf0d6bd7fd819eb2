"""What a raster's header says, as one value; the pixels stay where they are."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isfinite

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.enums import Interleaving

from dione.base.errors import BadSource, faults
from dione.sources.places import File, naming, shown, system
from dione.sources.rasters.gdal import raster

LARGEST_BLOCK = 2**29
"""Bytes, unpacked."""
MANY_BLOCKS = 256
"""More blocks of a band than this are not all looked up when a file is checked for its end."""


@dataclass(frozen=True)
class Header:
    """One raster file, before its pixels."""

    path: str
    name: str
    """Below the folder that was opened."""
    grid: GeoBox
    dtype: str
    descriptions: tuple[str | None, ...]
    """One a band; None where the file does not say."""
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    nodata: tuple[float | None, ...]

    @property
    def count(self) -> int:
        return len(self.descriptions)


def read_all(files: list[File]) -> list[Header]:
    """The header of each file; raises BadSource that names every file that cannot be read."""
    if len(files) == 1:
        return [read(files[0])]
    with ThreadPoolExecutor(8) as pool:
        tried = list(pool.map(_attempt, files))
    wrong = [str(fault) for fault in tried if isinstance(fault, BadSource)]
    if wrong:
        raise BadSource(faults(f"{len(wrong)} of {len(files)} files cannot be used", wrong, "fetch them again, or take them out of the series"))
    return [header for header in tried if isinstance(header, Header)]


def read(file: File, *, whole: bool = True) -> Header:
    """The header of one file; raises BadSource when it is empty, cut off (if `whole` is looked at), or no raster."""
    if file.size == 0:
        raise BadSource(f"{shown(file.path)} is empty (0 bytes)")
    with raster(file.path) as opened:
        _readable(opened, file)
        if whole and opened.driver == "GTiff":
            _whole_tiff(opened, file)
        if whole and opened.driver == "JP2OpenJPEG":
            _whole_jp2(file)
        return Header(
            path=file.path,
            name=file.name,
            grid=_grid(opened, file),
            dtype=opened.dtypes[0],
            descriptions=tuple(text or None for text in opened.descriptions),
            scales=tuple(map(float, opened.scales)),
            offsets=tuple(map(float, opened.offsets)),
            nodata=tuple(opened.nodatavals),
        )


def _attempt(file: File) -> Header | BadSource:
    try:
        return read(file)
    except BadSource as fault:
        return BadSource(str(fault).partition("\n")[0])


def _grid(opened: rasterio.DatasetReader, file: File) -> GeoBox:
    """The file's grid; one without any georeference counts rows downwards from (0, 0). Raises BadSource for one that is nowhere."""
    if not all(map(isfinite, opened.transform)):
        raise BadSource(f"{shown(file.path)} lies nowhere: its transform is {list(opened.transform)[:6]}; give it one, e.g. gdal_edit -a_ullr")
    affine = Affine.scale(1, -1) if opened.crs is None and opened.transform == Affine.identity() else opened.transform
    code = opened.crs.to_epsg(confidence_threshold=100) if opened.crs else None
    crs = f"EPSG:{code}" if code else (opened.crs.to_wkt() if opened.crs else None)
    return GeoBox(opened.shape, affine, crs)


def _readable(opened: rasterio.DatasetReader, file: File) -> None:
    """Raise BadSource for blocks that do not fit into memory, whatever window of them is wanted."""
    rows, columns = opened.block_shapes[0]
    size = rows * columns * np.dtype(opened.dtypes[0]).itemsize * (opened.count if opened.interleaving is Interleaving.pixel else 1)
    if size > LARGEST_BLOCK:
        raise BadSource(f"{shown(file.path)} comes in blocks of {size} bytes ({rows}×{columns} px), which are read at once; needs at most {LARGEST_BLOCK}")


def _whole_tiff(opened: rasterio.DatasetReader, file: File) -> None:
    """Raise BadSource when the file's own table of blocks points beyond its end: it was cut off."""
    rows, columns = (-(-side // block) for side, block in zip(opened.shape, opened.block_shapes[0], strict=True))
    step = max(1, rows * columns // MANY_BLOCKS)
    for band in opened.indexes:
        for block in {*range(0, rows * columns, step), rows * columns - 1}:
            key = f"{block % columns}_{block // columns}"
            start, size = (opened.get_tag_item(f"BLOCK_{what}_{key}", "TIFF", bidx=band) for what in ("OFFSET", "SIZE"))
            if start and size and int(start) + int(size) > file.size:
                raise BadSource(f"{shown(file.path)} is cut off: {file.size} bytes, its header promises at least {int(start) + int(size)}")


def _whole_jp2(file: File) -> None:
    """The same for JPEG 2000, which is a row of boxes that begin with their length (ISO 15444-1, annex I)."""
    fs, inside = system(file.path)
    start = 0
    with naming(file.path), fs.open(inside, "rb") as opened:
        while start < file.size:
            opened.seek(start)
            head = opened.read(16)
            length = int.from_bytes(head[8:16] if head[:4] == b"\0\0\0\1" else head[:4], "big")
            if length < 8:  # 0: up to the end of the file
                return
            start += length
    if start > file.size:
        raise BadSource(f"{shown(file.path)} is cut off: {file.size} bytes, its header promises {start}")
