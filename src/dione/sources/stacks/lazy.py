"""Pixels that are read when asked for: a decoder behind two lazy arrays, `reflectance` and `valid`.

A decoder reads one window of one date. xarray adds up slices of slices, so only the pixels that are wanted in the end
are read. Both arrays ask for the same windows, and the last few are kept: a window of a file is decoded once.
(dask arrays would read whole chunks as soon as a slice is sliced again; `stack.chunk()` makes them where they help.)
"""

import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any, Literal, Protocol, runtime_checkable
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core.indexing import ExplicitIndexer, IndexingSupport, LazilyIndexedArray, explicit_indexing_adapter

from dione.base.bands import BANDS
from dione.base.windows import Window

KEPT_BYTES = 96_000_000
READERS = 8
"""Dates read at a time; in an object store most of the time is waiting."""

Pixels = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""reflectance (band, y, x) and valid (y, x) of one date and window."""


@runtime_checkable
class Decoder(Protocol):
    """Something that can read a window of a date; must survive pickling and be usable from many threads."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Dates, rows, columns."""

    def read(self, date: int, window: Window) -> Pixels: ...


def arrays(decoder: Decoder, *, bands: int = len(BANDS)) -> tuple[LazilyIndexedArray, LazilyIndexedArray]:
    """`reflectance` (time, band, y, x) float32 and `valid` (time, y, x) bool for an xarray variable, nothing read yet."""
    token = uuid4().hex
    return LazilyIndexedArray(Lazy(decoder, token, "reflectance", bands)), LazilyIndexedArray(Lazy(decoder, token, "valid", bands))


class Lazy(BackendArray):
    """One of the two variables as xarray's own readers of files are: slices of slices add up before anything is read."""

    def __init__(self, decoder: Decoder, token: str, variable: Literal["reflectance", "valid"], bands: int = len(BANDS)) -> None:
        self.decoder, self.token, self.variable = decoder, token, variable
        dates, rows, columns = decoder.shape
        self.shape = (dates, bands, rows, columns) if variable == "reflectance" else (dates, rows, columns)
        self.dtype = np.dtype("float32" if variable == "reflectance" else "bool")

    def __getitem__(self, key: ExplicitIndexer) -> Any:
        return explicit_indexing_adapter(key, self.shape, IndexingSupport.OUTER, self._pick)

    def _pick(self, key: tuple[Any, ...]) -> NDArray[Any]:
        """What integers, slices and lists of positions pick, each axis on its own."""
        picked = [np.atleast_1d(np.arange(side)[part]) for side, part in zip(self.shape, key, strict=True)]
        whole = np.zeros(tuple(map(len, picked)), self.dtype)
        if whole.size:
            self._fill(whole, picked)
        return whole[tuple(0 if isinstance(part, int | np.integer) else slice(None) for part in key)]

    def _fill(self, whole: NDArray[Any], picked: list[NDArray[np.intp]]) -> None:
        """Read the smallest window around the picked pixels of each date, several dates at a time, and keep the picked ones."""
        dates, *bands, rows, columns = picked
        window = Window(int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1)
        inside = [*bands, rows - window.top, columns - window.left]
        index = tuple(map(_plain, inside)) if all(map(_is_run, inside)) else np.ix_(*inside)

        def read(place: int) -> None:
            whole[place] = _pixels(self.decoder, self.token, int(dates[place]), window)[0 if bands else 1][index]

        with ThreadPoolExecutor(min(len(dates), READERS)) if len(dates) > 1 else nullcontext() as pool:
            list((pool.map if pool else map)(read, range(len(dates))))


def _is_run(positions: NDArray[np.intp]) -> bool:
    return bool((np.diff(positions) == 1).all())


def _plain(positions: NDArray[np.intp]) -> slice:
    return slice(int(positions[0]), int(positions[-1]) + 1)


_kept: OrderedDict[tuple[str, int, Window], Future[Pixels]] = OrderedDict()
_guard = threading.Lock()


def _pixels(decoder: Decoder, token: str, date: int, window: Window) -> Pixels:
    """A window from the few that are kept, or decoded now; threads that want the same one wait for it."""
    key = (token, date, window)
    with _guard:
        future = _kept.get(key)
        mine = future is None
        if future is None:
            future = _kept[key] = Future()
        else:
            _kept.move_to_end(key)
    if not mine:
        return future.result()
    try:
        future.set_result(decoder.read(date, window))
    except BaseException as error:
        future.set_exception(error)
        with _guard:
            _kept.pop(key, None)
        raise
    _forget_old()
    return future.result()


def _forget_old() -> None:
    """Drop the windows used longest ago until what is kept fits KEPT_BYTES."""
    with _guard:
        sizes = {key: sum(a.nbytes for a in f.result()) for key, f in _kept.items() if f.done() and f.exception() is None}
        total = sum(sizes.values())
        for key, size in sizes.items():
            if total <= KEPT_BYTES:
                return
            del _kept[key]
            total -= size
