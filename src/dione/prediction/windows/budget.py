"""How large a window is: a small one spends its time on the margin around it, a large one costs memory."""

from math import ceil, lcm

import torch

from dione.base.errors import DioneError
from dione.base.machine import processors
from dione.base.machine.memory import memory_bytes
from dione.nets.resolver import Resolver
from dione.prediction.files.mosaic import TILE_PX
from dione.prediction.windows.engine import Engine, Precision

MEMORY_BYTES = 0.75e9
"""What a window may take. Two of them, all else, and the holes between are below 4 GB; the same on every machine, so that a run can go on anywhere."""
BESIDE_BYTES = 2.1e9
"""What a process holds besides its windows: libraries, open files, windows being read and written, and holes not worth giving back, for they have to be had again."""
PIXEL_BYTES = 2_200
DATE_BYTES: dict[Precision, int] = {"bfloat16": 110, "float32": 280}
"""Of a pixel and of each of its dates, as measured with setsr-s (benchmarks/prediction.py)."""
SHARE = 0.5
"""Of a machine's memory that windows may take together."""
UNEVEN = 0.2
"""How much larger than an even share a window may be for the sake of the file's tiles; the last window is smaller for it, and a core may wait."""
STEP_PX, SMALLEST_PX, LARGEST_PX = 32, 64, 1024


def window_bytes(side_px: int, *, views: int, precision: Precision) -> float:
    """Memory that a window of side × side input pixels takes, its margin counted in."""
    return (PIXEL_BYTES + DATE_BYTES[precision] * views) * float(side_px) ** 2


def held_bytes(side_px: int, *, at_once: int, views: int, precision: Precision) -> float:
    """Memory that a process has use for with so many windows at a time; what it holds above that are holes."""
    return BESIDE_BYTES + at_once * window_bytes(side_px, views=views, precision=precision)


def block_px(shape: tuple[int, int], resolver: Resolver, *, views: int, precision: Precision) -> int:
    """Side of a window, input pixels without its margin: as large as MEMORY_BYTES is enough for, and so that a scene of `shape` divides evenly.

    If that is nearly even, one whose half is whole tiles of the file, which are then copied when it is joined.
    """
    outer = (MEMORY_BYTES / window_bytes(1, views=views, precision=precision)) ** 0.5
    largest = min(max(int(outer - 2 * resolver.margin), SMALLEST_PX), LARGEST_PX) // STEP_PX * STEP_PX
    each = max(shape) / ceil(max(shape) / largest)
    step = lcm(2 * TILE_PX, resolver.zoom) // resolver.zoom
    halved = ceil(each / step) * step
    return halved if halved <= min(largest, (1 + UNEVEN) * each) else ceil(each / STEP_PX) * STEP_PX


def at_once(windows: int, block: int, engine: Engine, resolver: Resolver, *, views: int) -> int:
    """How many windows to work on at a time: one a core where memory suffices; on a GPU one."""
    if engine.device != "cpu":
        return 1
    each = window_bytes(block + 2 * resolver.margin, views=views, precision=engine.precision)
    fits = int(SHARE * (memory_bytes() or 0) / each)
    return max(min(threads(), windows, fits), 1)


def threads() -> int:
    """What the network may work on at a time: torch's threads, as far as there are processors for them."""
    return min(torch.get_num_threads(), processors.count())


def check(block: int, shape: tuple[int, int], resolver: Resolver, *, views: int, precision: Precision) -> None:
    """Raise DioneError for a block that this machine's memory is too small for, with one that would fit."""
    outer = min(block + 2 * resolver.margin, max(shape))
    here, needed = memory_bytes(), window_bytes(outer, views=views, precision=precision)
    if here is not None and needed > here:
        fits = max(int((here / 2 / window_bytes(1, views=views, precision=precision)) ** 0.5 - 2 * resolver.margin) // STEP_PX * STEP_PX, SMALLEST_PX)
        raise DioneError(
            f"a block of {block} px needs about {needed / 1e9:.0f} GB with {views} dates; this machine has {here / 1e9:.0f} GB\n"
            f"take --block {fits}, or leave it out"
        )
