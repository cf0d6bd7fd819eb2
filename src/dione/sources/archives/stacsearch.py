"""Items of a catalogue over an area and a period: an API that is searched, or files that are walked through."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import requests
import shapely
from pystac_client import Client
from pystac_client.errors import ClientTypeError
from pystac_client.exceptions import APIError, ParametersError
from pystac_client.stac_api_io import StacApiIO
from pystac_client.warnings import DoesNotConformTo
from shapely.errors import ShapelyError
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from dione.base import antimeridian
from dione.base import area as areas
from dione.base.errors import BadSource, DioneError, NotFound
from dione.sources.archives.catalogues import Catalogue, on_disk, within
from dione.sources.archives.stacassets import told_time
from dione.sources.places import is_remote, near, shown, some
from dione.sources.remote.httpfaults import plain, refusal
from dione.sources.remote.web import Web

log = logging.getLogger(__name__)

PAGE = 100
MOST_ITEMS = 5_000
MOST_POINTS = 500
"""Of an area that is searched for: some 20 kB."""
DEEPEST = 30
"""Catalogues inside one another, beyond which there is no end."""
IDLE_PAGES = 3
"""Pages one after another that bring nothing new: the catalogue goes round in circles."""
FAULTS = (
    APIError,
    ClientTypeError,
    ParametersError,
    requests.RequestException,
    pystac.STACError,
    pystac.STACTypeError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    AssertionError,
    RecursionError,
    OverflowError,
    NotImplementedError,
    DoesNotConformTo,
    ShapelyError,
)
"""What pystac and its client raise on a catalogue that cannot be reached or is none."""


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
    with _told(catalogue.url):
        opened = _opened(catalogue, web)
        if isinstance(opened, Client) and opened.has_conforms_to():
            return _searched(opened, catalogue, wanted, most)
        return list(_walked(opened, catalogue, wanted))


def _opened(catalogue: Catalogue, web: Web) -> Client | pystac.Catalog | list[pystac.Item]:
    """An API, a static catalogue, or items alone."""
    if not is_remote(catalogue.url) and not Path(catalogue.url).is_file():
        raise NotFound(f"nothing found at {shown(catalogue.url)}{near(catalogue.url)}\nneeds a STAC catalogue, collection or item (JSON), or an address")
    io = Careful(web, catalogue.url)
    read = io.read_json(catalogue.url)
    if not isinstance(read, dict):
        raise BadSource(f"{shown(catalogue.url)} is no STAC catalogue: it holds a {type(read).__name__}")
    _not_of_an_api(read, catalogue.url)
    if read.get("type") in ("Feature", "FeatureCollection"):
        features = read["features"] if read["type"] == "FeatureCollection" else [read]
        return [pystac.Item.from_dict(one, href=catalogue.url, preserve_dict=False) for one in features]
    if read.get("conformsTo"):
        io.is_api = True
        return Client.open(catalogue.url, stac_io=io)
    # The file is its own root, so that all that it leads to is read by our rules.
    read["links"] = [link for link in read.get("links", []) if link.get("rel") not in ("root", "parent", "self")]
    kind = pystac.Collection if read.get("type") == "Collection" else pystac.Catalog
    made = kind.from_dict(read, href=catalogue.url)
    made.set_root(made)
    made._stac_io = io
    return made


def _not_of_an_api(read: dict[str, Any], url: str) -> None:
    """Raise BadSource for a collection of an API, in which no file is named, and for one page of several, which is not all there is."""
    links = {link.get("rel"): link for link in read.get("links", [])}
    is_page = read.get("type") == "FeatureCollection" and "next" in links and is_remote(url)
    is_collection = read.get("type") == "Collection" and "items" in links and not links.keys() & {"item", "child"}
    if is_page or is_collection:
        name = read.get("id") if is_collection else next((one.get("collection") for one in read["features"]), None)
        place = f"stac:{shown(str(links.get('root', {}).get('href') or 'https://host/v1'))}#{name or 'COLLECTION'}"
        raise BadSource(f"{shown(url)} is {'one page of several' if is_page else 'a collection'} of an API\nname the API and the collection: {place}")


def _searched(client: Client, catalogue: Catalogue, wanted: Wanted, most: int) -> list[pystac.Item]:
    """Through the API, page by page; a catalogue that pages for ever is found out."""
    if catalogue.collection is None:
        names = sorted(one.id for one in client.get_collections())
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
    return [item for item in by_id.values() if wanted.area is asked or wanted.area is None or _touches(item, wanted.area)]


def _around(area: BaseGeometry) -> BaseGeometry:
    """The area itself or, if it has many points, its convex hull (on either side of the antimeridian), or else its box: servers refuse long questions."""
    if shapely.get_num_coordinates(area) <= MOST_POINTS:
        return area
    parts = shapely.get_parts(area)
    is_east = shapely.get_x(shapely.centroid(parts)) > 0 if antimeridian.crosses(area) else np.zeros(len(parts), bool)
    sides = [shapely.union_all(parts[is_east == side]) for side in np.unique(is_east)]
    hulls = shapely.MultiPolygon([side.convex_hull for side in sides])
    return hulls if shapely.get_num_coordinates(hulls) <= MOST_POINTS else shapely.MultiPolygon([shapely.box(*side.bounds) for side in sides])


def _walked(opened: Client | pystac.Catalog | list[pystac.Item], catalogue: Catalogue, wanted: Wanted) -> Iterator[pystac.Item]:
    """Through files: every item is looked at."""
    for item in opened if isinstance(opened, list) else _below(opened):
        if catalogue.collection not in (None, item.collection_id):
            continue
        if (wanted.area is None or _touches(item, wanted.area)) and _within(item, wanted.dates):
            yield item


def _below(top: pystac.Catalog) -> Iterator[pystac.Item]:
    """The items of a catalogue and of all that it leads to, each of which is looked into once: some name themselves, or one another."""
    waiting, seen = [(top, 0)], {top.self_href}
    while waiting:
        one, depth = waiting.pop()
        yield from one.get_items()
        fresh = {child.self_href: child for child in one.get_children() if child.self_href not in seen}
        if fresh and depth == DEEPEST:
            raise BadSource(f"{shown(top.self_href)} leads ever deeper: {DEEPEST} catalogues below it there are more\nname the one that holds the items")
        seen |= fresh.keys()
        waiting += [(child, depth + 1) for child in reversed(fresh.values())]


def _touches(item: pystac.Item, area: BaseGeometry) -> bool:
    if item.geometry is None:
        return True
    made = shape(item.geometry)
    if antimeridian.crosses(made):
        made = antimeridian.halves(antimeridian.through(made))
    return bool(shapely.make_valid(made).intersects(area))


def _within(item: pystac.Item, dates: tuple[str, str] | None) -> bool:
    moment = told_time(item)
    if not dates or moment is None:
        return True
    day = f"{moment:%Y-%m-%d}"
    first, last = dates
    return (not first or day >= first) and (not last or day <= last)


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


class Careful(StacApiIO):
    """Reads catalogues by the rules of `dione.sources.remote.web`; one from afar leads to no file of this machine, one that is here to those of its folder."""

    is_api = False

    def __init__(self, web_: Web, url: str) -> None:
        super().__init__(timeout=web_.patience.timeout_s, max_retries=None)
        self.session.close()
        self.session = web_.patient_session()
        self.remote, self.home = is_remote(url), Path(url).parent

    def read_text(self, source: Any, *args: Any, **kwargs: Any) -> str:
        href = source.get_absolute_href() if isinstance(source, pystac.Link) else str(source)
        if self.remote and not str(href).startswith(("http://", "https://")):
            raise BadSource(f"the catalogue leads to '{shown(str(href))}', which is not followed")
        if self.remote:
            return super().read_text(source, *args, **kwargs)
        place = on_disk(str(href))
        if not is_remote(place):
            within(place, self.home, f"the catalogue leads to '{shown(place)}', which is not followed")
        return super().read_text(place, *args, **kwargs)

    def stac_object_from_dict(self, *args: Any, **kwargs: Any) -> Any:
        """A collection among files is one of files: an API's would ask its root to search."""
        made = super().stac_object_from_dict if self.is_api else partial(pystac.StacIO.stac_object_from_dict, self)
        return made(*args, **kwargs)


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Faults of reading a catalogue, as BadSource that names it and no secret."""
    try:
        yield
    except DioneError:
        raise
    except json.JSONDecodeError as error:
        raise BadSource(f"{shown(url)} is no STAC catalogue: it is not JSON") from error
    except FAULTS as error:
        raise _of(error, url) from error


def _of(error: BaseException, url: str) -> DioneError:
    """What lies under an error of pystac or its client: one of ours, a status, or a connection."""
    under: BaseException | None = error
    while under is not None:
        if isinstance(under, DioneError):
            return under
        if status := getattr(under, "status_code", None):
            return refusal(int(status), url)
        if isinstance(under, requests.RequestException):
            return BadSource(f"{shown(url)} cannot be searched: {plain(under)}\ncheck the address and the connection")
        under = under.__cause__ or under.__context__
    return BadSource(f"{shown(url)} is no STAC catalogue that can be read: {type(error).__name__}")
