"""Rasters without a place are opened by many threads at a time, and rasterio's warning of each is not told.

`warnings.catch_warnings` by itself, left by one thread, takes away the filter that another still needs.
"""

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rasterio.errors import NotGeoreferencedWarning

_guard = threading.Lock()
_inside: list[ExitStack] = []
"""Of each that is inside, the way back to the filters of before: one and the same."""


@contextmanager
def allowed() -> Iterator[None]:
    """No NotGeoreferencedWarning inside, whoever else comes and goes meanwhile: the first in sets the filter, the last out takes it away."""
    if getattr(sys.flags, "context_aware_warnings", False):  # Python 3.14 can keep the filters of threads apart
        with _quiet():
            yield
        return
    with _guard:
        _inside.append(_inside[0] if _inside else _quiet())
    try:
        yield
    finally:
        with _guard:
            before = _inside.pop()
            if not _inside:
                before.close()


def _quiet() -> ExitStack:
    before = ExitStack()
    before.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    return before
