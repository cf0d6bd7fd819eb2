"""Items of a catalogue over an area and a period: an API that is searched, or files that are walked through."""

import logging
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import pystac
import shapely
from pystac_client import Client
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from dione.base import area as areas
from dione.base.errors import BadSource, NotFound
from dione.base.vectors import antimeridian
from dione.sources.archives.catalogues import Catalogue
from dione.sources.archives.stacassets import told_time
from dione.sources.archives.stacopen import faults_told, opened
from dione.sources.archives.stacwalk import touches, walked
from dione.sources.places import shown, some
from dione.sources.remote.web import Web

log = logging.getLogger(__name__)

PAGE = 100
MOST_ITEMS = 5_000
MOST_POINTS = 500
"""Of an area that is searched for: some 20 kB."""
IDLE_PAGES = 3
"""Pages one after another that bring nothing new: the catalogue goes round in circles."""


@dataclass(frozen=True)
class Wanted:
    """What is looked for."""

    area: BaseGeometry | None = None
    """In longitude and latitude."""
    dates: tuple[str, str] | None = None
    """First and last day, YYYY-MM-DD; '' leaves a side open."""
    max_cloud: float | None = None
    """Largest cloudy fraction of a tile, as its catalogue says."""

    @property
    def period(self) -> str | None:
        """As STAC writes it."""
        return "/".join(part or ".." for part in self.dates) if self.dates and any(self.dates) else None


def found(catalogue: Catalogue, wanted: Wanted, web: Web) -> list[pystac.Item]:
    """The items; at least one. Raises NotFound that says which filter left none, BadSource for a catalogue that cannot be used."""
    items = _items(catalogue, wanted, web)
    clear = [item for item in items if wanted.max_cloud is None or _cloud(item) <= wanted.max_cloud]
    if not clear:
        raise NotFound(_why_none(catalogue, wanted, web, items))
    log.info("%s: %d items", shown(catalogue.url), len(clear))
    return clear


def _items(catalogue: Catalogue, wanted: Wanted, web: Web, most: int = MOST_ITEMS) -> list[pystac.Item]:
    with faults_told(catalogue.url):
        place = opened(catalogue, web)
        if isinstance(place, Client) and place.has_conforms_to():
            return _searched(place, catalogue, wanted, most)
        return list(walked(place, catalogue.collection, wanted.area, wanted.dates))


def _searched(client: Client, catalogue: Catalogue, wanted: Wanted, most: int) -> list[pystac.Item]:
    """Through the API, page by page; a catalogue that pages for ever is found out."""
    if catalogue.collection is None:
        names = _collections(client)
        raise BadSource(f"{shown(catalogue.url)} has the collections {some(names, 10)}\nname one: stac:{shown(catalogue.url)}#{names[0] if names else 'NAME'}")
    asked = None if wanted.area is None else _around(wanted.area)
    where: dict[str, Any] = {} if asked is None else {"intersects": mapping(asked)}
    search = client.search(collections=[catalogue.collection], datetime=wanted.period, limit=min(PAGE, most), **where)
    by_id: dict[str, pystac.Item] = {}
    idle = 0
    for page in search.pages():
        before = len(by_id)
        by_id |= {item.id: item for item in page}
        idle = 0 if len(by_id) > before else idle + 1
        if len(by_id) >= most:
            if most == MOST_ITEMS:
                raise BadSource(f"{shown(catalogue.url)} has more than {MOST_ITEMS} items there\nchoose a shorter period or a smaller area")
            break
        if idle == IDLE_PAGES:
            raise BadSource(f"{shown(catalogue.url)} pages for ever: {IDLE_PAGES} pages brought nothing new after {len(by_id)} items")
    return [item for item in by_id.values() if wanted.area is asked or wanted.area is None or touches(item, wanted.area)]


def _collections(client: Client) -> list[str]:
    """Their names, up to MOST_ITEMS; a list that goes round in circles ends where it begins again."""
    names: set[str] = set()
    for one in islice(client.get_collections(), MOST_ITEMS):
        if one.id in names:
            break
        names.add(one.id)
    return sorted(names)


def _around(area: BaseGeometry) -> BaseGeometry:
    """The area itself or, if it has many points, its convex hull (on either side of the antimeridian), or else its box: servers refuse long questions."""
    if shapely.get_num_coordinates(area) <= MOST_POINTS:
        return area
    parts = shapely.get_parts(area)
    is_east = shapely.get_x(shapely.centroid(parts)) > 0 if antimeridian.crosses(area) else np.zeros(len(parts), bool)
    sides = [shapely.union_all(parts[is_east == side]) for side in np.unique(is_east)]
    hulls = shapely.MultiPolygon([side.convex_hull for side in sides])
    return hulls if shapely.get_num_coordinates(hulls) <= MOST_POINTS else shapely.MultiPolygon([shapely.box(*side.bounds) for side in sides])


def _cloud(item: pystac.Item) -> float:
    """The cloudy fraction, 0–1, of the whole tile; one that is not told counts as clear."""
    told = item.properties.get("eo:cloud_cover")
    return float(told) / 100 if isinstance(told, int | float) else 0.0


def _why_none(catalogue: Catalogue, wanted: Wanted, web: Web, items: list[pystac.Item]) -> str:
    """Which filter left nothing, and what would match."""
    name = f"{shown(catalogue.url)}{'#' + catalogue.collection if catalogue.collection else ''}"
    if items:
        least = min(items, key=_cloud)
        return (
            f"no item of {name} is clear enough: {len(items)} match, the clearest is {least.id} with {_cloud(least):.0%} cloud\n"
            f"allow more with --max-scene-cloud {min(_cloud(least) + 0.01, 1):.2f}, or take a longer period"
        )
    always = _items(catalogue, replace(wanted, dates=None), web, most=PAGE) if wanted.period else []
    if always:
        days = sorted(f"{moment:%Y-%m-%d}" if (moment := told_time(item)) else "a date that is not told" for item in always)
        return f"no item of {name} from {wanted.period}; over this area there are {len(days)}{' or more' * (len(days) >= PAGE)}, among them {days[0]} and {days[-1]}\nchange --dates"
    everywhere = _items(catalogue, Wanted(), web, most=1) if wanted.area is not None else []
    if everywhere:
        place = areas.words(wanted.area) if wanted.area is not None else ""
        return f"no item of {name} touches the area {place} (west, south, east, north) on any date\nis it land, and longitude before latitude? Sentinel-2 sees land and coasts"
    return f"{name} has no items at all\nname another collection"
