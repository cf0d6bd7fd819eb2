"""A command starts and ends quicker where Python looks for garbage less often: libraries make many objects on import, none of them garbage."""

import atexit
import gc

OBJECTS = 50_000
"""Made and not yet gone, between two looks at the young ones (Python's default is 700, or 2,000)."""


def quicken() -> None:
    """For a process of its own. What still lives at its end is left to the system: looking through all of it takes more than half a second."""
    gc.set_threshold(OBJECTS, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)
