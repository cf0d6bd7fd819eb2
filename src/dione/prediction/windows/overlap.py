"""Several windows in work at a time: threads, a bounded number of steps apart.

    for written in abreast(make_and_write, windows, threads=3, begin=...):   # in their order
        tell(written)

A bounded number of windows is held at a time, so memory stays flat; an error in a thread is raised in the caller.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def abreast(make: Callable[[Item], Made], items: Iterable[Item], *, threads: int, ahead: int = 0, begin: Callable[[], object] | None = None) -> Iterator[Made]:
    """What `make` gives for each item, in their order, so many being made at a time; every thread first does `begin`, if there is one.

    ahead: how many more may have been made before the first of them, which takes longer, is.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix="abreast", initializer=begin)
    waiting: deque[Future[Made]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) == threads + ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
