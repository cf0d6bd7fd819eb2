"""Files appear whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dione.base.errors import CannotWrite

PARTIAL = ".partial"
LOCK = ".dione.lock"


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path to write to that becomes `path` only when the block ends well.

    The partial file stands beside the final one, so that the renaming is atomic; on any failure it is removed.
    Raises CannotWrite when the folder is not writable or the disk is full.
    """
    partial = path.with_name(f".{path.name}{PARTIAL}")
    try:
        yield partial
        with open(partial, "rb") as written:
            os.fsync(written.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror or error}\n{room(path.parent)}") from error
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text whole."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def folder(path: Path) -> Path:
    """The folder at `path`, made if needed and known to be writable; raises CannotWrite."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe{PARTIAL}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CannotWrite(f"cannot write into {path}: {error.strerror or error}\nname another folder with -o, or make this one writable") from error
    return path


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Nobody else writes into the folder `path` meanwhile, on this machine; however the process ends, the system lets go of it.

    Raises CannotWrite if another run is at it.
    """
    lock = path / LOCK
    with open(lock, "a") as file:
        try:
            _hold(file.fileno())
        except BlockingIOError as error:
            raise CannotWrite(f"another run is writing into {path}\nwait for it to end, or name another folder with -o") from error
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def emptied(path: Path) -> None:
    """Remove all that is in the folder `path`, but for who holds it."""
    for entry in path.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != LOCK:
            entry.unlink(missing_ok=True)


def _hold(file: int) -> None:
    """Lock an open file, or raise BlockingIOError; file systems and machines that know no locks let everybody in."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise


def room(path: Path) -> str:
    """How much disk is left, in words."""
    try:
        free = shutil.disk_usage(path).free
    except OSError:
        return "the folder cannot be read"
    return f"{free / 1e9:.1f} GB are free there; free some space or choose another folder, then run the same command again"
