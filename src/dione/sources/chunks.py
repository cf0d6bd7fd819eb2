"""Which Zarr arrays are read: of plain numbers or texts, packed by known codecs, in chunks that fit into memory.

A codec is named by the array's own metadata. One of them (numcodecs' `pickle`) runs what it unpacks, in older versions
without being asked twice, and a chunk of a few bytes may say that it is a terabyte of zeros.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import zarr

from dione.base.errors import BadSource, faults

DAMAGE: tuple[type[Exception], ...] = (ValueError, KeyError, IndexError, RuntimeError, TypeError, AttributeError, EOFError, ArithmeticError, MemoryError)
"""What zarr, its codecs and xarray raise on a store that is damaged or foreign, beside errors of storage."""
CODECS = {
    *("bytes", "endian", "blosc", "zstd", "gzip", "zlib", "lz4", "lzma", "bz2", "crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3"),
    *("transpose", "sharding_indexed", "shuffle", "delta", "packbits", "fixedscaleoffset", "vlen-utf8"),
}
LARGEST_CHUNK = 2**29
"""Bytes, unpacked."""
ADVICE = "it is no array of imagery: write the store again, packed with zstd or blosc in chunks of some megabytes"


def check(array: zarr.Array[Any], where: str) -> None:
    """Raise BadSource, with everything that is wrong, for an array that is not read."""
    unknown = sorted({name for name in _codecs(array.metadata.to_dict()) if name.removeprefix("numcodecs.") not in CODECS})
    wrong = [f"its codec '{name}' is not known" for name in unknown]
    kind = np.dtype(array.dtype)
    if kind.kind not in "biufOTUSM" or (kind.kind == "O" and "vlen-utf8" not in set(_codecs(array.metadata.to_dict()))):
        wrong.append(f"it holds {kind}, needs numbers, texts or times")
    shape = array.shards or array.chunks
    size = int(np.prod([int(side) for side in shape], dtype=object)) * max(kind.itemsize, 1)
    if size > LARGEST_CHUNK or min(shape, default=1) < 1:
        wrong.append(f"its chunks are of {'×'.join(map(str, shape)) or 'one'} values, {size} bytes; needs at most {LARGEST_CHUNK}")
    if wrong:
        raise BadSource(faults(f"{where} is not read", wrong, ADVICE))


def _codecs(metadata: dict[str, Any]) -> Iterator[str]:
    """The names of all codecs, those inside of shards too, in either version of the format."""
    for one in (*(metadata.get("codecs") or ()), *(metadata.get("filters") or ()), metadata.get("compressor")):
        if isinstance(one, dict):
            yield str(one.get("name") or one.get("id"))
            inner = one.get("configuration")
            yield from _codecs(inner) if isinstance(inner, dict) else ()
