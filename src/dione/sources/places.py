"""Where files are: folders, patterns and single files, local or in an object store, through fsspec."""

import hashlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
import rasterio
from fsspec import AbstractFileSystem

# The one family of GDAL errors that rasterio lets through unwrapped (from warps and blocks).
from rasterio._err import CPLE_BaseError
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from dione.base.errors import BadSource, CannotWrite, NotFound
from dione.base.files import cannot_write
from dione.base.telling import shown as shown
from dione.sources.rasters import companions, virtual

log = logging.getLogger(__name__)

DRIVERS = {
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "GTiff"),
    **dict.fromkeys((b"\0\0\0\x0c", b"\xff\x4f\xff\x51"), "JP2OpenJPEG"),
}
"""GDAL's drivers by how a file begins. It would open by content: a virtual raster called .tif could read any other file, near or far."""
OTHERS = {b"PK\3\4": "a zip: unpack it, and name the folder", **dict.fromkeys((b"\x89HDF", b"CDF\1", b"CDF\2"), "NetCDF, which is not read: export GeoTIFFs")}
"""What else downloads come as, and what to do."""
ZIPPED = "/vsizip/"
RASTER_FAULTS: tuple[type[Exception], ...] = (RasterioError, CPLE_BaseError, OSError)


@dataclass(frozen=True)
class File:
    """One file that was listed."""

    path: str
    """As rasterio or fsspec open it, protocol included."""
    name: str
    """Below the folder that was asked for, with forward slashes."""
    size: int
    """Bytes."""
    version: str = ""
    """What tells it from what stood there before: when it was written, or an object store's own mark."""


def is_remote(path: str | Path) -> bool:
    """Whether a path names a protocol (`s3://...`)."""
    return "://" in str(path)


def system(path: str | Path) -> tuple[AbstractFileSystem, str]:
    """The file system of a path and the path inside it; raises BadSource for an unknown or uninstalled protocol."""
    try:
        fs, inside = fsspec.core.url_to_fs(str(path))
    except (ImportError, ValueError) as error:
        raise BadSource(f"{shown(path)} cannot be opened: {error}\nfor s3:// install the extra: pip install 'dione[s3]'") from error
    return fs, inside


def faults_of_stores() -> tuple[type[Exception], ...]:
    """What listing and reading may raise; the object store's own errors are no OSErrors."""
    try:
        from botocore.exceptions import BotoCoreError
    except ImportError:
        return (OSError,)
    return (OSError, BotoCoreError)


SKEWED = "the clock of this machine is wrong: set it, e.g. timedatectl set-ntp true"
"""S3 compares the time that is signed with its own (RequestTimeTooSkewed)."""


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Errors of storage on the way become NotFound or BadSource that names `path`."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"{shown(path)} does not exist") from error
    except PermissionError as error:
        advice = SKEWED if "request time" in str(error) else "check its permissions, or the credentials of the store"
        raise BadSource(f"{shown(path)} may not be read: {shown(str(error))}\n{advice}") from error
    except faults_of_stores() as error:
        raise BadSource(f"{shown(path)} cannot be read: {shown(str(error))}\ncheck the name, the connection and the credentials of the store") from error


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Errors of storage become CannotWrite, with how much disk is left."""
    try:
        yield
    except faults_of_stores() as error:
        if isinstance(error, OSError) and not is_remote(path):
            raise cannot_write(Path(path).absolute(), error, partial=Path(path)) from error
        why = shown(str(getattr(error, "strerror", None) or error))
        raise CannotWrite(f"cannot write {shown(path)}: {why}\ncheck the name and the credentials of the store") from error


def listing(path: str | Path, *, depth: int = 1) -> list[File]:
    """The files of a folder (down to `depth`), of a pattern (`series/*_B0?.tif`), or the one file; sorted by name.

    Links to folders are followed. Hidden files are left out, and links that lead nowhere, which is told; an empty folder has
    none. Raises NotFound when nothing is there, with names that are near.
    """
    fs, inside = system(path)
    with naming(path):
        fs.invalidate_cache()
        if fs.isdir(inside):
            base, found = inside, _walked(fs, inside, depth)
        elif fs.exists(inside):
            base, found = str(PurePosixPath(inside).parent), {inside: fs.info(inside)}
        else:
            base, found = _fixed(inside), fs.glob(inside, detail=True) if any(c in inside for c in "*?[") else {}
    if not found and not fs.isdir(inside):
        raise NotFound(f"nothing found at {shown(path)}{near(path)}")
    for name in [name for name, info in found.items() if info.get("islink") and not fs.exists(name)]:
        log.warning("%s is a link that leads nowhere: left out", shown(name))
    made = [File(_url(fs, name), _below(name, base), int(info.get("size") or 0), _version(info)) for name, info in found.items() if _is_file(fs, name, info)]
    return sorted((f for f in made if not any(part.startswith(".") for part in f.name.split("/"))), key=lambda f: f.name)


def state(files: list[File]) -> str:
    """What tells files from what they will be when any of them is written anew."""
    return hashlib.sha256(repr([(file.name, file.size, file.version) for file in files]).encode()).hexdigest()[:16]


def _walked(fs: Any, folder: str, depth: int) -> dict[str, Any]:
    """What `fs.find` finds, and what it finds behind links to folders (of this disk; not to one that holds the link)."""
    found: dict[str, Any] = fs.find(folder, maxdepth=depth, detail=True)
    for name in [name for name, info in found.items() if info.get("islink") and not fs.isfile(name)]:
        deeper = depth - len(PurePosixPath(_below(name, folder)).parts)
        if fs.isdir(name) and deeper and not Path(name).parent.resolve().is_relative_to(Path(name).resolve()):
            found |= _walked(fs, name, deeper)
    return found


def _version(info: dict[str, Any]) -> str:
    return next((str(info[mark]) for mark in ("ETag", "etag", "mtime", "LastModified") if info.get(mark)), "")


def _is_file(fs: Any, name: str, info: dict[str, Any]) -> bool:
    """A file, or a link to one."""
    return info.get("type") == "file" or (bool(info.get("islink")) and bool(fs.isfile(name)))


def near(path: str | Path) -> str:
    """What stands where `path` was looked for: names that are close, or the first few; '' when that cannot be told."""
    fs, inside = system(path)
    parent = PurePosixPath(_fixed(inside)) if any(c in inside for c in "*?[") else PurePosixPath(inside).parent
    try:
        there = sorted(PurePosixPath(name).name for name in fs.ls(str(parent), detail=False))
    except faults_of_stores():
        return f"; neither is there a folder {shown(str(parent))}"
    close = get_close_matches(PurePosixPath(inside).name, there, n=3)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; {shown(str(parent))} holds {some(there)}"


def some(names: list[str], most: int = 5) -> str:
    """A few names of many, in words."""
    if not names:
        return "nothing"
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


@contextmanager
def raster(path: str) -> Iterator[rasterio.DatasetReader]:
    """An open GeoTIFF or JPEG 2000, local or remote; whatever goes wrong inside the block becomes a BadSource that names the file."""
    with readable(path), opened(path) as file:
        yield file


@contextmanager
def readable(path: str) -> Iterator[None]:
    """Turn what goes wrong inside the block with this raster into a BadSource that names it."""
    try:
        yield
    except (*RASTER_FAULTS, *faults_of_stores()) as error:
        advice = "it may be damaged or half copied: fetch it again, or take it out of the series"
        raise BadSource(f"{shown(path)} cannot be read: {shown(_last(error))}\n{advice}") from error


def opened(path: str) -> rasterio.DatasetReader:
    """The raster, open, to be closed by who asked for it; raises BadSource and what GDAL does."""
    driver, how = driver_of(path), {"opener": Store(system(path)[0])} if is_remote(path) else {}
    alone = rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR") if path.startswith(ZIPPED) else nullcontext()  # what lies beside it is not looked at
    with warnings.catch_warnings(), alone:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        file = rasterio.open(path, driver=driver, **how)
    try:
        companions.check_named(file, path)
    except BadSource:
        file.close()
        raise
    return file


class Store:
    """A file system as rasterio is given it. It asks each for the size of 'test', to see whether it can: that is no question for an object store.

    What GDAL would open beside a raster is not there unless it is a GeoTIFF.
    """

    def __init__(self, fs: AbstractFileSystem) -> None:
        self._fs = fs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fs, name)

    def size(self, path: str) -> Any:
        if path == "test":
            raise FileNotFoundError(path)
        return self._fs.size(path)

    def open(self, path: str, *how: Any, **more: Any) -> Any:
        file = self._fs.open(path, *how, **more)
        if path.lower().endswith(companions.ENDINGS):
            if file.read(4) not in companions.TIFF:
                file.close()
                raise FileNotFoundError(path)
            file.seek(0)
        return file


def driver_of(path: str) -> str:
    """The driver for a raster; raises BadSource for what is neither GeoTIFF nor JPEG 2000, nor a virtual raster of ours."""
    if path.startswith(ZIPPED):
        return "JP2OpenJPEG" if path.lower().endswith(".jp2") else "GTiff"
    fs, inside = system(path)
    with fs.open(inside, "rb") as file:
        begin = bytes(file.read(4))
    if begin == virtual.MARK and path.endswith(".vrt") and not is_remote(path):
        virtual.check(Path(path))
        for one in virtual.laid(Path(path)):
            opened(str(one.path)).close()
        return "VRT"
    if begin in OTHERS:
        raise BadSource(f"{shown(path)} is {OTHERS[begin]}")
    if not is_remote(path):
        companions.check_beside(Path(inside))
    if begin not in DRIVERS:
        raise BadSource(f"{shown(path)} is neither GeoTIFF nor JPEG 2000: it begins with {begin!r}\nfetch it again, or take it out of the series")
    return DRIVERS[begin]


def _last(error: Exception) -> str:
    """The sentence that says most: GDAL's own, under rasterio's 'see previous exception'."""
    while isinstance(error.__cause__, Exception):
        error = error.__cause__
    return str(error)


def _url(fs: AbstractFileSystem, name: str) -> str:
    return name if "file" in fs.protocol else str(fs.unstrip_protocol(name))


def _below(name: str, base: str) -> str:
    return name[len(base) :].lstrip("/") if name.startswith(base) else PurePosixPath(name).name


def _fixed(pattern: str) -> str:
    """The part of a glob pattern before the first folder with a wildcard."""
    parts = PurePosixPath(pattern).parts
    first = next((i for i, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts) - 1)
    return str(PurePosixPath(*parts[:first]))
