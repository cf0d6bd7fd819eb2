"""Where files are: folders, patterns and single files, local or in an object store, through fsspec."""

import errno
import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from fsspec import AbstractFileSystem

from dione.base.errors import BadSource, CannotWrite, NotFound
from dione.base.machine import shortage
from dione.base.storage.files import cannot_write
from dione.base.telling import shown as shown

log = logging.getLogger(__name__)


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
BUSY = "the store has too much to do, or fails: run the same command again later"
FAILING = (errno.EBUSY, getattr(errno, "EREMOTEIO", errno.EIO))
"""What s3fs makes of SlowDown, ServiceUnavailable and InternalError."""


def advice(error: Exception, otherwise: str) -> str:
    """What to do about an error of storage; for those that do not tell it themselves what is to be done `otherwise`."""
    if isinstance(error, PermissionError) and "request time" in str(error):
        return SKEWED
    busy = isinstance(error, TimeoutError) or (isinstance(error, OSError) and error.errno in FAILING)
    return BUSY if busy else shortage.advice(error, otherwise)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Errors of storage on the way become NotFound or BadSource that names `path`."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"{shown(path)} does not exist") from error
    except PermissionError as error:
        usual = "check its permissions, or the credentials of the store"
        raise BadSource(f"{shown(path)} may not be read: {shown(str(error))}\n{advice(error, usual)}") from error
    except faults_of_stores() as error:
        usual = "check the name, the connection and the credentials of the store"
        raise BadSource(f"{shown(path)} cannot be read: {shown(str(error))}\n{advice(error, usual)}") from error


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Errors of storage become CannotWrite, with how much disk is left."""
    try:
        yield
    except faults_of_stores() as error:
        if isinstance(error, OSError) and not is_remote(path):
            raise cannot_write(Path(path).absolute(), error, partial=Path(path)) from error
        why = shown(str(getattr(error, "strerror", None) or error))
        raise CannotWrite(f"cannot write {shown(path)}: {why}\n{advice(error, 'check the name and the credentials of the store')}") from error


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


def _url(fs: AbstractFileSystem, name: str) -> str:
    return name if "file" in fs.protocol else str(fs.unstrip_protocol(name))


def _below(name: str, base: str) -> str:
    return name[len(base) :].lstrip("/") if name.startswith(base) else PurePosixPath(name).name


def _fixed(pattern: str) -> str:
    """The part of a glob pattern before the first folder with a wildcard."""
    parts = PurePosixPath(pattern).parts
    first = next((i for i, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts) - 1)
    return str(PurePosixPath(*parts[:first]))
