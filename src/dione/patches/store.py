"""The patch store: pixels written once as Zarr v3 shards, facts about them as a Parquet index, one row a patch.

    STORE/pixels.zarr   lr (patch, date, band, y, x), valid (patch, date, y, x) bool, hr (patch, band, y, x)
    STORE/index.parquet site, place, sensor, split, clear, ...; later steps add columns, never pixels; `kept` says which count
    STORE/about.json    zoom, bands, a hash of the pixels, and what made it; written last: without it there is no store

STORE is a folder or a place in an object store (`dione.patches.location`).
Reflectance is stored × 10000: as whole numbers, uint16, or as they are, float32, where a store is made of values that
were no whole numbers and have to come out again as they went in. Either way a reader divides by PER_UNIT.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dione.base.bands import BANDS
from dione.base.errors import BadSource, CannotWrite, NotFound, faults
from dione.base.storage import documents
from dione.patches import pixels, shards
from dione.patches.location import PIXELS, Location
from dione.patches.pixels import Pixels
from dione.patches.shards import PER_UNIT as PER_UNIT
from dione.patches.shards import SHARD, Patch
from dione.sources.carrying import alone_at

AXES = {"lr": 5, "valid": 4, "hr": 4}
FACTS = ("site", "place", "sensor", "split")
"""Columns that every index has."""
INDEX, ABOUT = "index.parquet", "about.json"
PARTS = (INDEX, ABOUT, PIXELS)
"""Without which a store is none."""
HASH = "pixels"
"""Of all pixels, in what the store says of itself."""


def write(
    path: str | Path, patches: Iterator[Patch], about: dict[str, Any], *, exact: bool = False, tables: Mapping[str, pa.Table] = MappingProxyType({})
) -> int:
    """Write patches as they come, a shard at a time; returns how many. The store appears when it is whole.

    tables: what else stands in it, by file name. exact: keep values as float32, unrounded and unbounded; whole numbers from 0 to 65535 otherwise. Memory does not grow
    with the number of patches: two shards of pixels, and the index as Arrow holds it.
    """
    with Location.of(path).filled(ABOUT) as partial:
        index = _filled(partial, patches, about, exact, tables)
    return int(index.num_rows)


def _filled(partial: Location, patches: Iterator[Patch], about: dict[str, Any], exact: bool, tables: Mapping[str, pa.Table]) -> pa.Table:
    """The store at an empty place; its index."""
    index, zoom, digest = shards.append(partial, patches, exact=exact)
    for name, table in {INDEX: index, **tables}.items():
        partial.write_table(name, table)
    facts = {"bands": list(BANDS), "zoom": zoom, "patches": index.num_rows, "numbers": "float32" if exact else "uint16", HASH: digest, **about}
    partial.write(ABOUT, _noted(facts))
    return index


@dataclass(frozen=True)
class Store:
    """A store opened for reading; pixels stay on disk until asked for."""

    path: Location
    about: dict[str, Any]
    index: pa.Table
    lr: Pixels
    valid: Pixels
    hr: Pixels

    @property
    def digest(self) -> str:
        """Of what made it, of its index, and of its pixels as they were written."""
        made = hashlib.sha256(json.dumps(self.about, sort_keys=True).encode())
        packed = pa.BufferOutputStream()
        with pa.ipc.new_stream(packed, self.index.schema) as stream:
            stream.write_table(self.index.combine_chunks())
        made.update(packed.getvalue())
        return made.hexdigest()[:16]

    def spans(self) -> Iterator[slice]:
        """The rows of each shard: reading by these, every shard is read once."""
        step = int((self.lr.shards or (SHARD,))[0])
        yield from (slice(start, min(start + step, self.index.num_rows)) for start in range(0, self.index.num_rows, step))

    def rows(self, **equal: str) -> NDArray[np.int64]:
        """Patches whose columns have these values: `store.rows(split="train")`; without those that curation did not keep."""
        curated = "kept" in self.index.column_names
        keep = np.array(self.index["kept"].to_pylist(), bool) if curated else np.ones(self.index.num_rows, bool)
        for column, value in equal.items():
            keep &= np.array(self.index[column].to_pylist()) == value
        return np.flatnonzero(keep)


def is_store(path: str | Path | Location) -> bool:
    """Whether a whole store is there, rather than a series or an archive."""
    return not str(path).startswith(("stac:", "sentinelhub:")) and Location.of(path).has(ABOUT)


def read(path: str | Path | Location) -> Store:
    """Open a store; raises NotFound or BadSource."""
    place = Location.of(path)
    if not is_store(place):
        half = ", which is only half written: make it again" if place.has_folder(PIXELS) else "\nmake one with `dione dataset simulate` or `build`"
        raise NotFound(f"{place} is not a patch store: no {ABOUT} in it{half}")
    arrays = pixels.opened(place, PIXELS, tuple(AXES))
    index = place.table(INDEX, "index of patches", pixels.ADVICE)
    about = _about(place)
    wrong = [f"'{name}' has {len(arrays[name].shape)} axes, needs {axes}" for name, axes in AXES.items() if len(arrays[name].shape) != axes]
    if not wrong:
        lengths = {name: len(array) for name, array in arrays.items()} | {"index": index.num_rows}
        wrong = [f"parts of different length: {lengths}"] if len(set(lengths.values())) > 1 else _shapes(arrays) or _said(about, arrays)
    wrong += _columns(index)
    if wrong:
        raise BadSource(faults(f"{place} does not fit together", wrong, pixels.ADVICE))
    return Store(place, about, index, **arrays)


def _about(place: Location) -> dict[str, Any]:
    path = f"{place}/{ABOUT}"
    try:
        found = documents.json_of(place.read(ABOUT))
    except ValueError as error:
        raise BadSource(f"{path} cannot be read: {error}\n{pixels.ADVICE}") from error
    if not isinstance(found, dict):
        raise BadSource(f"{path} holds a {type(found).__name__}, needs what made the store\n{pixels.ADVICE}")
    return found


def _shapes(arrays: dict[str, Pixels]) -> list[str]:
    """What does not fit between the three arrays, and values that are no pixels."""
    lr, valid, hr = (arrays[name] for name in ("lr", "valid", "hr"))
    wrong = []
    if valid.shape != lr.shape[:2] + lr.shape[3:] or lr.shape[2] != hr.shape[1] or 0 in lr.shape[1:]:
        wrong.append(f"'lr' is {lr.shape}, 'valid' {valid.shape} and 'hr' {hr.shape}")
    elif any(fine % coarse for fine, coarse in zip(hr.shape[2:], lr.shape[3:], strict=True)):
        wrong.append(f"'hr' of {hr.shape[2:]} px is no whole multiple of 'lr' of {lr.shape[3:]} px")
    kinds = {"lr": "uf", "hr": "uf", "valid": "b"}
    return wrong + [f"'{name}' holds {array.dtype}" for name, array in arrays.items() if array.dtype.kind not in kinds[name]]


def _said(about: Mapping[str, Any], arrays: Mapping[str, Pixels]) -> list[str]:
    """Where the pixels are not as the store says of itself."""
    zoom, bands, lr, hr = about.get("zoom"), about.get("bands"), arrays["lr"].shape, arrays["hr"].shape
    wrong = []
    if type(zoom) is not int or hr[2:] != tuple(zoom * side for side in lr[3:]):
        wrong.append(f"{ABOUT} says that zoom is {zoom!r:.40}; 'lr' has {lr[3:]} px and 'hr' {hr[2:]}")
    if not isinstance(bands, list) or len(bands) != lr[2] or not all(isinstance(band, str) for band in bands):
        wrong.append(f"{ABOUT} says that bands are {bands!r:.80}; the pixels have {lr[2]}")
    return wrong


def _columns(index: pa.Table) -> list[str]:
    """What the index lacks of FACTS, or holds in another form than everything reads it in."""
    names = index.column_names
    wrong = [f"the index has no column '{name}'" for name in FACTS if name not in names]
    for name in [] if wrong else (*FACTS, *(["kept"] if "kept" in names else [])):
        kind, empty = index[name].type, index[name].null_count
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        text = any(is_(kind) for is_ in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))
        if empty or not (pa.types.is_boolean(kind) if name == "kept" else text):
            told = f"{kind}{f', {empty} of them nothing' if empty else ''}"
            wrong.append(f"the index's column '{name}' holds {told}; needed {'yes or no' if name == 'kept' else 'text'} for every patch")
    return wrong


def add(opened: Store, columns: Mapping[str, pa.Array], **facts: Any) -> None:
    """Add columns to the index, in place of those of the same name, and facts to what the store says of itself.

    Added to what stands there now: another step may have added its own since the store was opened. What was said of columns under
    the same names is taken back first, so that a run that is killed leaves nothing said of others. Raises CannotWrite, also where
    the store was made anew since, or another run is adding at this moment.
    """
    with alone_at(opened.path.address):
        now = read(opened.path)
        if (now.index.num_rows, now.about.get(HASH)) != (opened.index.num_rows, opened.about.get(HASH)):
            raise CannotWrite(f"{opened.path} was made anew meanwhile\nrun the same command again")
        table, about = now.index, {name: value for name, value in now.about.items() if name not in facts}
        for name, values in columns.items():
            table = _with_column(table, name, values)
        opened.path.write(ABOUT, _noted(about))
        opened.path.write_table(INDEX, table)
        opened.path.write(ABOUT, _noted(about | facts))


def _noted(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, indent=1).encode()


def _with_column(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """`table` with this column, in place of one of that name."""
    if name in table.column_names:
        return table.set_column(table.column_names.index(name), name, values)
    return table.append_column(name, values)
