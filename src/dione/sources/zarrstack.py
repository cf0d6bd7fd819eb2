"""A Stack kept for later as a Zarr v3 store; what is saved and opened again is the same."""

from collections.abc import Container, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import xarray as xr
import zarr
from dask.base import get_scheduler
from fsspec import AbstractFileSystem
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from dione.base import masks, stack
from dione.base.bands import BANDS
from dione.base.errors import BadSource, CannotWrite, NotAStack, NotFound, faults
from dione.base.machine import processors, shortage
from dione.base.storage.files import PARTIAL
from dione.base.storage.folders import whole_folder
from dione.base.windows import Window
from dione.sources import chunks
from dione.sources.chunks import DAMAGE
from dione.sources.places import faults_of_stores, is_remote, listing, naming, near, shown, some, state, system, writing
from dione.sources.stacks import lazy

CHUNKS = {"time": 1, "band": len(BANDS), "y": 512, "x": 512}
DEEPEST = 6
"""Folders down to the chunks: reflectance/c/0/0/0/0."""
MOST_PLACES = 10_000_000
"""Values of a coordinate, which is read whole."""
MOST_PIXELS = 2_000_000_000
"""The same of `inside` (y, x), a byte a pixel: a square of 440 km."""
COMPLETE = "dione_complete"
"""Mark of a store in which every chunk was written, so that a missing one is a loss and not an empty place."""
ALL_WRITTEN = "every chunk was written, of coordinates too"
"""What the mark says; stores of before say less, and leave out what is all zeros or empty in their coordinates."""
PACKING = ZstdCodec(level=0, checksum=True)
"""With a checksum, so that a chunk that was damaged since is noticed."""


def open(path: str | Path) -> xr.Dataset:
    """A Stack from a Zarr store; only its metadata are read now.

    Numbers are decoded by their attributes (scale_factor, add_offset, _FillValue), as others write them. Values that are
    not possible (NaN, inf, no reflectance) count as invalid, whoever wrote them.
    Raises NotFound, NotAStack for a store that holds something else, BadSource for a damaged one.
    """
    name = str(path).rstrip("/")
    arrays = _arrays(name)
    with _damage(name):
        kept = _opened(name)
    _nothing_lost(name, arrays, kept.attrs.pop(COMPLETE, None))
    stack.check(_as_read(kept), shown(name))
    reflectance, valid = lazy.arrays(Store(name, (kept.sizes["time"], kept.sizes["y"], kept.sizes["x"])))
    coords = _coords(kept, name)
    made = (
        kept.drop_vars(list(stack.DIMS)).assign_coords(coords).assign(reflectance=(stack.DIMS["reflectance"], reflectance), valid=(stack.DIMS["valid"], valid))
    )
    made = stack.check(made.drop_encoding(), shown(name))
    made.encoding[stack.VERSIONS] = state(listing(name, depth=DEEPEST))
    return made


def load(path: str | Path) -> xr.Dataset:
    """The same in memory. What `save` wrote is read array by array, which is faster than window by window: for Stacks of some kilometres."""
    name = str(path).rstrip("/")
    arrays = _arrays(name)
    with _damage(name):
        attrs = zarr.open_group(name, mode="r").attrs.asdict()
    mark = attrs.pop(COMPLETE, None)
    if not mark:
        return open(name).load()
    kept = _kept(arrays)
    _nothing_lost(name, arrays, mark)
    _modest(name, {coord: array.shape for coord, array in arrays.items() if coord not in kept}, arrays["valid"].shape[1:])
    with _damage(name):
        read = {each: (array.metadata.to_dict().get("dimension_names") or (), np.asarray(array[...]), array.attrs.asdict()) for each, array in arrays.items()}
        pixels = {each: read.pop(each) for each in stack.DIMS}
        beside = {each: read.pop(each) for each in kept if each in read}
        made = xr.decode_cf(xr.Dataset(beside, coords=read, attrs=attrs))
    values = _usable(pixels["reflectance"][1], pixels["valid"][1])
    made = made.assign_coords({each: _plain(coord) for each, coord in made.coords.items()})
    return stack.check(made.assign({each: (stack.DIMS[each], value) for each, value in zip(pixels, values, strict=True)}).drop_encoding(), shown(name))


def save(made: xr.Dataset, path: str | Path, *, overwrite: bool = False) -> str:
    """Write a Stack as a Zarr v3 store that appears whole or not at all, and return its path.

    It is written beside its place and moved there when whole (in an object store: the root's metadata move last).
    overwrite: replace a Stack that is there; a folder of something else stays, and is an error.
    Raises NotAStack, CannotWrite.
    """
    stack.check(made)
    name = str(path).rstrip("/")
    with writing(name):
        fs, inside = system(name)
        if fs.exists(inside):
            _may_go(fs, inside, name, overwrite=overwrite)
        if is_remote(name):
            _send(made, name)
            return name
    with whole_folder(Path(inside), needs_bytes=int(sum(made[variable].nbytes for variable in _kept(made)))) as partial:
        _write(made, str(partial))
    return name


def _may_go(fs: AbstractFileSystem, inside: str, name: str, *, overwrite: bool) -> None:
    """Raise CannotWrite for what is there already, unless it may be replaced: a Stack, whole or damaged, or an empty folder; or what is half sent."""
    if half_sent(name):
        return
    if not overwrite:
        raise CannotWrite(f"{shown(name)} is there already\nchoose another name, or remove it first")
    files = {one.rsplit("/", 1)[-1] for one in fs.ls(inside, detail=False)} if fs.isdir(inside) else None
    if files is None or (files and not {"zarr.json", "reflectance"} <= files):
        found = "a file" if files is None else f"a folder that holds {some(sorted(files))}"
        raise CannotWrite(f"{shown(name)} is no Stack: found {found}; only a Stack is replaced\nchoose another name, or remove it first")


def half_sent(name: str) -> bool:
    """Whether a Stack in an object store is a part that a killed run left: what it was copied from stands beside it still. Raises BadSource."""
    if not is_remote(name):
        return False
    fs, inside = system(name)
    above, _, last = inside.rpartition("/")
    with naming(name):
        fs.invalidate_cache()
        there, beside = ([one.rsplit("/", 1)[-1] for one in fs.ls(place, detail=False)] if fs.isdir(place) else [] for place in (inside, above))
    return not {"zarr.json", "reflectance"} <= {*there} and any(one.startswith(f".{last}.") and one.endswith(PARTIAL) for one in beside)


@dataclass(frozen=True)
class Store:
    """Reads windows of a stored Stack."""

    path: str
    shape: tuple[int, int, int]

    def read(self, date: int, window: Window) -> lazy.Pixels:
        part = {"time": date, **dict(zip(("y", "x"), window.slices, strict=True))}
        try:
            with _opened(self.path) as kept:
                reflectance, valid = kept["reflectance"].isel(part).values, kept["valid"].isel(part).values
        except (*DAMAGE, *faults_of_stores()) as error:
            where = f"{shown(self.path)} cannot be read at date {date + 1}, rows {window.top} to {window.bottom}"
            advice = shortage.advice(error, "the store is damaged: fetch it again")
            raise BadSource(f"{where}: {shown(str(error)) or type(error).__name__}\n{advice}") from error
        return _usable(reflectance.astype(np.float32, copy=False), valid)


def _as_read(kept: xr.Dataset) -> xr.Dataset:
    """The same with reflectance of the type that `Store` gives it: CF attributes are decoded to float64. No pixel is read, or stands there."""
    found = kept.variables.get("reflectance")
    if found is None or found.dtype.kind != "f":
        return kept
    return kept.assign(reflectance=(found.dims, np.broadcast_to(np.float32(0), found.shape)))


def _usable(reflectance: NDArray[np.float32], valid: NDArray[np.bool_]) -> lazy.Pixels:
    """Nothing that is not finite, nothing valid that is not possible; (..., band, y, x) and (..., y, x)."""
    possible = masks.possible(reflectance, axis=-3)
    if not possible.all():
        reflectance = np.where(np.isfinite(reflectance), reflectance, np.float32(0))
    return reflectance, valid & possible


def _coords(kept: xr.Dataset, name: str) -> dict[Any, xr.DataArray]:
    """All coordinates in memory; raises BadSource."""
    _modest(name, {str(coord): kept[coord].shape for coord in kept.coords}, kept["valid"].shape[1:])
    with _damage(name):
        return {coord: _plain(kept[coord].load()) for coord in kept.coords}


def _modest(name: str, shapes: Mapping[str, tuple[int, ...]], grid: tuple[int, ...]) -> None:
    """Raise BadSource for coordinates that are too large to be read whole; `inside` may be as large as the grid."""
    most = {coord: MOST_PIXELS if (coord, shape) == ("inside", grid) else MOST_PLACES for coord, shape in shapes.items()}
    large = [f"'{coord}' has {prod(shape)} values, needs at most {most[coord]}" for coord, shape in shapes.items() if prod(shape) > most[coord]]
    if large:
        raise BadSource(faults(f"{shown(name)} is no Stack", large, "its coordinates are read whole: write it again with `dione fetch`"))


def _plain(coord: xr.DataArray) -> xr.DataArray:
    """A coordinate in memory; words as numpy keeps them, whatever string type the store has."""
    return coord.copy(data=coord.values.astype(object).astype(str)) if coord.dtype.kind in "OT" else coord


def _opened(path: str) -> xr.Dataset:
    return xr.open_dataset(path, engine="zarr", chunks=None, cache=False, consolidated=False)


def _arrays(name: str) -> dict[str, "zarr.Array[Any]"]:
    """What stands in the store, of which nothing was read yet; raises NotFound, NotAStack, BadSource."""
    fs, inside = system(name)
    with naming(name):
        if not fs.exists(inside):
            raise NotFound(f"nothing found at {shown(name)}{near(name)}")
        files = [one.rsplit("/", 1)[-1] for one in fs.ls(inside, detail=False)] if fs.isdir(inside) else []
    if not {"zarr.json", ".zgroup"} & set(files):
        found = f"a folder that holds {some(sorted(files))}" if files else "an empty folder" if fs.isdir(inside) else "a file"
        raise NotAStack(f"{shown(name)} is no Zarr store: found {found}; needs a zarr.json\nit may be half copied: write it again with `dione fetch`")
    with _damage(name):
        # By its whole path: zarr takes every "c/" out of the names of chunks below a store that is called "c".
        arrays = dict(zarr.open_group(name if is_remote(name) else inside, mode="r").arrays())
        for variable, array in arrays.items():
            chunks.check(array, f"{shown(name)}: '{variable}'")
    return arrays


@contextmanager
def _damage(name: str) -> Iterator[None]:
    """What zarr and xarray raise on a store that is damaged or foreign, as BadSource."""
    try:
        yield
    except (*DAMAGE, *faults_of_stores()) as error:
        why = shown(str(error)) or type(error).__name__
        advice = shortage.advice(error, "it is damaged or no Stack: write it again with `dione fetch`")
        raise BadSource(f"{shown(name)} cannot be read as a Zarr store: {why}\n{advice}") from error


def _nothing_lost(name: str, arrays: Mapping[str, "zarr.Array[Any]"], mark: object) -> None:
    """Raise BadSource when chunks that were written, as the mark tells, are missing: zarr would read them as zeros without a word."""
    written = arrays if mark == ALL_WRITTEN else _kept(arrays) if mark else []
    with _damage(name):
        lost = {variable: (arrays[variable].nchunks - arrays[variable].nchunks_initialized, arrays[variable].nchunks) for variable in written}
    told = [f"{missing} of {all_} chunks of '{variable}'" for variable, (missing, all_) in lost.items() if missing]
    if told:
        raise BadSource(f"{shown(name)} has lost {' and '.join(told)}\nit was half copied or half removed: fetch it again")


def _kept(made: Container[Any]) -> list[str]:
    """The variables that are kept: a Stack's own, and what a result has beside them."""
    return [name for name in (*stack.DIMS, "sigma", "support", "seen") if name in made]


def _write(made: xr.Dataset, partial: str) -> None:
    words = {name: (coord.dims, coord.values.astype(object), coord.attrs) for name, coord in made.coords.items() if coord.dtype.kind in "UT"}
    made = made[_kept(made)].drop_attrs(deep=False).assign_attrs({key: note for key, note in made.attrs.items() if key != "identity"})
    plain = made.drop_encoding().chunk(CHUNKS).assign_coords(words).assign_attrs({COMPLETE: ALL_WRITTEN})
    encoding: dict[Any, Any] = {name: {"compressors": (PACKING,), "write_empty_chunks": True} for name in plain.variables}
    for pixels in plain.data_vars:
        encoding[pixels] |= {"chunks": tuple(min(CHUNKS[str(dim)], plain.sizes[dim]) for dim in plain[pixels].dims), "_FillValue": None}
    pixels_to_come = plain.to_zarr(partial, mode="a", zarr_format=3, consolidated=False, encoding=encoding, compute=False)
    if get_scheduler():  # somebody's own: a cluster, say
        pixels_to_come.compute()
        return
    with ThreadPoolExecutor(processors.count()) as threads:  # where one chunk fails, dask would leave those at work on the others behind
        pixels_to_come.compute(scheduler="threads", pool=threads)


def _send(made: xr.Dataset, name: str) -> None:
    """Into an object store: written beside its place and copied there, the root's metadata last."""
    beside, _, last = name.rpartition("/")
    partial = f"{beside}/.{last}.{uuid4().hex[:8]}{PARTIAL}"
    fs, inside = system(name)
    _, source = system(partial)
    try:
        _write(made, partial)
        if fs.exists(inside):
            fs.rm(inside, recursive=True)
        for file in sorted(fs.find(source), key=lambda file: file == f"{source}/zarr.json"):
            fs.copy(file, inside + file[len(source) :])
    finally:
        fs.invalidate_cache()
        if fs.exists(source):
            fs.rm(source, recursive=True)
