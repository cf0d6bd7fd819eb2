"""Loops over pixels for what would go through memory dozens of times: compiled by Numba when first called.

What was compiled is kept where Numba keeps it (beside the file that it stands in, or among the user's caches): only a first
run waits for it. Importing this takes half a second: import it where pixels are many.
"""

from collections.abc import Callable
from typing import Any, no_type_check

from numba import njit, types
from numba.extending import intrinsic


def loop(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled when it is first called, for the types that it is called with, and kept if there is a place for it."""
    return _compiled(function)


def loop_of(kinds: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compiled at once for these types, as Numba spells them: of arrays that lie in memory in one way or another, `[:, :]` stands for all."""
    return lambda function: _compiled(function, kinds)


def _compiled(function: Callable[..., Any], kinds: str | None = None) -> Callable[..., Any]:
    try:
        made = njit(kinds, nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # neither the package's folder nor the user's can be written to
        made = njit(kinds, nogil=True, error_model="numpy")(function)
    compiled: Callable[..., Any] = made
    return compiled


@intrinsic
@no_type_check
def fma(typing, one, other, total):
    """one · other + total, rounded once."""

    def code(context, builder, signature, given):
        return builder.fma(*given)

    return types.float32(types.float32, types.float32, types.float32), code
