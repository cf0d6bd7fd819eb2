"""How much memory there is: the machine's, or the part of it that this process may take (a container, a job of SLURM)."""

import os
from collections.abc import Iterator

from dione.base.machine.cgroups import groups, words

LIMITS = {1: "memory.limit_in_bytes", 2: "memory.max"}
"""The file of a group, by version. No limit is "max" in version 2, a number beyond all memory in version 1."""

WANTING = ("out of memory", "can't allocate memory", "not enough memory")
"""What PyTorch says on a GPU, on Linux and on Windows."""


def memory_bytes() -> int | None:
    """The least of what the machine has and every group allows; None if nobody says."""
    told = [found for found in (_machine(), *_allowed()) if found is not None]
    return min(told) if told else None


def wanting(error: BaseException) -> bool:
    """Whether an error says that memory does not suffice, a GPU's or the machine's."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in WANTING)


def _machine() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _allowed() -> Iterator[int]:
    for version, group in groups("memory"):
        yield from (int(word) for word in words(group / LIMITS[version]) if word.isdigit())


GDAL_CACHE_MB = 128
"""Decoded tiles that GDAL may keep, of all files; its own choice is 5 % of the machine's memory."""


def tell_gdal() -> None:
    """Have GDAL keep no more, unless GDAL_CACHEMAX says otherwise; before it reads its first tile."""
    os.environ.setdefault("GDAL_CACHEMAX", str(GDAL_CACHE_MB))
