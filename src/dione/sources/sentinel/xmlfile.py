"""XML files from outside, of a size that metadata has; `dione.base.storage.xmltext` reads them so that they can do no harm."""

from pathlib import Path
from xml.etree import ElementTree

from dione.base.errors import BadSource
from dione.base.storage.xmltext import parsed
from dione.sources.places import naming, shown, system

LARGEST_BYTES = 32_000_000


def read(path: str | Path) -> ElementTree.Element:
    """The root of an XML document; its tags come without name spaces. Raises NotFound, BadSource."""
    fs, inside = system(path)
    with naming(path), fs.open(inside, "rb") as file:
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise BadSource(f"{shown(path)} is larger than {LARGEST_BYTES // 1_000_000} MB, which no metadata is")
    return parsed(data, shown(path))
