"""Virtual rasters (VRT) as `dione predict --tiles` writes them: GeoTIFFs in the folder, laid side by side, and nothing else.

GDAL's virtual rasters can name any file, near or far, and hold programs. So what is not known to be harmless is refused
before GDAL sees it: other elements, other ways of putting files together, paths that lead out of the folder, and files
that are not GeoTIFFs, however they are called.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

from dione.base.errors import BadSource
from dione.base.storage.xmltext import parsed
from dione.base.telling import shown
from dione.base.windows import Window
from dione.sources.rasters import companions

MARK = b"<VRT"
"""How one begins."""
LARGEST_BYTES = 32_000_000
ELEMENTS: dict[str, frozenset[str]] = {
    "VRTDataset": frozenset({"rasterXSize", "rasterYSize"}),
    "VRTRasterBand": frozenset({"dataType", "band", "blockXSize", "blockYSize"}),
    "SimpleSource": frozenset(),
    "SourceFilename": frozenset({"relativeToVRT"}),
    "SourceProperties": frozenset({"RasterXSize", "RasterYSize", "DataType", "BlockXSize", "BlockYSize"}),
    "MDI": frozenset({"key"}),
    "Entry": frozenset({"c1", "c2", "c3", "c4"}),
    "OverviewList": frozenset({"resampling"}),
    **dict.fromkeys(("SrcRect", "DstRect"), frozenset({"xOff", "yOff", "xSize", "ySize"})),
    **dict.fromkeys(
        ("SRS", "GeoTransform", "Metadata", "Description", "UnitType", "Offset", "Scale", "ColorInterp", "NoDataValue", "ColorTable", "SourceBand"),
        frozenset[str](),
    ),
}
"""All that may stand in one, each with its attributes."""
BELOW = re.compile(r"[^/\\:]+(/[^/\\:]+)*")
"""A path of plain names: no drive, no protocol, no GDAL prefix, not from the root."""

CRS = re.compile(r"EPSG:\d+|[A-Z]+\[.*", re.DOTALL)
"""A code or WKT; GDAL would also fetch one from a file or an address."""


@dataclass(frozen=True)
class Laid:
    """One file of a virtual raster."""

    path: Path
    window: Window
    """Where it lies, pixels of the whole."""


def check(path: Path) -> None:
    """Raise BadSource unless a virtual raster on this disk is known to be harmless and its files are there."""
    for one in laid(path):
        _tiff(path, one.path)


def laid(path: Path) -> tuple[Laid, ...]:
    """The files of a virtual raster on this disk, each once. Raises BadSource for one that is not known to be harmless."""
    state = path.stat()
    return _laid_out(path.absolute(), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=64)
def _laid_out(path: Path, size: int, written: int) -> tuple[Laid, ...]:
    """The same, of a file of this size and age."""
    if size > LARGEST_BYTES:
        raise BadSource(f"{shown(path)} is larger than {LARGEST_BYTES // 1_000_000} MB, which no virtual raster of ours is")
    root = parsed(path.read_bytes(), shown(path))
    if wrong := sorted({one.tag for one in root.iter() if not set(one.attrib) <= ELEMENTS.get(one.tag, frozenset()) or one.tag not in ELEMENTS}):
        raise _refused(path, f"it holds {', '.join(wrong[:5])}")
    if any(not CRS.fullmatch(str(crs.text)) for crs in root.iter("SRS")):
        raise _refused(path, "its CRS is neither a code nor WKT")
    found = [_laid(path, source) for source in root.iter("SimpleSource")]
    return tuple({one.path: one for one in found}.values())


def _laid(path: Path, source: ElementTree.Element) -> Laid:
    name, place = source.find("SourceFilename"), source.find("DstRect")
    told = "" if name is None else str(name.text)
    if name is None or place is None or name.get("relativeToVRT") != "1" or not BELOW.fullmatch(told) or ".." in told.split("/"):
        raise _refused(path, f"it names {told or 'no file'!r}")
    try:
        left, top, width, height = (int(place.attrib[key]) for key in ("xOff", "yOff", "xSize", "ySize"))
    except (KeyError, ValueError) as error:
        raise _refused(path, f"a place in it is no whole number of pixels: {error}") from error
    return Laid(path.parent / told, Window(top, left, top + height, left + width))


def _tiff(path: Path, file: Path) -> None:
    """Raise BadSource unless a file is a GeoTIFF in the folder, whatever links lead there."""
    if not file.resolve().is_relative_to(path.parent.resolve()):
        raise _refused(path, f"{file.name} leads out of its folder")
    if not file.is_file():
        raise BadSource(f"{shown(path)} shows {file.name}, which is not there\ncopy the whole folder, or run `dione predict` again into it")
    with file.open("rb") as opened:
        if opened.read(4) not in companions.TIFF:
            raise _refused(path, f"{file.name} is no GeoTIFF")


def _refused(path: Path, why: str) -> BadSource:
    return BadSource(
        f"{shown(path)} is no virtual raster of ours: {why}\nneeds one as `dione predict --tiles` writes it, GeoTIFFs in the same folder side by side"
    )
