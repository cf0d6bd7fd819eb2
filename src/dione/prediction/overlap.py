"""Reading the next window and packing the last one while the network works on this one: threads, one step apart.

    for window, raw in ahead(read, windows):       # a thread reads one window ahead
        made = sharpen(raw)
        behind.do(paint, made)                     # a thread writes; at most one write waits

Both hold one piece of work at a time, so memory stays flat; an error in a thread is raised in the caller.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[tuple[Item, Made]]:
    """Each item and what `make` gives for it, the next one already being made."""
    waiting: tuple[Item, Future[Made]] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        for item in items:
            coming = item, thread.submit(make, item)
            if waiting:
                yield waiting[0], waiting[1].result()
            waiting = coming
        if waiting:
            yield waiting[0], waiting[1].result()


class Behind:
    """A thread that does one thing after the other, at most one of them waiting."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="behind")
        self._last: Future[Any] | None = None

    def do(self, work: Callable[..., Any], *given: Any, **named: Any) -> None:
        """Have it done, once what was asked before is done; raises what that raised."""
        if self._last:
            self._last.result()
        self._last = self._thread.submit(work, *given, **named)

    def __enter__(self) -> "Behind":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._thread.shutdown(wait=True)
        if self._last and error is None:
            self._last.result()
