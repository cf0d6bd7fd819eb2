"""Bytes that look for new ways through the parsers of our own, guided by what they have covered (atheris, of the group `fuzz`).

    pip install --group fuzz
    PYTHONPATH=benchmarks python -m trials.doors.guided dates -max_total_time=60

Anything but a value or a DioneError is a fault; the bytes that lead to it are kept as crash-….
"""

import logging
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dione"]):
    from dione.base import period
    from dione.base.errors import DioneError
    from dione.base.storage import documents
    from dione.patches.older import objects
    from dione.prepare import naming
    from dione.sources.eopatches import pickled
    from dione.sources.rasters import names
    from dione.sources.sentinel import xmlfile

Parser = Callable[[bytes], object]
PLACE = Path(tempfile.mkdtemp(prefix="dione-guided-")) / "bytes.xml"


def text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def document(data: bytes) -> object:
    """JSON and TOML, whose faults are ValueErrors."""
    for read in (documents.json_of, documents.toml_of):
        try:
            read(data)
        except ValueError:
            continue
    return None


def xml(data: bytes) -> object:
    PLACE.write_bytes(data)
    return xmlfile.read(PLACE)


PARSERS: dict[str, Parser] = {
    "dates": lambda data: period.parse(text(data)),
    "areas": lambda data: naming.parse(f"POLYGON {text(data)}" if data[:1] == b"(" else f"{{{text(data)}"),
    "boxes": lambda data: pickled.box(data, "a box"),
    "times": lambda data: pickled.times(data, "times"),
    "objects": lambda data: objects.values(data, "an array"),
    "xml": xml,
    "documents": document,
    "patterns": lambda data: names.match(text(data), names.expression(f"%Y%m%d{text(data[:40])}")),
    "names": lambda data: (names.date_in(text(data)), names.band_in(text(data))),
}


def main() -> None:
    """The command: a parser's name, then libFuzzer's options."""
    if len(sys.argv) < 2 or sys.argv[1] not in PARSERS:
        sys.exit(f"name a parser: {', '.join(PARSERS)}")
    logging.disable()
    parse = PARSERS[sys.argv.pop(1)]

    def once(data: bytes) -> None:
        try:
            parse(data)
        except DioneError:
            return

    atheris.Setup([*sys.argv, "-rss_limit_mb=1500", "-timeout=10"], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
