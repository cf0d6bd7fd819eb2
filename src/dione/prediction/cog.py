"""Many small rasters become one cloud-optimised GeoTIFF, copied piece by piece: memory does not grow with the scene."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log2
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as Xml

import rasterio
import rasterio.shutil
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox
from rasterio._err import CPLE_BaseError
from rasterio.enums import Interleaving
from rasterio.errors import RasterioError

from dione.base import processors
from dione.base.errors import BadSource, CannotWrite
from dione.base.files import room, size, whole
from dione.base.windows import Window
from dione.prediction.form import NODATA, REFLECTANCE, Form
from dione.sources import intact

Packing = Literal["DEFLATE", "ZSTD"]
COLOURS = {"blue": "Blue", "green": "Green", "red": "Red"}
"""How GDAL calls what a band shows; readers then find true colour although blue comes first. nir stays undefined."""
TILE_PX = 512
TYPES = {"uint16": "UInt16", "uint8": "Byte", "float32": "Float32"}
"""As GDAL calls them."""
OVERVIEWS = 4 / 3
"""How much larger a file is than its pixels, for the coarser copies in it."""
FRUGAL = dict(GDAL_CACHEMAX=64 * 2**20, GDAL_MAX_DATASET_POOL_SIZE=32, GDAL_PAM_ENABLED=False, GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR")
"""GDAL while copying: bytes of cache (its default is 5 % of the machine's memory), open pieces; no side-car files."""


@dataclass(frozen=True)
class Notes:
    """What a file says about itself."""

    tags: Mapping[str, str]
    """TIFF tags; those called TIFFTAG_… become the standard ones (TIFFTAG_SOFTWARE)."""
    form: Form = REFLECTANCE


def assemble(pieces: Mapping[Window, Path], path: Path, *, grid: GeoBox, notes: Notes, workshop: Path, compress: Packing = "DEFLATE") -> Path:
    """Copy rasters of the form that `notes` tell, each at its window of `grid`, into one COG at `path`, whole or not at all.

    workshop: an existing folder on the same disk, for what is half done. The bytes depend on the arguments alone.
    Raises CannotWrite when the disk is full, a folder is not writable, or a piece cannot be read.
    """
    half = workshop / "assembling.tif"
    # Differences of neighbours are nearly noise: more effort than the least makes no smaller file, only a later one.
    layout = dict(compress=compress, level=1, predictor="STANDARD", blocksize=TILE_PX, bigtiff="IF_SAFER", num_threads=processors.count())
    overviews = dict(overviews="IGNORE_EXISTING", resampling="MODE" if notes.form.classes else "AVERAGE")
    try:
        with rasterio.Env(**FRUGAL):
            absolute = {window: piece.absolute() for window, piece in pieces.items()}
            with rasterio.open(mosaic(absolute, grid=grid, notes=notes), driver="VRT") as source:
                rasterio.shutil.copy(source, half, driver="COG", **layout, **overviews)
            _readable(half)
        with whole(path) as partial:
            half.replace(partial)
    except (RasterioError, CPLE_BaseError, OSError, BadSource) as error:
        needed = OVERVIEWS * sum(piece.stat().st_size for piece in pieces.values() if piece.exists())
        raise CannotWrite(f"cannot write {path}: {error}\n{room(path.parent, f'about {size(int(needed))}')}") from error
    finally:
        for leftover in workshop.glob("assembling.tif*"):
            leftover.unlink(missing_ok=True)
    return path


def mosaic(pieces: Mapping[Window, Path], *, grid: GeoBox, notes: Notes, beside: Path | None = None) -> str:
    """The text of a GDAL virtual raster (VRT) that lays the pieces out on `grid`; nothing is read yet.

    beside: the folder that it will stand in. The pieces are then named as seen from there, and coarser copies are
    offered, which GDAL takes from those of the pieces.
    """
    height, width = grid.shape
    root = Xml.Element("VRTDataset", rasterXSize=str(width), rasterYSize=str(height))
    if grid.crs is not None:
        _child(root, "SRS", code_of(grid.crs) or grid.crs.to_wkt())
    _child(root, "GeoTransform", ", ".join(repr(float(v)) for v in grid.affine.to_gdal()))
    metadata = _child(root, "Metadata")
    for key, value in sorted(notes.tags.items()):
        _child(metadata, "MDI", value, key=key)
    kind = TYPES[notes.form.dtype]
    for number, name in enumerate(notes.form.bands, 1):
        band = _child(root, "VRTRasterBand", dataType=kind, band=str(number), blockXSize=str(TILE_PX), blockYSize=str(TILE_PX))
        for fact, value in _facts(name, notes.form).items():
            _child(band, fact, value)
        _classes(band, notes.form)
        for window, piece in sorted(pieces.items(), key=lambda item: (item[0].top, item[0].left)):
            _lay(band, number, window, piece if beside is None else piece.relative_to(beside), kind)
    if beside is not None and (factors := halvings((height, width))):
        _child(root, "OverviewList", " ".join(map(str, factors)), resampling="mode" if notes.form.classes else "average")
    return Xml.tostring(root, encoding="unicode")


def halvings(shape: tuple[int, int]) -> list[int]:
    """How many times coarser each copy of a raster is, down to one that a tile of the file holds."""
    return [2**level for level in range(1, ceil(log2(max(max(shape) / TILE_PX, 1))) + 1)]


def code_of(crs: CRS | None) -> str | None:
    """EPSG:32631; None without a CRS or for one that has no code."""
    return f"EPSG:{crs.epsg}" if crs is not None and crs.epsg else None


def _facts(name: str, form: Form) -> dict[str, str]:
    """Of one band, as GDAL calls them."""
    facts = {"Description": name, "UnitType": form.unit, "Offset": "0", "Scale": repr(form.scale)}
    if form.dtype == "float32":
        facts = {"Description": name, "UnitType": form.unit}
    shown = "Palette" if form.classes else COLOURS.get(name, "Undefined")
    return facts | {"ColorInterp": shown, "NoDataValue": "nan" if form.dtype == "float32" else str(NODATA)}


def _classes(band: Xml.Element, form: Form) -> None:
    """Names as the band's tags (CLASS_1 = measured), colours as its table."""
    if not form.classes:
        return
    names, table = _child(band, "Metadata"), _child(band, "ColorTable")
    by_value = {one.value: one for one in form.classes}
    for value in range(max(by_value) + 1):
        red, green, blue = by_value[value].colour if value in by_value else (0, 0, 0)
        _child(table, "Entry", c1=str(red), c2=str(green), c3=str(blue), c4="255" if value in by_value else "0")
        if value in by_value:
            _child(names, "MDI", by_value[value].name, key=f"CLASS_{value}")


def _lay(band: Xml.Element, number: int, window: Window, piece: Path, kind: str) -> None:
    """One piece at its window, pixel for pixel."""
    height, width = window.shape
    size = dict(xSize=str(width), ySize=str(height))
    source = _child(band, "SimpleSource")
    _child(source, "SourceFilename", piece.as_posix(), relativeToVRT="0" if piece.is_absolute() else "1")
    _child(source, "SourceBand", str(number))
    # The properties spare GDAL opening every piece before the first pixel.
    _child(source, "SourceProperties", RasterXSize=str(width), RasterYSize=str(height), DataType=kind, BlockXSize=str(TILE_PX), BlockYSize=str(TILE_PX))
    _child(source, "SrcRect", xOff="0", yOff="0", **size)
    _child(source, "DstRect", xOff=str(window.left), yOff=str(window.top), **size)


def _child(parent: Xml.Element, name: str, text: str = "", **attributes: str) -> Xml.Element:
    """A child with text, cleared of the control characters that XML cannot hold."""
    child = Xml.SubElement(parent, name, attributes)
    child.text = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
    return child


def _readable(path: Path) -> None:
    """Raise OSError or BadSource unless every tile, of the overviews too, is what was written.

    GDAL does not tell of every write that found the disk full. If there is room again for the next, as when a file made
    beside this one fails and goes, the file has its full length and a hole somewhere in it.
    """
    with rasterio.open(path) as file:
        levels = range(len(file.overviews(1)))
    for level in ({}, *({"overview_level": level} for level in levels)):
        with rasterio.open(path, **level) as file:
            for index in range(1, 1 + (1 if file.interleaving is Interleaving.pixel else file.count)):
                _tiles(file, index, path)


def _tiles(file: rasterio.DatasetReader, index: int, path: Path) -> None:
    """Of one band and level: there, inside of the file, and unpacked to what their checksums say, where they have some."""
    length, packed = path.stat().st_size, intact.deflated(file)
    with path.open("rb") as opened:
        for block, window in file.block_windows(index):
            place = intact.place(file, index, block)
            if place is None or sum(place) > length:
                raise OSError(f"tile {block[1]}, {block[0]} is missing or cut off")
            if packed:
                opened.seek(place[0])
                intact.inflate(opened.read(place[1]), path.name)
            else:
                file.read(index, window=window)
