"""How our docstrings become Markdown on the page of the API: examples are fenced, and a line that names a parameter begins anew.

The builder of the pages loads this (zensical.toml, extensions of griffe).
"""

import re

import griffe

EXAMPLE = re.compile(r"^>>> .*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)
NAMING = re.compile(r"\n(?=[a-z]\w*(?:, \w+)*: )")


def markdown(words: str) -> str:
    """The docstring with its doctests in fences and two blanks before each `name: …`, which break the line."""
    fenced = EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", words)
    return NAMING.sub("  \n", fenced)


class Docstrings(griffe.Extension):
    """Rewrites what griffe read, before it is shown."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Called for every module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = markdown(obj.docstring.value)
