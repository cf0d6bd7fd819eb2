"""Memory that is used again instead of being given back.

A network takes the same large tensors at every window. The C library of most Linux systems gives each of them back to
the system after use and has it zeroed and mapped anew at the next: up to half of the time of a prediction.
"""

import ctypes
import os
import sys
from functools import cache
from pathlib import Path

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8
"""Of glibc's mallopt(3)."""
NEVER = 2**31 - 1
LARGEST = 2**30


@cache
def keep_memory() -> bool:
    """Have the C library keep what was freed, for the rest of this process; False where it is not glibc and nothing changed."""
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None)
    if not (hasattr(library, "gnu_get_libc_version") and hasattr(library, "mallopt")):
        return False
    # One arena: only the main one can keep large blocks, and a worker's thread has to have them too.
    return all(library.mallopt(option, value) for option, value in ((MMAP_THRESHOLD, LARGEST), (TRIM_THRESHOLD, NEVER), (ARENA_MAX, 1)))


def give_back() -> None:
    """Give the system what is kept and not in use: after the last window, for what comes then takes other sizes and would be had beside it."""
    if keep_memory.cache_info().currsize and keep_memory():
        ctypes.CDLL(None).malloc_trim(0)


def give_back_above(held_bytes: float) -> None:
    """Give back what is not in use once the process holds more than this: between tensors of many sizes holes grow that none of them fits."""
    if keep_memory.cache_info().currsize and keep_memory() and resident_bytes() > held_bytes:
        give_back()


def resident_bytes() -> int:
    """Memory that this process holds, as Linux counts it; zero where it does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
