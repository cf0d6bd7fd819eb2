"""The raster that DIMAP metadata name: found without leaving the scene's folder, and opened only if it is an image itself."""

from pathlib import Path, PurePosixPath

from dione.base.errors import BadSource
from dione.sources.delivered.fields import Fields
from dione.sources.places import File, naming, system
from dione.sources.rasters import headers
from dione.sources.rasters.headers import Header

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How TIFF and BigTIFF begin. GDAL opens by content, and a virtual raster (VRT) may read any other file."""


def header_of(path: str | Path, fields: Fields) -> Header | None:
    """The header of the raster that Data_File of the metadata at `path` names; None, with a fault noted, if it cannot be used."""
    named = _named(fields)
    if not named:
        fields.faults.append("no Data_File with an href")
        return None
    parts = PurePosixPath(named.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in named:
        fields.faults.append(f"Data_File names '{named}', which leaves the scene's folder")
        return None
    folder = str(path).rpartition("/")[0]
    return _checked(f"{folder}/{parts}" if folder else str(parts), str(path), named, fields)


def _named(fields: Fields) -> str:
    """The href, on Data_File itself or on its child DATA_FILE_PATH; '' if there is none."""
    file = next(fields.root.iter("Data_File"), None)
    if file is None:
        return ""
    child = file.find("DATA_FILE_PATH")
    found = file.get("href") or ("" if child is None else child.get("href") or child.text or "")
    return found.strip()


def _checked(raster: str, metadata: str, named: str, fields: Fields) -> Header | None:
    """The header, if the raster is there, is no link to elsewhere, and is a TIFF."""
    fs, inside = system(raster)
    with naming(raster):
        if not fs.isfile(inside):
            fields.faults.append(f"Data_File names '{named}', which is not there")
            return None
        if "file" in fs.protocol and not Path(inside).resolve().is_relative_to(Path(system(metadata)[1]).parent.resolve()):
            fields.faults.append(f"Data_File names '{named}', a link that leaves the scene's folder")
            return None
        size = int(fs.size(inside) or 0)
        with fs.open(inside, "rb") as file:
            begin = file.read(4)
    if size and begin not in TIFF:
        fields.faults.append(f"Data_File names '{named}', which is no TIFF")
        return None
    try:
        return headers.read(File(raster, named, size))
    except BadSource as error:
        fields.faults.append(str(error).partition("\n")[0])
        return None
