"""JSON and TOML from outside: a document, or a ValueError with what is wrong, whatever is wrong with it.

The standard parsers tell damage in several ways: bytes that are no letters, brackets nested deeper than Python calls go, numbers
longer than it reads. Whoever asks here has one kind of fault to name.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

DEEP = "it is nested too deeply"
DOTTED = re.compile(r"""(?m:^\s*+\[*+|[{,])\s*+(?:[\w"'-]++\s*+\.\s*+){64}""")
"""Tables in tables, as `a.a.a…`: the standard parser takes the square of their number in memory."""


def json_of(data: str | bytes) -> Any:
    """What a JSON document holds; raises ValueError."""
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError(DEEP) from error


def toml_of(data: bytes) -> dict[str, Any]:
    """What a TOML document holds; raises ValueError."""
    text = data.decode("utf-8")
    if DOTTED.search(text):
        raise ValueError(DEEP)
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError(DEEP) from error


def json_in(path: Path) -> Any:
    """The same of a file; raises OSError too."""
    return json_of(path.read_bytes())
