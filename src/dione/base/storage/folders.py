"""Folders of many files that appear whole or not at all, as a file does (dione.base.storage.files)."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dione.base.errors import CannotWrite
from dione.base.storage.files import PARTIAL, alone, cannot_write, settled

LOCK, OLD = ".lock", ".old"


@contextmanager
def whole_folder(path: Path, *, needs_bytes: int | None = None) -> Iterator[Path]:
    """A new, empty folder beside `path` that takes its place when the block ends well; on any failure it is removed.

    What a run that was killed left beside it is removed too. A link is followed: what it leads to is replaced, on the disk where that is.
    needs_bytes: about how much will be written, if that is known.
    Raises CannotWrite when the disk is full or the folder not writable, and when another run is making the same.
    """
    path = path.resolve() if path.is_symlink() else path
    partial, old = (path.with_name(f".{path.name}{ending}") for ending in (PARTIAL, OLD))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with alone(path, path.with_name(f".{path.name}{LOCK}")):
            _after_a_kill(path, partial, old)
            try:
                with _standing(partial):
                    yield partial
                _settled(partial)
                _swap(partial, path, old)
            except OSError as error:
                raise cannot_write(path, error, needs_bytes, partial) from error
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise cannot_write(path, error, needs_bytes) from error


@contextmanager
def _standing(folder: Path) -> Iterator[None]:
    """Make a folder that has to stand until the block ends; raises CannotWrite if it was removed: who writes chunks makes it again, and what was there is gone."""
    folder.mkdir()
    held = os.open(folder, os.O_RDONLY)  # as long as it is open, no other folder is taken for it
    try:
        yield
        if not folder.exists() or not os.path.samestat(os.fstat(held), folder.stat()):
            raise CannotWrite(f"{folder} was removed while it was written, by somebody or by another run\nrun the same command again")
    finally:
        os.close(held)


def _after_a_kill(path: Path, partial: Path, old: Path) -> None:
    """What stood there before comes back if it was moved away and nothing took its place."""
    shutil.rmtree(partial, ignore_errors=True)
    if old.exists() and not path.exists():
        old.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def _swap(partial: Path, path: Path, old: Path) -> None:
    if path.exists():
        path.rename(old)
    partial.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def _settled(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            settled(Path(place, name))
