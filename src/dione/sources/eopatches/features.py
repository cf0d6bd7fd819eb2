"""Arrays of an EOPatch folder (`data/BANDS.npy`, `.npy.gz`, `.zarr`): their form first, their pixels by date."""

import gzip
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from tokenize import TokenError
from typing import Any

import numpy as np
import zarr
from numpy.lib import format as npy
from numpy.typing import NDArray

from dione.base.errors import BadSource, faults
from dione.base.machine import shortage
from dione.base.windows import Window
from dione.sources import chunks
from dione.sources.places import faults_of_stores, is_remote, naming, shown, system

ENDINGS = (".npy.gz", ".npy", ".zarr")
DAMAGE: tuple[type[Exception], ...] = (*chunks.DAMAGE, zlib.error, TokenError, SyntaxError)
"""What reading a damaged array may raise, beside errors of storage."""
LARGEST = 2**29
"""Bytes of an array that is read whole, since it is packed."""


@dataclass(frozen=True)
class Feature:
    """One array of the folder."""

    path: str
    name: str
    """As in `data/BANDS`."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int = 0
    """Bytes before the first value, in a plain .npy."""
    by_rows: bool = True
    """Whether the last axis runs fastest."""

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return int(np.prod([int(side) for side in self.shape], dtype=object)) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {'×'.join(map(str, self.shape))}"


def features(folder: str) -> dict[str, Feature]:
    """The arrays of a folder's `data` and `mask`, by name; only their headers are read. Raises BadSource with every fault."""
    fs, inside = system(folder)
    found: dict[str, Feature] = {}
    wrong = []
    for kind in ("data", "mask"):
        with naming(folder):
            there = sorted(fs.ls(f"{inside}/{kind}", detail=False)) if fs.isdir(f"{inside}/{kind}") else []
        for path in there:
            file = PurePosixPath(path).name
            ending = next((e for e in ENDINGS if file.endswith(e)), None)
            if ending is None or file.startswith("."):
                continue
            name = f"{kind}/{file.removesuffix(ending)}"
            try:
                found[name] = _feature(f"{folder}/{kind}/{file}", name)
            except BadSource as fault:
                head, *rest = str(fault).split("\n")
                wrong.append(f"{head} {rest[0].strip(' -')}" if head.endswith(":") and rest else head)
    if wrong:
        raise BadSource(faults(f"{len(wrong)} arrays of {shown(folder)} cannot be read", wrong, "they may be damaged or half copied: fetch them again"))
    return found


def read(feature: Feature, date: int, window: Window) -> NDArray[Any]:
    """(y, x, band) of one date and window; raises BadSource that names the file."""
    rows, columns = window.slices
    try:
        return np.asarray(_date(feature, date, rows, columns))
    except (*DAMAGE, *faults_of_stores()) as error:
        raise _damaged(feature.path, error) from error


def _date(feature: Feature, date: int, rows: slice, columns: slice) -> NDArray[Any]:
    if feature.path.endswith(".zarr"):
        return np.asarray(_zarr(feature.path)[date, rows, columns])
    if feature.path.endswith(".gz") or not feature.by_rows:
        return _unpacked(feature)[date, rows, columns]
    if is_remote(feature.path):
        return _range(feature, date)[rows, columns]
    # Not by np.load: it parses the header again, which CPython 3.11 now and then fails at from several threads (SystemError).
    return np.asarray(np.memmap(feature.path, feature.dtype, "r", feature.start, feature.shape)[date, rows, columns])


def _range(feature: Feature, date: int) -> NDArray[Any]:
    """One date of a remote .npy, by its place in the file."""
    fs, inside = system(feature.path)
    size = int(np.prod(feature.shape[1:])) * feature.dtype.itemsize
    data = fs.cat_file(inside, start=feature.start + date * size, end=feature.start + (date + 1) * size)
    return np.frombuffer(data, feature.dtype).reshape(feature.shape[1:])


@lru_cache(maxsize=3)
def _unpacked(feature: Feature) -> NDArray[Any]:
    """A packed array, whole: gzip has no middle to begin from. No more is unpacked than the header promises."""
    with _opened(feature.path) as file:
        data = file.read(feature.start + feature.size)
        if file.read(1):  # at its end, gzip looks at the checksum
            raise ValueError("it holds more than its header promises")
    return np.frombuffer(data, feature.dtype, offset=feature.start).reshape(feature.shape, order="C" if feature.by_rows else "F")


def _zarr(path: str) -> Any:
    return zarr.open_array(path, mode="r")


def _opened(path: str) -> Any:
    """The file, unpacked if packed."""
    fs, inside = system(path)
    file = fs.open(inside, "rb")
    return gzip.GzipFile(fileobj=file) if path.endswith(".gz") else file


def _feature(path: str, name: str) -> Feature:
    """The header of one array; raises BadSource for a damaged one and for one that holds Python objects."""
    try:
        if path.endswith(".zarr"):
            array = _zarr(path)
            chunks.check(array, shown(path))
            return Feature(path, name, tuple(array.shape), np.dtype(array.dtype))
        with _opened(path) as file:
            shape, by_columns, dtype = _npy_header(file)
            made = Feature(path, name, shape, dtype, file.tell(), not by_columns)
    except (*DAMAGE, *faults_of_stores()) as error:
        raise _damaged(path, error) from error
    if dtype.hasobject:
        raise BadSource(f"{shown(path)} holds pickled Python objects, which are not read; needs plain numbers")
    if (path.endswith(".gz") or not made.by_rows) and made.size > LARGEST:
        raise BadSource(f"{shown(path)} holds {made.size} bytes, which are read at once; needs at most {LARGEST}: unpack it first, in rows")
    fs, inside = system(path)
    needed = made.start + made.size
    if not path.endswith(".gz") and (size := int(fs.size(inside) or 0)) < needed:
        raise BadSource(f"{shown(path)} is cut off: {size} bytes, its header promises {needed}")
    return made


def _npy_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    reader = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_columns, dtype = reader(file)
    return shape, by_columns and len(shape) > 1, dtype


def _damaged(path: str, error: Exception) -> BadSource:
    advice = shortage.advice(error, "it may be damaged or half copied: fetch it again")
    return BadSource(f"{shown(path)} cannot be read: {shown(str(error)) or type(error).__name__}\n{advice}")
