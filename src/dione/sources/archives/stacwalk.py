"""A static catalogue walked through, item by item: it cannot be searched."""

from collections.abc import Iterator

import pystac
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from dione.base.errors import BadSource
from dione.base.vectors import antimeridian
from dione.sources.archives.stacassets import told_time
from dione.sources.archives.stacopen import Opened
from dione.sources.places import shown

DEEPEST = 30
"""Catalogues inside one another, beyond which there is no end."""


def walked(opened: Opened, collection: str | None, area: BaseGeometry | None, dates: tuple[str, str] | None) -> Iterator[pystac.Item]:
    """Every item that is of the collection, touches the area and lies within the dates, where these are told. Raises BadSource for no end."""
    for item in opened if isinstance(opened, list) else _below(opened):
        if collection in (None, item.collection_id) and (area is None or touches(item, area)) and _within(item, dates):
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


def touches(item: pystac.Item, area: BaseGeometry) -> bool:
    """Whether it shows some of an area; one that does not tell where it lies may."""
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
