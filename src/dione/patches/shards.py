"""Patches on their way to disk, as they are stored: one shard is filled while the one before is packed and written.

patches ──add──▶ [ filling ]                Two shards of pixels are held, however many patches come.
                      ⇅ when full
                 [ flushing ]──append──▶ pixels.zarr
"""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, Crc32cCodec

from dione.base.errors import BadSource
from dione.patches.location import PIXELS, Location
from dione.sources.places import writing

PER_UNIT = 10_000
SHARD, SHARD_BYTES = 1024, 32 * 2**20
"""A shard holds at most so many patches, and at most so many bytes of them."""
CHUNK = 64
PACKING = (BloscCodec(cname="lz4", clevel=1, shuffle="bitshuffle"), Crc32cCodec())
"""A third of the time of plain zstd for a tenth more space: noise does not pack, and the high bits of neighbours are alike.
Blosc does not notice a byte that is another; the checksum does."""
EVERY_CHUNK: Any = {"write_empty_chunks": True}
"""To look whether a chunk holds nothing but zeros takes longer than to pack it."""


@dataclass(frozen=True)
class Patch:
    """One row of a store."""

    lr: NDArray[np.float32]
    """(date, band, y, x) reflectance, the target first."""
    valid: NDArray[np.bool_]
    hr: NDArray[np.float32]
    """(band, zoom·y, zoom·x) reflectance of the target."""
    facts: dict[str, Any]
    """Its row of the index."""


def append(place: Location, patches: Iterator[Patch], *, exact: bool) -> tuple[pa.Table, int, str]:
    """Write all patches to the arrays of a store, in their order; their index, the zoom, and a hash of all pixels. Raises BadSource for no patch, CannotWrite."""
    first = next(patches, None)
    if first is None:
        raise BadSource("no patch was made: found no ground without missing pixels\nlook at the scenes' nodata, or use larger scenes")
    filling, flushed = Shard.like(first, exact), Shard.like(first, exact)
    arrays, parts = Arrays.at(place, filling), list[pa.Table]()
    waiting: list[Future[pa.Table]] = []
    with ThreadPoolExecutor(1, thread_name_prefix="shards") as behind:
        for patch in chain([first], patches):
            filling.add(patch)
            if filling.full:
                parts += [one.result() for one in waiting]
                waiting = [behind.submit(filling.flush, arrays)]
                filling, flushed = flushed, filling
        parts += [one.result() for one in waiting]
    parts += [filling.flush(arrays)] if filling.facts else []
    return pa.concat_tables(parts, promote_options="permissive"), filling.zoom, arrays.hash.hexdigest()


@dataclass(frozen=True)
class Arrays:
    """The arrays of a store that is being written."""

    address: str
    by_name: Mapping[str, "zarr.Array[Any]"]
    hash: Any = field(default_factory=hashlib.sha256)
    """Of what was written so far."""

    @classmethod
    def at(cls, place: Location, shard: "Shard") -> "Arrays":
        """Empty ones, for shards of this form. Raises CannotWrite."""
        made = {}
        with writing(place.address):
            group = place.group(PIXELS, append=True)
            for name, values in shard.arrays.items():
                form: dict[str, Any] = {"shape": (0, *values.shape[1:]), "chunks": (CHUNK, *values.shape[1:]), "shards": values.shape}
                made[name] = group.create_array(name, dtype=values.dtype, compressors=PACKING, config=EVERY_CHUNK, **form)
        return cls(place.address, made)


@dataclass
class Shard:
    """Patches on their way to disk, as they are stored: at most SHARD, and no more than SHARD_BYTES of them."""

    arrays: dict[str, NDArray[Any]]
    """(row, …)"""
    exact: bool
    facts: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def like(cls, patch: Patch, exact: bool) -> "Shard":
        """Room for patches of this form."""
        number = np.dtype(np.float32 if exact else np.uint16)
        forms = {"lr": (patch.lr.shape, number), "valid": (patch.valid.shape, np.dtype(bool)), "hr": (patch.hr.shape, number)}
        bytes_ = sum(int(np.prod(shape)) * kind.itemsize for shape, kind in forms.values())
        rows = int(np.clip(SHARD_BYTES // bytes_ // CHUNK * CHUNK, CHUNK, SHARD))
        return cls({name: np.zeros((rows, *shape), kind) for name, (shape, kind) in forms.items()}, exact)

    @property
    def rows(self) -> int:
        return len(self.arrays["lr"])

    @property
    def zoom(self) -> int:
        return int(self.arrays["hr"].shape[-1] // self.arrays["lr"].shape[-1])

    @property
    def full(self) -> bool:
        return len(self.facts) == self.rows

    def add(self, patch: Patch) -> None:
        """Hold one more. Raises BadSource for a truth that is not known everywhere, or an input that is not where it says so: nothing could be learned or scored."""
        at = len(self.facts)
        known = {"truth": np.isfinite(patch.hr), "input, where it was seen clear,": np.isfinite(patch.lr).all(1) | ~patch.valid}
        for what, finite in known.items():
            if unknown := int(np.count_nonzero(~finite)):
                where = f"{patch.facts.get('site', '')} {patch.facts.get('place', '')}".strip()
                raise BadSource(f"the {what} of a patch of {where or 'nowhere'} has {unknown} values that are not finite\ncut patches where all of it is known")
        self.arrays["lr"][at], self.arrays["hr"][at] = numbers(patch.lr, self.exact), numbers(patch.hr, self.exact)
        self.arrays["valid"][at] = patch.valid
        self.facts.append(patch.facts)

    def flush(self, arrays: Arrays) -> pa.Table:
        """Append what is held to the arrays of a store; returns its part of the index. Raises CannotWrite."""
        with writing(arrays.address):
            for name, values in self.arrays.items():
                array = arrays.by_name[name]
                start = array.shape[0]
                array.resize((start + len(self.facts), *values.shape[1:]))
                array[start:] = values[: len(self.facts)]
                arrays.hash.update(values[: len(self.facts)])
        part = pa.Table.from_pylist(self.facts)
        self.facts = []
        return part


def numbers(reflectance: NDArray[np.float32], exact: bool) -> NDArray[Any]:
    """What is stored of it."""
    if exact:
        number = reflectance.astype(np.float64) * PER_UNIT
        nearest = np.round(number)
        same = (nearest / PER_UNIT).astype(np.float32) == reflectance  # what was a whole number stays one
        return np.where(same, nearest, number).astype(np.float32)
    whole = reflectance * np.float32(PER_UNIT)
    np.rint(whole, out=whole)
    return np.clip(whole, 0, 65535, out=whole).astype(np.uint16)
