"""What was read from afar, kept on disk: numbers by file, band and place, so that a second run reads nothing.

Only what was decoded without a fault comes here, and a file appears whole or not at all. Each ends with a digest of
itself: one that was damaged since is read from afar again. DIONE_CACHE names another folder, or 'off'; DIONE_CACHE_GB
how much it may hold, the oldest going first. When it is off, what was read last is kept in memory, as long as dione runs.
"""

import io
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from dione.base.errors import BadSource

log = logging.getLogger(__name__)

MOST_GB = 20.0
DIGEST_BYTES = 16
PRUNED_TO = 0.8
EVERY = 256
"""Writes between two looks at how much is kept."""

IN_MEMORY_BYTES = 256_000_000

TURNS = 256

_written = [0]
_memory: OrderedDict[str, NDArray[Any]] = OrderedDict()
_guard = threading.Lock()
_turns = [threading.Lock() for _ in range(TURNS)]


def folder() -> Path | None:
    """Where things are kept; None if nowhere."""
    told = os.environ.get("DIONE_CACHE", "")
    if told.lower() in ("off", "none", "0"):
        return None
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(told) if told else base / "dione"


def turn(key: Sequence[object]) -> threading.Lock:
    """A lock for those who want to fetch the same, so that it is fetched once; sometimes others share it."""
    return _turns[hash(tuple(key)) % TURNS]


def get(key: Sequence[object]) -> NDArray[Any] | None:
    """The array kept under a key, or None; one that is damaged is removed."""
    path = _path(key)
    if path is None:
        with _guard:
            return _memory.get(_name(key))
    try:
        data = path.read_bytes()
    except OSError:
        return None
    body, digest = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
    if blake2b(body, digest_size=DIGEST_BYTES).digest() != digest:
        log.warning("%s is damaged and read again from its source", path)
        _remove(path)
        return None
    with _guard:  # CPython 3.11 now and then fails (SystemError) at parsing the headers of two at a time
        made: NDArray[Any] = np.load(io.BytesIO(body), allow_pickle=False)
    return made


def put(key: Sequence[object], array: NDArray[Any]) -> None:
    """Keep an array; a disk that is full or may not be written keeps nothing, which is told and no fault.

    Raises BadSource where DIONE_CACHE_GB is no number: not as late as when something has to go.
    """
    path = _path(key)
    if path is None:
        _remember(_name(key), array)
        return
    _most_bytes()
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    body = buffer.getvalue()
    partial = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(body + blake2b(body, digest_size=DIGEST_BYTES).digest())
        os.replace(partial, path)
    except OSError as error:
        _tell_not_kept(folder(), error.strerror)
        _remove(partial)
        return
    _written[0] += 1
    if _written[0] % EVERY == 0:
        prune()


def _tell_not_kept(where: Path | None, why: str | None) -> None:
    """Once, not for every block, however many threads find it at a time."""
    with _telling:
        if (where, why) in _told:
            return
        _told.add((where, why))
    log.warning("nothing is kept in %s: %s", where, why)


_told: set[tuple[Path | None, str | None]] = set()
_telling = threading.Lock()


def prune() -> None:
    """Remove what was written longest ago until no more than PRUNED_TO of what may be kept is there, as far as it is ours to remove."""
    base, most = folder(), _most_bytes()
    if base is None or not base.is_dir():
        return
    there = sorted(_kept(base), reverse=True)
    total = sum(size for _, size, _ in there)
    if total <= most:
        return
    while there and total > most * PRUNED_TO:
        _, size, oldest = there.pop()
        _remove(oldest)
        total -= size


def _most_bytes() -> float:
    text = os.environ.get("DIONE_CACHE_GB") or f"{MOST_GB:g}"
    try:
        most = float(text)
    except ValueError:
        most = -1.0
    if not most >= 0:
        raise BadSource(f"DIONE_CACHE_GB is '{text}', needs how many GB may be kept: a number, e.g. {MOST_GB:g}")
    return most * 1e9


def _kept(base: Path) -> Iterator[tuple[float, int, Path]]:
    """When each file was written, and its size; half ones of a run that was killed too, but none that another run just removed or another user hides."""
    for file in base.glob("??/*"):
        with suppress(OSError):
            facts = file.stat()
            yield facts.st_mtime, facts.st_size, file


def _remove(path: Path) -> None:
    """In a folder that several users share, what others keep is theirs."""
    with suppress(OSError):
        path.unlink()


def _remember(name: str, array: NDArray[Any]) -> None:
    with _guard:
        _memory[name] = array
        while len(_memory) > 1 and sum(one.nbytes for one in _memory.values()) > IN_MEMORY_BYTES:
            _memory.popitem(last=False)


def _name(key: Sequence[object]) -> str:
    return blake2b(repr(tuple(key)).encode(), digest_size=20).hexdigest()


def _path(key: Sequence[object]) -> Path | None:
    base, name = folder(), _name(key)
    return base / name[:2] / f"{name}.block" if base else None
