"""What tells whether something is still the same: settings by their text, files by their content."""

import hashlib
import json
from pathlib import Path
from typing import Any

import fsspec

READ_WHOLE = 16 * 2**20
"""Local files up to this size are read; of larger ones size and time of change count, of remote ones what the store tells."""
DEPTH = 8


def of(*values: Any) -> str:
    """A hash of plain values (numbers, texts, lists, dictionaries in any order of their keys)."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def of_files(place: str | Path) -> str:
    """A hash of a file, of everything in a folder, or of what a pattern finds; also on `s3://`; of nothing, where nothing is."""
    fs, inside = fsspec.core.url_to_fs(str(place))
    fs.invalidate_cache()
    names = [inside] if fs.isfile(inside) else sorted(fs.find(inside, maxdepth=DEPTH)) if fs.isdir(inside) else sorted(fs.glob(inside))
    base = inside if fs.isdir(inside) else inside.rpartition("/")[0]
    return of(*([name[len(base) :], _content(fs, name)] for name in names))


def _content(fs: Any, name: str) -> str:
    if "file" not in fs.protocol:
        return str(fs.ukey(name))
    stat = Path(name).stat()
    if stat.st_size > READ_WHOLE:
        return of(stat.st_size, stat.st_mtime_ns)
    return hashlib.sha256(Path(name).read_bytes()).hexdigest()
