"""Tiles of Sentinel-2 by name: squares of 109.8 km on the 100 km squares of the Military Grid Reference System.

    31TCJ      zone 31, latitude band T, column C (every third zone has the same), row J (every second zone)

A tile begins at its square's western and northern edge, moved outwards to a multiple of 60 m from the equator and from
the false easting, so that pixels of 10, 20 and 60 m share their corners. (DMA Technical Manual 8358.1; Sentinel-2
Products Specification, tiling grid.)
"""

import re

from dione.base.crs import DEGREES, turn
from dione.base.errors import BadRecipe

TILE = re.compile(r"T?(\d{1,2})([C-HJ-NP-X])([A-HJ-NP-Z])([A-HJ-NP-V])", re.IGNORECASE)
COLUMNS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")
ROWS = "ABCDEFGHJKLMNPQRSTUV"
BANDS = "CDEFGHJKLMNPQRSTUVWX"
SQUARE_M, SIDE_M, STEP_M = 100_000, 109_800, 60
CYCLE_M = len(ROWS) * SQUARE_M


def is_tile(text: str) -> bool:
    """Whether a text has the form of a tile's name: 31TCJ or T31TCJ."""
    return TILE.fullmatch(text.strip()) is not None


def crs_of(tile: str) -> str:
    """The CRS of a tile; raises BadRecipe for a name that is none."""
    zone, band, _, _ = _parts(tile)
    return f"EPSG:{32600 + zone if band >= 'N' else 32700 + zone}"


def box_of(tile: str) -> tuple[float, float, float, float]:
    """left, bottom, right, top of a tile in metres of its own CRS; raises BadRecipe for a name that is none."""
    zone, band, column, row = _parts(tile)
    letters = COLUMNS[(zone - 1) % 3]
    if column not in letters:
        raise BadRecipe(f"there is no tile {tile}: columns of zone {zone} are {letters}")
    easting = (letters.index(column) + 1) * SQUARE_M
    northing = (ROWS.index(row) - (0 if zone % 2 else 5)) % len(ROWS) * SQUARE_M
    southern = band < "N"
    # Rows repeat every 2000 km; the right one is the first that ends above the band's southern edge.
    edge = _northing(zone, -80 + 8 * BANDS.index(band)) + (10_000_000 if southern else 0)
    while northing + SQUARE_M <= edge:
        northing += CYCLE_M
    left = easting // STEP_M * STEP_M
    top = -((10_000_000 if southern else 0) - (northing + SQUARE_M))
    top = -(-top // STEP_M) * STEP_M + (10_000_000 if southern else 0)
    return left, top - SIDE_M, left + SIDE_M, top


def _parts(tile: str) -> tuple[int, str, str, str]:
    found = TILE.fullmatch(tile.strip().upper())
    if not found or not 1 <= int(found[1]) <= 60:
        raise BadRecipe(f"'{tile}' is no tile of Sentinel-2; needs a zone from 1 to 60, a band of latitude and two letters: 31TCJ")
    return int(found[1]), found[2], found[3], found[4]


def _northing(zone: int, latitude: float) -> float:
    """Metres from the equator, negative south of it, at the zone's central meridian."""
    _, northing = turn(zone * 6 - 183, latitude, source=DEGREES, target=f"EPSG:{32600 + zone}")
    return float(northing)
