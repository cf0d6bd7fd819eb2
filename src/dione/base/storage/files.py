"""Files appear whole or not at all."""

import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, TextIO
from uuid import uuid4

from dione.base.errors import CannotWrite
from dione.base.machine import shortage

PARTIAL = ".partial"
LOCK = ".dione.lock"
ANOTHER = "name another folder with -o"
ADVICE = {
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), f"{ANOTHER}, or have this one, and what is in it, made yours"),
    **shortage.ADVICE,
    **dict.fromkeys(
        (errno.ENOENT, errno.ESTALE), f"a folder on the way there is missing, or was removed meanwhile; make it and run the same command again, or {ANOTHER}"
    ),
    **dict.fromkeys((errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP), ANOTHER),
    errno.EIO: f"the disk fails, or the way to it; look at it, or {ANOTHER}",
}
"""What to do where it has nothing to do with how much room there is."""
PROTOCOL = re.compile(r"[a-z][a-z0-9+.-]+:/")
"""A drive has one letter."""
MAKINGS = 20
"""How often a folder is made before its way there is taken to be really missing."""


@contextmanager
def whole(path: Path, *, needs_bytes: int | None = None, shared: bool = False) -> Iterator[Path]:
    """A path to write to that becomes `path` only when the block ends well.

    The partial file stands beside the final one, so that the renaming is atomic; on any failure it is removed.
    needs_bytes: its size, if that is known before. shared: others may be writing the same file at the same time, and the last one's stays.
    Raises CannotWrite when the folder is not writable or the disk is full and, unless it is shared, when another run is writing the file.
    """
    partial = path.with_name(f".{path.name}{f'.{uuid4().hex[:8]}' if shared else ''}{PARTIAL}")
    with _held(path, partial) if not shared and _locks() else nullcontext():
        try:
            yield partial
            settled(partial)
            os.replace(partial, path)
        except BaseException as error:
            told = cannot_write(path, error, needs_bytes, partial) if isinstance(error, OSError) else None
            with suppress(OSError):  # what it could not be written for is told
                partial.unlink(missing_ok=True)  # not after the renaming: the next one's may stand there by then
            if told is None:
                raise
            raise told from error


@contextmanager
def _held(path: Path, partial: Path) -> Iterator[None]:
    """The partial file, empty or what a run that was killed left of it, and ours alone: another's would be renamed with half of ours in it."""
    with _begun(path, partial) as file:
        try:
            _hold(file.fileno())
        except BlockingIOError as error:
            raise CannotWrite(f"another run is writing {path}\nwait for it to end, or name another file with -o") from error
        if _stands(file, partial):
            yield
            return
    with _held(path, partial):  # who held it has just renamed it
        yield


def _begun(path: Path, partial: Path) -> IO[Any]:
    try:
        return open(partial, "ab")
    except OSError as error:
        raise cannot_write(path, error) from error


def _stands(file: IO[Any], path: Path) -> bool:
    """Whether an open file is still the one at `path`."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False


def tidied(path: Path) -> None:
    """Remove what runs that were killed left half of a file that several may write (`whole`, shared); to be called where nobody writes it."""
    half = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}{re.escape(PARTIAL)}.*")
    for entry in path.parent.iterdir():
        if half.fullmatch(entry.name):
            with suppress(OSError):
                entry.unlink()


def settled(path: Path) -> None:
    """Have the system put a file's bytes on the disk now, so that a loss of power cannot leave its name without them."""
    with open(path, "rb") as written:
        os.fsync(written.fileno())


def cannot_write(path: Path, error: OSError, needs_bytes: int | None = None, partial: Path | None = None) -> CannotWrite:
    """What to raise where the system refuses: what is full, how much is needed, what to do.

    partial: what was written so far, for when it is not known how much is needed.
    """
    if advice := ADVICE.get(shortage.number(error)):
        return CannotWrite(f"cannot write {path}: {error.strerror or error}\n{advice}")
    needed = "" if needs_bytes is None else f"about {size(needs_bytes)}"
    if not needed and partial is not None:
        needed = f"more than {size(bytes_of(partial))}"
    return CannotWrite(f"cannot write {path}: {error.strerror or error}\n{room(path.parent, needed)}")


def bytes_of(path: Path) -> int:
    """Of a file, or of all files in a folder; none where nothing is."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files)


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text whole."""
    return write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes | memoryview, *, shared: bool = False) -> Path:
    """Write bytes whole."""
    with whole(path, needs_bytes=len(data), shared=shared) as partial:
        partial.write_bytes(data)
    return path


def folder(path: Path) -> Path:
    """The folder at `path`, made if needed and known to be writable; raises CannotWrite, also for what was an address (s3://…) before it was a path."""
    if PROTOCOL.match(path.as_posix()):
        raise CannotWrite(f"cannot write into {path}: this goes to a disk, not to an object store\nname a folder on this disk, and copy what is made there")
    try:
        _made(path)
        probe = path / f".probe{PARTIAL}"
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may probe the same folder
    except OSError as error:
        raise CannotWrite(f"cannot write into {path}: {error.strerror or error}\nname another folder with -o, or make this one writable") from error
    return path


def apart(*written: Path, read: Iterable[Path] = ()) -> None:
    """Raise CannotWrite where a file to be written is one that is read, or one that is written too: it would be lost."""
    taken = {path.resolve(): "it is read from" for path in read}
    for path in written:
        if why := taken.get(path.resolve()):
            raise CannotWrite(f"cannot write {path}: {why}, and would be lost\nname another file")
        taken[path.resolve()] = "it is named for something else too"


def ends(path: Path, *endings: str) -> None:
    """Raise CannotWrite where a file to be written has another ending: a folder was named, or a file of another kind."""
    if path.suffix.lower() not in endings:
        raise CannotWrite(f"cannot write {path}: needs the name of a file that ends in {' or '.join(endings)}\nname one, e.g. {path / 'model'}{endings[0]}")


def at_home(path: str | Path) -> Path:
    """A path whose `~` is written out, where no shell did (`--output=~/fields`); `./~x`, and `~x` where nobody is called x, are folders of that name."""
    return Path(os.path.expanduser(path))


def _made(path: Path) -> None:
    """Make a folder and those above it; one of those may be tidied away as empty just then, by who writes beside it."""
    for _ in range(MAKINGS - 1):
        with suppress(FileNotFoundError):
            path.mkdir(parents=True, exist_ok=True)
            return
    path.mkdir(parents=True, exist_ok=True)


@contextmanager
def alone(path: Path, lock: Path | None = None) -> Iterator[None]:
    """Nobody else writes `path` meanwhile, on this machine; however the process ends, the system lets go of it.

    lock: the file that is held, by default one inside of the folder `path`. Raises CannotWrite if another run is at it, or somebody else's was.
    """
    lock = lock or path / LOCK
    with _opened(lock) as file:
        try:
            _hold(file.fileno())
            removed = not _stands(file, lock)
        except BlockingIOError as error:
            raise CannotWrite(f"another run is writing {path}\nwait for it to end, or name another folder with -o") from error
        if not removed:
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)
            return
    with alone(path, lock):  # who held it was just leaving, and took the file along
        yield


def one_part(name: str) -> str:
    """The name of a file or folder; raises ValueError for one that would lead elsewhere."""
    if not name.strip() or name in (".", "..") or any(sign in name for sign in "/\\\0"):
        raise ValueError("needs the name of one file or folder, without a slash")
    return name


def emptied(path: Path) -> None:
    """Remove all that is in the folder `path`, but for who holds it."""
    for entry in path.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != LOCK:
            entry.unlink(missing_ok=True)


def _opened(lock: Path) -> TextIO:
    try:
        return open(lock, "a")
    except PermissionError as error:
        if not lock.exists():
            raise
        raise CannotWrite(
            f"cannot write into {lock.parent}: {lock.name} there is another user's, whose run is at it or was killed\n"
            f"name another folder with -o or, if no run of theirs is at work, remove {lock}"
        ) from error


def _hold(file: int) -> None:
    """Lock an open file, or raise BlockingIOError; file systems and machines that know no locks let everybody in."""
    if not _locks():
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise


def _locks() -> bool:
    """Whether this system knows locks; where it does not (Windows), a file that is held open could not be renamed either."""
    return find_spec("fcntl") is not None


def room(path: Path, needed: str = "") -> str:
    """How much disk is left and how much is needed, in words, and what to do."""
    try:
        free = shutil.disk_usage(path).free
    except OSError:
        return "the folder cannot be read"
    told = f", and {needed} are needed for it" if needed else ""
    return f"{size(free)} are free on the disk of {path}{told}; free some space or choose another folder, then run the same command again"


def size(count: int) -> str:
    """Bytes in words: 12 kB, 3.4 MB, 0.5 GB."""
    unit, factor = next((pair for pair in (("GB", 1e9), ("MB", 1e6)) if count >= 0.1 * pair[1]), ("kB", 1e3))
    return f"{count / factor:.1f} {unit}"
