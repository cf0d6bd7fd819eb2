"""What the name of a Sentinel-2 product tells.

    S2B_MSIL2A_20190629T212529_N0212_R043_T06VVN_20201006T080531.SAFE
     │     │         │           │     │     │           └ when it was made
     │     │         │           │     │     └ tile
     │     │         │           │     └ relative orbit
     │     │         │           └ processing baseline 02.12
     │     │         └ start of the datatake
     │     └ level
     └ platform

(Sentinel-2 Products Specification, naming convention since December 2016.)
"""

import re
from dataclasses import dataclass

PATTERN = re.compile(r"S2([A-D])_MSIL(1C|2A)_(\d{8}T\d{6})(?:_N(\d\d)(\d\d))?_R(\d{3})_T(\d\d[A-Z]{3})_(\d{8}T\d{6})")


@dataclass(frozen=True)
class ProductName:
    """A name, taken apart."""

    platform: str
    """sentinel-2a"""
    level: str
    """1C or 2A."""
    datatake: str
    """S2B_20190629T212529: the same for all its tiles, and for all times that it was processed."""
    baseline: tuple[int, int] | None
    """None where a catalogue has left it out of the name."""
    orbit: int
    tile: str
    made: str
    """20201006T080531"""


def parse(text: str) -> ProductName | None:
    """The first product's name in a text, or None."""
    found = PATTERN.search(text)
    if not found:
        return None
    letter, level, start, major, minor, orbit, tile, made = found.groups()
    baseline = (int(major), int(minor)) if major else None
    return ProductName(f"sentinel-2{letter.lower()}", level, f"S2{letter}_{start}", baseline, int(orbit), tile, made)
