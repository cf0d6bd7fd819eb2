"""What a verb gives back, told in one of two ways: lines for a person, or one JSON value for a program."""

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from dione.cli.console import out, say


def nothing() -> None:
    """No end but a good one."""


@dataclass(frozen=True)
class Result:
    """What a verb found or made. Every verb has `--json` because of it: verbs return a Result and print nothing."""

    facts: Any
    """Plain values, paths and dataclasses of them; JSON lists and objects."""
    words: Sequence[object] = ()
    """The same in lines, for a person."""
    then: Callable[[], None] = nothing
    """Called once it was told: raises what failed beside it."""


def tell(result: Result) -> None:
    """As the command line asked for it."""
    if out.quiet:
        sys.stdout.write(json.dumps(plain(result.facts), allow_nan=False) + "\n")
        sys.stdout.flush()
    for line in result.words:
        say(line)
    result.then()


def plain(value: Any) -> Any:
    """As JSON has it: what is not a number there becomes null, what it does not know becomes its text.

    >>> plain({"file": Path("a.tif"), "score": float("nan"), "dates": (1, 2)})
    {'file': 'a.tif', 'score': None, 'dates': [1, 2]}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
