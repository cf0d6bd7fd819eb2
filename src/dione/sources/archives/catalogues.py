"""The STAC catalogues that are known by name, and what is known of each: docs/beware.md has the same as a table."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from dione.base.errors import BadSource
from dione.sources.archives.signing import PLANETARY_COMPUTER

DEFAULT = "sentinel-2-l2a"
FILE = "file://"
FOLDERS = "DIONE_LOCAL_FOLDERS"
"""Environment variable: folders outside of its own that a catalogue on this disk may lead to, separated as in PATH."""


@dataclass(frozen=True)
class Catalogue:
    """One catalogue, and which of its collections to look in."""

    url: str
    """Of its API, of a static catalogue or item; or a file."""
    collection: str | None = None
    signer: str = ""
    unaltered: bool = False
    """Its pixels are those of the products, offset and all."""
    flag_wins: bool = False
    """Its raster:bands repeat the product's offset whether or not it was applied; boa_offset_applied tells."""
    credentials: str = ""
    """What its assets need, for messages."""


KNOWN = {
    "earth-search": Catalogue("https://earth-search.aws.element84.com/v1", flag_wins=True),
    "planetary-computer": Catalogue("https://planetarycomputer.microsoft.com/api/stac/v1", signer=PLANETARY_COMPUTER, unaltered=True),
    "cdse": Catalogue(
        "https://stac.dataspace.copernicus.eu/v1",
        unaltered=True,
        credentials="keys of the Copernicus Data Space: AWS_ENDPOINT_URL=https://eodata.dataspace.copernicus.eu, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
    ),
}


def named(source: str) -> Catalogue:
    """The catalogue of `stac:NAME`, `stac:NAME#collection`, `stac:URL#collection` or `stac:FILE`.

    A known one can be had from elsewhere (a mirror, a server of one's own): DIONE_STAC_EARTH_SEARCH=http://...
    Raises BadSource for a name that is none.
    """
    place, _, collection = source.removeprefix("stac:").partition("#")
    if place in KNOWN:
        known = KNOWN[place]
        url = os.environ.get(f"DIONE_STAC_{place.upper().replace('-', '_')}", known.url)
        return replace(known, url=url, collection=collection or DEFAULT)
    if not place or (":" not in place and "/" not in place and "." not in place and not os.path.exists(place)):
        raise BadSource(f"there is no catalogue '{place}'; known are {', '.join(KNOWN)}\nname another as stac:https://...#collection or stac:FILE.json")
    return Catalogue(on_disk(place), collection or None)


def on_disk(href: str) -> str:
    """The path that an address of this disk means (`file:///my%20fields/a.json`), or a link that is written as one is; others stay as they are."""
    if href.startswith(FILE):
        return unquote(href.removeprefix(FILE).removeprefix("localhost"))
    return unquote(href) if "%" in href and "://" not in href and not os.path.exists(href) else href


def within(path: str, home: Path, named: str) -> None:
    """Raise BadSource, which begins with `named`, for a file of this disk outside of the folder `home` and of those that are allowed, whatever links lead there."""
    folders = [home, *map(Path, filter(None, os.environ.get(FOLDERS, "").split(os.pathsep)))]
    if not any(Path(path).resolve().is_relative_to(folder.resolve()) for folder in folders):
        raise BadSource(f"{named}: it lies outside of {home}\nif that is meant, allow its folder: {FOLDERS}={Path(path).parent}")
