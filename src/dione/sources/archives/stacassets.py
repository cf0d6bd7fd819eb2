"""Which assets of a STAC item hold bands and classes, where they are, and on which grid."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pystac
from odc.geo.geobox import GeoBox
from odc.stac import parse_items

from dione.base.errors import BadBands, BadSource, NotFound
from dione.base.grid import north_up
from dione.sources.archives.catalogues import Catalogue, on_disk, within
from dione.sources.archives.signing import unsigned
from dione.sources.places import is_remote, shown, some
from dione.sources.rasters import blocks
from dione.sources.remote import shelf
from dione.sources.remote.remotefile import Remote
from dione.sources.remote.web import STRANGER, Web
from dione.sources.sentinel import nbar
from dione.sources.sentinel.xmlfile import LARGEST_BYTES

KEYS = {
    "blue": ("blue", "B02", "B02_10m"),
    "green": ("green", "B03", "B03_10m"),
    "red": ("red", "B04", "B04_10m"),
    "nir": ("nir", "B08", "B08_10m"),
    "scl": ("scl", "SCL", "SCL_20m"),
}
"""What catalogues call the assets. Their nir08 is B8A, of 20 m, and never taken for B08."""
NAMES = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08"}
GRANULE = ("granule_metadata", "granule-metadata")
GSD_M = 10
SMALLEST, LARGEST = 1e-12, 1e9
"""A pixel's area, and any number of a transform."""
FOLLOWED = ("http://", "https://", "s3://")
EXTENSIONS = ("projection", "raster", "eo")
CRS = ("proj:code", "proj:epsg", "proj:wkt2", "proj:projjson")


@dataclass(frozen=True)
class Reading:
    """How items are read, and what the user says of their numbers."""

    catalogue: Catalogue
    web: Web = STRANGER
    scale: float | None = None
    offset: float | None = None
    nbar: bool = False
    """Whether the view is taken out of the reflectance."""
    offsets: Mapping[str, float] | None = None
    """By item, the offset that the product's own XML names, where it was looked into."""
    within: Path | None = None
    """The folder that files on this disk have to lie in; that of the catalogue, if it is not said."""


def asset(item: pystac.Item, band: str) -> str:
    """The key of a band's asset of 10 m; raises BadBands."""
    found = first(item, band) or next((key for key, one in item.assets.items() if _is_band(one, NAMES[band])), None)
    if found is None:
        raise BadBands(f"item {item.id} has no {band} band ({NAMES[band]}) of 10 m; its assets are {some(sorted(item.assets), 12)}")
    return found


def first(item: pystac.Item, band: str) -> str | None:
    """The key of a band's asset by what catalogues call it; None if it has none."""
    return next((key for key in KEYS[band] if key in item.assets), None)


def _is_band(asset: pystac.Asset, name: str) -> bool:
    """Whether an asset of another key is the one band of that name, of 10 m."""
    bands = asset.extra_fields.get("eo:bands") or asset.extra_fields.get("bands") or []
    gsd = asset.extra_fields.get("gsd") or (asset.extra_fields.get("proj:transform") or [None])[0]
    return len(bands) == 1 and bands[0].get("name") == name and gsd == GSD_M


def href(item: pystac.Item, key: str, reading: Reading) -> str:
    """Where an asset is. An item from afar names nothing on this machine; one that is here, what lies in its catalogue's folder.

    Raises BadSource for anything else, such as GDAL's own ways or another protocol.
    """
    href = on_disk(str(item.assets[key].get_absolute_href() or ""))
    if href.startswith(FOLLOWED):
        return href
    named = f"item {item.id} names '{shown(item.assets[key].href)}' as its {key}, which cannot be followed"
    if not href or href.startswith("/vsi") or is_remote(href) or is_remote(reading.catalogue.url):
        raise BadSource(f"{named}; needs http, https or s3")
    within(href, reading.within or Path(reading.catalogue.url).parent, named)
    return href


def grids(item: pystac.Item, keys: list[str], reading: Reading) -> dict[str, GeoBox]:
    """The grid of each asset, from the item, or from the file's header where the item does not say."""
    fields = [item.properties, *(item.assets[key].extra_fields for key in keys)]
    # odc-stac takes a size and a place without a CRS for a fault.
    extensions = EXTENSIONS if any(one.get(name) for one in fields for name in CRS) else EXTENSIONS[1:]
    plain = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [url for url in item.stac_extensions if any(f"/{name}/" in url for name in extensions)],
        "id": item.id,
        "geometry": item.geometry,
        "bbox": item.bbox,
        "links": [],
        "properties": {key: value for key, value in item.properties.items() if key.startswith("proj:")} | {"datetime": f"{sensed(item).isoformat()}Z"},
        "assets": {key: item.assets[key].to_dict() | {"href": href(item, key, reading)} for key in keys},
    }
    try:
        parsed = next(iter(parse_items([pystac.Item.from_dict(plain)])))
        found = {key: getattr(parsed.bands.get((key, 1)), "geobox", None) for key in keys}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError, RecursionError, OverflowError, pystac.STACError) as error:
        raise BadSource(f"item {item.id} has metadata that cannot be read: {type(error).__name__} {error}") from error
    known = {key: grid for key, grid in found.items() if isinstance(grid, GeoBox) and min(grid.shape) > 1 and grid.crs is not None and _usable(grid)}
    made = {key: known[key] if key in known else blocks.facts(blocks.File(href(item, key, reading), item.id, web=reading.web)).grid for key in keys}
    return {key: north_up(grid, f"{key} of item {item.id}") for key, grid in made.items()}


def _usable(grid: GeoBox) -> bool:
    """Whether its pixels have a size and a place, in whatever unit."""
    a = grid.affine
    return bool(np.isfinite(a[:6]).all() and abs(a.determinant) > SMALLEST and max(map(abs, a[:6])) < LARGEST)


def sensed(item: pystac.Item) -> datetime:
    """When an item was sensed, UTC; raises BadSource."""
    moment = told_time(item)
    if moment is None:
        raise BadSource(f"item {item.id} tells no date")
    return moment


def told_time(item: pystac.Item) -> datetime | None:
    """When an item says that it was sensed or, of a period, when that began, UTC; None if it says nothing."""
    moment = item.datetime or item.common_metadata.start_datetime
    return moment.astimezone(UTC).replace(tzinfo=None) if moment and moment.tzinfo else moment


def version(item: pystac.Item, keys: list[str], reading: Reading) -> str:
    """What changes when an item's files do: when it was made anew or, where it does not say, the marks of those of its files that are far."""
    facts = item.properties
    if told := facts.get("updated") or facts.get("s2:generation_time") or facts.get("created"):
        return str(told)
    far = [place for place in (href(item, key, reading) for key in keys) if is_remote(place)]
    if not far:
        return ""
    with ThreadPoolExecutor(len(far)) as pool:
        return " ".join(pool.map(partial(_mark, reading.web), far))


def _mark(web: Web, place: str) -> str:
    """Of a file; of one that cannot be asked now, which is told when it is read, none."""
    try:
        return Remote(place, web).mark()
    except (BadSource, NotFound):
        return ""


def factors(item: pystac.Item, reading: Reading) -> nbar.Factors:
    """What takes the view out of an item's reflectance, from its granule's metadata. Raises BadSource, NotFound, DioneError."""
    key = next((key for key in GRANULE if key in item.assets), None)
    if key is None:
        raise BadSource(f"item {item.id} names no metadata of its granule, which NBAR needs; its assets are {some(sorted(item.assets), 12)}\nleave --nbar out")
    place = href(item, key, reading)
    if not is_remote(place):
        return nbar.of_granule(Path(place))
    kept = (unsigned(place), version(item, [key], reading), "metadata")
    data = shelf.get(kept)
    if data is None:
        data = np.frombuffer(Remote(place, reading.web).fetch(0, LARGEST_BYTES)[0], np.uint8)
        shelf.put(kept, data)
    return nbar.of_bytes(data.tobytes())
