"""Work divided among processes that end with the one that asked for it.

A process that is killed cannot end those that it started, and a run that goes on must not meet them still at work: each
of them watches for that itself. Ctrl-C, which a terminal sends to all of them, is heard only by the one that asked.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import TypeVar

from dione.base.errors import DioneError

Item = TypeVar("Item")
Made = TypeVar("Made")


def each(work: Callable[[Item], Made], items: Sequence[Item], *, workers: int) -> Iterator[Made]:
    """What `work` makes of each item, in their order; by this process alone where one is enough.

    Raises what `work` raised, and DioneError when a process was ended from outside.
    """
    count = min(workers, len(items))
    if count <= 1:
        yield from map(work, items)
        return
    _tidied()
    pool = ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    try:
        with _deaf():
            coming = pool.map(work, items)
        yield from coming
    except BrokenProcessPool as error:
        raise DioneError(
            f"one of {count} worker processes was ended from outside, most often by the system when memory runs out\n"
            "what was finished is kept: run the same command again, with fewer --workers where it takes them"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _tidied() -> None:
    """Have Python's process that takes away what an ended one leaves say nothing of it: it would, after every answer to Ctrl-C."""
    if sys.platform == "win32":  # which has no such process
        return
    before = list(sys.warnoptions)
    sys.warnoptions.append("ignore:resource_tracker")
    try:
        resource_tracker.ensure_running()
    finally:
        sys.warnoptions[:] = before


@contextmanager
def _deaf() -> Iterator[None]:
    """What is started meanwhile does not hear Ctrl-C; here it is heard afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="with-parent").start()
