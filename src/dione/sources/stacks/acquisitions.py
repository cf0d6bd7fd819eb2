"""From products to dates: what was reprocessed counts once, and what one pass saw on several tiles is one date.

datatake S2A_20240503T105031 ─┬─ 31TCJ ─┬─ baseline 05.10 ── taken
                              │         └─ baseline 05.09 ── left out: processed again since
                              └─ 30TYP ─── baseline 05.10 ── taken; the part of the area on that tile
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from odc.geo.geobox import GeoBox

from dione.sources.sentinel.nbar import Factors
from dione.sources.stacks.scenes import Scene


@dataclass(frozen=True)
class Product:
    """One Sentinel-2 product of one tile, before its pixels."""

    scene: Scene
    """Time, item, and which files hold bands and classes."""
    platform: str
    """sentinel-2a, -2b, -2c."""
    datatake: str
    """The pass it was seen on; the same for all tiles and all processings."""
    tile: str
    baseline: tuple[int, int] | None
    made: str = ""
    """When it was processed, as text that sorts by time."""
    strip: str = ""
    """The datastrip; a pass that was received in two parts has two products of one tile, which complement each other."""
    version: str = ""
    """What changes when its files do."""
    level: str = ""
    """1C or 2A; empty where nothing tells."""
    cloud: float | None = None
    """Of the whole tile, 0–1, as its catalogue says."""

    factors: Factors | None = None
    """What takes the view out of its reflectance, if that was asked for."""

    @property
    def grid(self) -> GeoBox:
        return self.scene.bands[0].grid

    @property
    def age(self) -> tuple[tuple[int, int], str]:
        """Sorts by processing, the newest last."""
        return self.baseline or (0, 0), self.made


@dataclass(frozen=True)
class Acquisition:
    """One date: what one pass saw, on as many tiles as the area touches."""

    products: tuple[Product, ...]
    """In the order in which they are used: newest first, on one grid before another."""

    @property
    def time(self) -> datetime:
        """When the first of them was sensed, UTC."""
        return min(product.scene.time for product in self.products)

    @property
    def platform(self) -> str:
        return self.products[0].platform

    @property
    def item(self) -> str:
        names = [product.scene.item for product in self.products]
        return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def acquisitions(products: Iterable[Product], grid: GeoBox) -> list[Acquisition]:
    """Products as dates, in order of time; those in the CRS of `grid` are used before others."""
    passes: dict[str, list[Product]] = defaultdict(list)
    for product in newest(products):
        passes[product.datatake].append(product)
    made = [Acquisition(tuple(sorted(many, key=lambda one: (one.grid.crs != grid.crs, one.tile)))) for many in passes.values()]
    return sorted(made, key=lambda one: one.time)


def newest(products: Iterable[Product]) -> list[Product]:
    """Of each tile and datatake the newest processing; both parts where a pass was received in two."""
    alike: dict[tuple[str, str], list[Product]] = defaultdict(list)
    for product in products:
        alike[product.tile, product.datatake].append(product)
    kept: list[Product] = []
    for many in alike.values():
        last = max(many, key=lambda one: one.age)
        parts = {one.strip: one for one in sorted(many, key=lambda one: one.age) if one.baseline == last.baseline}
        kept += sorted(parts.values(), key=lambda one: one.age, reverse=True)
    return kept
