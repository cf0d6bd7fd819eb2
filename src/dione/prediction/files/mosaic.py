"""Rasters laid out on one grid as the text of a GDAL virtual raster (VRT); nothing is read yet."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as Xml

from odc.geo.geobox import GeoBox

from dione.base.crs import code_of
from dione.base.windows import Window
from dione.prediction.files.form import NODATA, REFLECTANCE, Form

COLOURS = {"blue": "Blue", "green": "Green", "red": "Red"}
"""How GDAL calls what a band shows; readers then find true colour although blue comes first. nir stays undefined."""
TILE_PX = 256
"""Side of a file's tiles, unless its blocks are no whole number of them: what a map on the web asks for at a time."""
TYPES = {"uint16": "UInt16", "uint8": "Byte", "float32": "Float32"}
"""As GDAL calls them."""


@dataclass(frozen=True)
class Notes:
    """What a file says about itself."""

    tags: Mapping[str, str]
    """TIFF tags; those called TIFFTAG_… become the standard ones (TIFFTAG_SOFTWARE)."""
    form: Form = REFLECTANCE


def mosaic(pieces: Mapping[Window, Path], *, grid: GeoBox, notes: Notes, beside: Path | None = None, level: int = 0, coarser: int = 0) -> str:
    """The VRT that lays the pieces out on `grid`: of no pieces, a raster of nodata.

    beside: the folder that it will stand in. The pieces are then named as seen from there.
    level: lay out this overview of each piece, 1 the first; windows and grid then count its pixels.
    coarser: how many copies, each half as large as the one before, it offers; GDAL takes them from those of the pieces.
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
            source = _lay(band, number, window, piece if beside is None else piece.relative_to(beside), kind)
            if level:
                _child(_child(source, "OpenOptions"), "OOI", str(level - 1), key="OVERVIEW_LEVEL")
    if coarser:
        factors = (2**level for level in range(1, coarser + 1))
        _child(root, "OverviewList", " ".join(map(str, factors)), resampling="mode" if notes.form.classes else "average")
    return Xml.tostring(root, encoding="unicode")


def halvings(shape: tuple[int, ...], tile: int = TILE_PX) -> int:
    """How many coarser copies a raster has, down to one that a tile of the file holds; GDAL counts alike."""
    side, count = max(shape), 0
    while side > tile:
        side, count = side // 2, count + 1
    return count


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


def _lay(band: Xml.Element, number: int, window: Window, piece: Path, kind: str) -> Xml.Element:
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
    return source


def _child(parent: Xml.Element, name: str, text: str = "", **attributes: str) -> Xml.Element:
    """A child with text, cleared of the control characters that XML cannot hold."""
    child = Xml.SubElement(parent, name, attributes)
    child.text = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text)
    return child
