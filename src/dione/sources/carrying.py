"""Files carried between this disk and an object store; a place is a path here or at s3://BUCKET/…

with staged("s3://bucket/field") as folder:
    predict_to(stack, folder, ...)          # a folder on this disk that is the same for the same address
# every file is in the bucket now, run.json last
"""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from dione.base.errors import CannotWrite
from dione.base.storage.files import alone, at_home, folder, room, write_bytes
from dione.sources.places import advice, faults_of_stores, is_remote, naming, shown, system, writing
from dione.sources.remote import shelf

LAST = "run.json"
PROBE = ".dione-probe"


def get(place: str | Path) -> bytes:
    """What a small file holds. Raises NotFound, BadSource."""
    fs, inside = system(place)
    with naming(place):
        return bytes(fs.cat_file(inside))


def put(place: str | Path, data: bytes) -> None:
    """A small file, whole or not at all; its folder is there. Raises CannotWrite."""
    fs, inside = system(place)
    if not is_remote(place):
        write_bytes(Path(inside), data)
        return
    with writing(place):  # an object store takes it whole
        fs.pipe_file(inside, data)


@contextmanager
def alone_at(place: str | Path) -> Iterator[None]:
    """Nobody else on this disk writes into a folder meanwhile; it is made if needed, and an object store knows no locks. Raises CannotWrite if somebody does."""
    if is_remote(place):
        yield
        return
    with alone(folder(Path(place))):
        yield


@contextmanager
def brought(place: str | Path) -> Iterator[Path]:
    """A file as one on this disk, under its own name: itself, or a copy for as long as the block lasts. Raises NotFound, BadSource."""
    if not is_remote(place):
        yield Path(place)
        return
    fs, inside = system(place)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / PurePosixPath(inside).name
        with naming(place):
            fs.get_file(inside, str(copy))
        yield copy


@contextmanager
def brought_from(folder: str | Path, names: Iterable[str]) -> Iterator[Path]:
    """A folder on this disk with these of its files, as far as they are there: itself, or copies for as long as the block lasts. Raises BadSource."""
    if not is_remote(folder):
        yield Path(folder)
        return
    fs, inside = system(str(folder).rstrip("/"))
    with tempfile.TemporaryDirectory() as copies:
        with naming(folder):
            for name in names:
                if fs.isfile(f"{inside}/{name}"):
                    fs.get_file(f"{inside}/{name}", f"{copies}/{name}")
        yield Path(copies)


@contextmanager
def staged(output: str | Path, *, last: str = LAST) -> Iterator[Path]:
    """A folder to write to; when the block ends well, its files go to `output`, if that is not a folder itself, `last` after all others.

    Raises CannotWrite: before the block if the store does not take a file, after it if it does not take them all.
    """
    if not is_remote(output):
        yield here(output)
        return
    folder = begun(output)
    yield folder
    forget(output, (last,))  # of a run before: it would stand for what is half sent
    send(folder, output, last=last)
    shutil.rmtree(folder, ignore_errors=True)


def here(output: str | Path) -> Path:
    """Where on this disk results for `output` are made: that folder itself, or one in the cache that is the same for the same address. Raises CannotWrite for no name."""
    if not is_remote(output):
        if not str(output).strip():
            raise CannotWrite(
                "no folder is named for the results: what stands after -o is empty\nwas it a variable of the shell that is not set? For this folder say -o ."
            )
        return at_home(output)
    name = blake2b(str(output).rstrip("/").encode(), digest_size=12).hexdigest()
    return (shelf.folder() or Path.home() / ".cache" / "dione") / "outputs" / name


def begun(output: str | Path) -> Path:
    """The folder `here`, made, once the store was seen to take a file. Raises CannotWrite."""
    folder = here(output)
    if not is_remote(output):
        return folder
    _probe(str(output).rstrip("/"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"cannot write {folder}, where results for {shown(output)} are made: {error.strerror}\n{room(folder.parent)}") from error
    return folder


def send(folder: Path, output: str | Path, *, last: str = LAST, only: tuple[str, ...] = ()) -> list[str]:
    """Copy the finished files of a folder, or `only` these, to `output`, `last` after all others; their addresses. Raises CannotWrite."""
    below = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    files = [file for file in below if not any(part.startswith(".") for part in file.parts) and (not only or file.as_posix() in only)]
    address = str(output).rstrip("/")
    fs, inside = system(address)
    for file in sorted(files, key=lambda file: (file.name == last, file)):
        try:
            fs.put_file(str(folder / file), f"{inside}/{file.as_posix()}")
        except faults_of_stores() as error:
            told = f"what was made is whole in {folder}: run the same command again, or copy it by hand"
            raise CannotWrite(f"cannot send {file.name} to {shown(output)}: {shown(str(error)) or type(error).__name__}\n{told}") from error
    return [f"{address}/{file.as_posix()}" for file in files]


def fetch_back(output: str | Path, names: tuple[str, ...]) -> None:
    """What was sent to `output` before, in place of what is `here` of it: a run goes on on whatever machine. Raises BadSource."""
    fs, inside = system(str(output).rstrip("/"))
    with naming(output):
        fs.invalidate_cache()
        for name in names:
            if fs.exists(f"{inside}/{name}"):
                fs.get_file(f"{inside}/{name}", str(here(output) / name))


def forget(output: str | Path, names: tuple[str, ...]) -> None:
    """Take away what was sent to `output` before under these names, so that no run goes on from it, or takes it for what it sends. Raises CannotWrite."""
    fs, inside = system(str(output).rstrip("/"))
    with writing(output):
        fs.invalidate_cache()
        for name in names:
            if fs.exists(f"{inside}/{name}"):
                fs.rm_file(f"{inside}/{name}")


def _probe(output: str) -> None:
    """Write a small file and take it away again, so that nothing is computed in vain."""
    fs, inside = system(output)
    try:
        fs.pipe_file(f"{inside}/{PROBE}", b"")
        fs.rm_file(f"{inside}/{PROBE}")
    except faults_of_stores() as error:
        told = advice(error, "check the name of the bucket, and the credentials of the store")
        raise CannotWrite(f"cannot write to {shown(output)}: {shown(str(error)) or type(error).__name__}\n{told}") from error
