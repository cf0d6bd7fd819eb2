"""Vector files that GDAL may open: those whose first bytes are of a form that names nothing but itself.

GDAL would open by content: a virtual layer called .gpkg could read any other file, a feature service or a schema could
ask any server. A GeoPackage can do so too, by virtual tables: only those of an index are let in.
"""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from dione.base.crs import DEGREES
from dione.base.errors import BadRecipe

MARKS = {b"SQLite format 3\0": "GeoPackage", b"\0\0\x27\x0a": "Shapefile", b"fgb\x03": "FlatGeobuf"}
"""By how a file begins."""
TABLES = "a00000001.gdbtable"
"""What a File Geodatabase, a folder, always holds."""
VIRTUAL = re.compile(r"create(?:\s|/\*.*?\*/|--[^\n]*\n)+virtual\b", re.IGNORECASE | re.DOTALL)
NAME = r"""("(?:[^"]|"")*"|'[^']*'|`[^`]*`|\[[^\]]*\]|\w+)"""
INDEX = re.compile(
    rf"CREATE VIRTUAL TABLE\s+{NAME}\s+USING\s+(rtree(_i32)?|fts\d|VirtualSpatialIndex|VirtualElementary|VirtualKNN2?)\s*(\(.*)?",
    re.IGNORECASE | re.DOTALL,
)


def check(file: Path, source: str) -> None:
    """Raises BadRecipe for a form that is not let in, which it calls `source`; OSError where the file cannot be read."""
    if file.is_dir():
        if not (file / TABLES).is_file():
            raise BadRecipe(f"{source} is a folder, and no File Geodatabase: it has no {TABLES}\ngive a file of vectors: {_forms()}")
        return
    with file.open("rb") as held:
        begin = held.read(16)
    form = next((form for mark, form in MARKS.items() if begin.startswith(mark)), None)
    if form and "!" in str(file):  # pyogrio takes what stands before it for an archive
        raise BadRecipe(f"{source} has a '!' in its name or in that of a folder, which GDAL's readers take for an archive\nmove it, or call it otherwise")
    if form is None or file.suffix.lower() == ".zip":  # pyogrio looks for archives in names
        raise BadRecipe(
            f"{source} holds no vectors that are read: it begins with {begin!r}, needs {_forms()}; other forms may name any file or server\n"
            f"unpack it if it is an archive, else save it again: ogr2ogr -t_srs {DEGREES} {file.stem}.geojson {file.name}"
        )
    if form == "GeoPackage":
        _only_indices(file, source)


def _forms() -> str:
    return f"{', '.join(MARKS.values())}, File Geodatabase, KML or GeoJSON"


def _only_indices(file: Path, source: str) -> None:
    unfinished = any(file.with_name(file.name + ending).exists() for ending in ("-wal", "-journal"))
    address = f"{file.absolute().as_uri()}?{'mode=ro' if unfinished else 'immutable=1'}"
    try:
        with closing(sqlite3.connect(address, uri=True)) as base:
            made = [str(sql) for (sql,) in base.execute("SELECT CAST(sql AS TEXT) FROM sqlite_master WHERE sql IS NOT NULL")]
    except sqlite3.Error as error:
        raise BadRecipe(f"{source} holds no vectors that GDAL can read: {error}\nsave it again, as GeoPackage or GeoJSON") from error
    if wrong := [sql for sql in made if VIRTUAL.match(sql.strip()) and not INDEX.fullmatch(sql.strip())]:
        raise BadRecipe(f"{source} has a table that reads other files, which is refused: {wrong[0]:.80}\nsave its layer by itself, as GeoPackage or GeoJSON")
