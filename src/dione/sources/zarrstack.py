"""A Stack kept for later as a Zarr v3 store; what is saved and opened again is the same."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from dione.base import masks, stack
from dione.base.bands import BANDS
from dione.base.errors import BadSource, CannotWrite, NotAStack, NotFound, faults
from dione.base.files import PARTIAL
from dione.base.folders import whole_folder
from dione.base.windows import Window
from dione.sources import chunks, lazy
from dione.sources.chunks import DAMAGE
from dione.sources.places import faults_of_stores, is_remote, naming, near, shown, some, system, writing

CHUNKS = {"time": 1, "band": len(BANDS), "y": 512, "x": 512}
MOST_PLACES = 10_000_000
"""Values of a coordinate, which is read whole."""
COMPLETE = "dione_complete"
"""Mark of a store in which every chunk was written, so that a missing one is a loss and not an empty place."""
PACKING = ZstdCodec(level=0, checksum=True)
"""With a checksum, so that a chunk that was damaged since is noticed."""


def open(path: str | Path) -> xr.Dataset:
    """A Stack from a Zarr store; only its metadata are read now.

    Values that are not possible (NaN, inf, no reflectance) count as invalid, whoever wrote them.
    Raises NotFound, NotAStack for a store that holds something else, BadSource for a damaged one.
    """
    name = str(path).rstrip("/")
    kept = _dataset(name)
    stack.check(kept, shown(name))
    if kept.attrs.pop(COMPLETE, None):
        _nothing_lost(name, _kept(kept))
    reflectance, valid = lazy.arrays(Store(name, (kept.sizes["time"], kept.sizes["y"], kept.sizes["x"])))
    coords = _coords(kept, name)
    made = (
        kept.drop_vars(list(stack.DIMS)).assign_coords(coords).assign(reflectance=(stack.DIMS["reflectance"], reflectance), valid=(stack.DIMS["valid"], valid))
    )
    return stack.check(made.drop_encoding(), shown(name))


def load(path: str | Path) -> xr.Dataset:
    """The same in memory, each array read at once: five times as fast as window by window, for Stacks of some kilometres."""
    opened, name = open(path), str(path).rstrip("/")
    try:
        group = zarr.open_group(name, mode="r", zarr_format=3)
        reflectance, valid = (np.asarray(cast("zarr.Array[Any]", group[variable])[:]) for variable in stack.DIMS)
    except (*DAMAGE, *faults_of_stores()) as error:
        raise BadSource(f"{shown(name)} cannot be read: {shown(str(error)) or type(error).__name__}\nthe store is damaged: fetch it again") from error
    pixels = _usable(reflectance, valid)
    return opened.assign({variable: (dims, values) for (variable, dims), values in zip(stack.DIMS.items(), pixels, strict=True)})


def save(made: xr.Dataset, path: str | Path, *, overwrite: bool = False) -> str:
    """Write a Stack as a Zarr v3 store that appears whole or not at all, and return its path.

    It is written beside its place and moved there when whole (in an object store: the root's metadata move last).
    Raises NotAStack, CannotWrite.
    """
    stack.check(made)
    name = str(path).rstrip("/")
    with writing(name):
        fs, inside = system(name)
        if fs.exists(inside) and not overwrite:
            raise CannotWrite(f"{shown(name)} is there already\nchoose another name, or remove it first")
        if is_remote(name):
            _send(made, name)
            return name
    with whole_folder(Path(inside), needs_bytes=int(sum(made[variable].nbytes for variable in _kept(made)))) as partial:
        _write(made, str(partial))
    return name


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
            raise BadSource(f"{where}: {shown(str(error)) or type(error).__name__}\nthe store is damaged: fetch it again") from error
        return _usable(reflectance, valid)


def _usable(reflectance: NDArray[np.float32], valid: NDArray[np.bool_]) -> lazy.Pixels:
    """Nothing that is not finite, nothing valid that is not possible; (..., band, y, x) and (..., y, x)."""
    possible = masks.possible(reflectance, axis=-3)
    if not possible.all():
        reflectance = np.where(np.isfinite(reflectance), reflectance, np.float32(0))
    return reflectance, valid & possible


def _coords(kept: xr.Dataset, name: str) -> dict[Any, xr.DataArray]:
    """All coordinates in memory; raises BadSource."""
    large = [f"'{coord}' has {kept[coord].size} values" for coord in kept.coords if kept[coord].size > MOST_PLACES]
    if large:
        raise BadSource(faults(f"{shown(name)} is no Stack", large, f"needs coordinates of at most {MOST_PLACES} values"))
    try:
        return {coord: _plain(kept[coord].load()) for coord in kept.coords}
    except (*DAMAGE, *faults_of_stores()) as error:
        raise BadSource(f"{shown(name)} cannot be read: {shown(str(error)) or type(error).__name__}\nthe store is damaged: fetch it again") from error


def _plain(coord: xr.DataArray) -> xr.DataArray:
    """A coordinate in memory; words as numpy keeps them, whatever string type the store has."""
    return coord.copy(data=np.array([str(word) for word in coord.values])) if coord.dtype.kind in "OT" else coord


def _opened(path: str) -> xr.Dataset:
    return xr.open_dataset(path, engine="zarr", chunks=None, cache=False, consolidated=False)


def _dataset(name: str) -> xr.Dataset:
    """The store as xarray opens it; raises NotFound, NotAStack, BadSource."""
    fs, inside = system(name)
    with naming(name):
        if not fs.exists(inside):
            raise NotFound(f"nothing found at {shown(name)}{near(name)}")
        files = [one.rsplit("/", 1)[-1] for one in fs.ls(inside, detail=False)] if fs.isdir(inside) else []
    if not {"zarr.json", ".zgroup"} & set(files):
        found = f"a folder that holds {some(sorted(files))}" if files else "an empty folder" if fs.isdir(inside) else "a file"
        raise NotAStack(f"{shown(name)} is no Zarr store: found {found}; needs a zarr.json\nit may be half copied: write it again with `dione fetch`")
    try:
        for variable, array in zarr.open_group(name, mode="r").arrays():
            chunks.check(array, f"{shown(name)}: '{variable}'")
        return _opened(name)
    except (*DAMAGE, *faults_of_stores()) as error:
        why = shown(str(error)) or type(error).__name__
        raise BadSource(f"{shown(name)} cannot be read as a Zarr store: {why}\nit is damaged or no Stack: write it again with `dione fetch`") from error


def _nothing_lost(name: str, variables: list[str]) -> None:
    """Raise BadSource when chunks of these are missing: zarr would read them as zeros without a word."""
    lost = []
    try:
        group = zarr.open_group(name, mode="r", zarr_format=3)
        for variable in variables:
            array = group[variable]
            if isinstance(array, zarr.Array) and array.nchunks_initialized < array.nchunks:
                lost.append(f"{array.nchunks - array.nchunks_initialized} of {array.nchunks} chunks of '{variable}'")
    except (*DAMAGE, *faults_of_stores()) as error:
        raise BadSource(f"{shown(name)} cannot be read: {shown(str(error))}") from error
    if lost:
        raise BadSource(f"{shown(name)} has lost {' and '.join(lost)}\nit was half copied or half removed: fetch it again")


def _kept(made: xr.Dataset) -> list[str]:
    """The variables that are kept: a Stack's own, and what a result has beside them."""
    return [name for name in (*stack.DIMS, "sigma", "support") if name in made]


def _write(made: xr.Dataset, partial: str) -> None:
    words = {name: (coord.dims, coord.values.astype(object), coord.attrs) for name, coord in made.coords.items() if coord.dtype.kind in "UT"}
    made = made[_kept(made)].assign_attrs({key: note for key, note in made.attrs.items() if key != "identity"})
    plain = made.drop_encoding().chunk(CHUNKS).assign_coords(words).assign_attrs({COMPLETE: "every chunk was written"})
    encoding: dict[Any, Any] = {
        name: {"chunks": tuple(min(CHUNKS[str(dim)], plain.sizes[dim]) for dim in plain[name].dims), "write_empty_chunks": True, "_FillValue": None}
        for name in plain.data_vars
    }
    for packed in plain.variables:
        encoding.setdefault(packed, {})["compressors"] = (PACKING,)
    plain.to_zarr(partial, mode="w", zarr_format=3, consolidated=False, encoding=encoding)


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
