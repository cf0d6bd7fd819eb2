"""What tells whether files are still the same: a hash of what they hold."""

import hashlib
from pathlib import Path

from fsspec import AbstractFileSystem

from dione.base.storage import identity
from dione.sources.places import naming, system

READ_WHOLE = 16 * 2**20
"""Local files up to this size are read; of larger ones size and time of change count, of remote ones what the store tells."""
DEPTH = 8
NOTED = ".gfs"
"""What GDAL writes beside a GML file (the masks of SPOT and Pléiades) when it is first read."""


def digest(place: str | Path) -> str:
    """A hash of a file, of everything in a folder, or of what a pattern finds; also on `s3://`; of nothing, where nothing is.

    Raises BadSource where it may not be looked at.
    """
    fs, inside = system(place)
    with naming(place):
        fs.invalidate_cache()
        folder = fs.isdir(inside)
        names = [inside] if fs.isfile(inside) else sorted(fs.find(inside, maxdepth=DEPTH)) if folder else sorted(fs.glob(inside))
        base = inside if folder else inside.rpartition("/")[0]
        return identity.of(*([name[len(base) :], _content(fs, name)] for name in names if not name.endswith(NOTED)))


def _content(fs: AbstractFileSystem, name: str) -> str:
    if "file" not in fs.protocol:
        return str(fs.ukey(name))
    stat = Path(name).stat()
    if stat.st_size > READ_WHOLE:
        return identity.of(stat.st_size, stat.st_mtime_ns)
    return hashlib.sha256(Path(name).read_bytes()).hexdigest()
