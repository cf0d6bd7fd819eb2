"""XML from outside, read so that it can do no harm.

A document that declares a type or an entity is refused before anything is expanded ("billion laughs", local files
pulled in by external entities), and so is one that is nested very deeply. Metadata needs neither. The standard library
does it, since its parser tells each declaration as it comes; defusedxml refuses the same and had its last release in 2021.
"""

import re
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from dione.base.errors import BadSource

DEEPEST = 64


class Forbidden(Exception):
    """A declaration that no metadata needs."""


def parsed(data: bytes, name: str) -> ElementTree.Element:
    """The root of an XML document; its tags come without name spaces. Raises BadSource, which calls it `name`."""
    try:
        _harmless(data)
        root = ElementTree.fromstring(data)
    except Forbidden as error:
        raise BadSource(f"{name} {error}, which is refused: it can pull in other files or fill the memory\ntake the declaration out") from error
    except (expat.ExpatError, ElementTree.ParseError, LookupError, ValueError) as error:
        raise BadSource(f"{name} is no XML: {error}\nit may be damaged or half copied: fetch it again") from error
    for element in root.iter():
        element.tag = re.sub(r"^\{.*?\}", "", str(element.tag))
    return root


def _harmless(data: bytes) -> None:
    """Walk through the document once, building nothing; raise Forbidden at the first declaration."""
    parser = expat.ParserCreate()
    depth = 0

    def declared(name: str, *_: Any) -> None:
        raise Forbidden(f"declares a document type or entity ('{name[:40]}')")

    def opened(*_: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise Forbidden(f"is nested more than {DEEPEST} deep")

    def closed(*_: Any) -> None:
        nonlocal depth
        depth -= 1

    parser.StartDoctypeDeclHandler = declared
    parser.EntityDeclHandler = declared
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.Parse(data, True)
