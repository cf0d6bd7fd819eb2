"""STAC items as products. Past this file there is no STAC dictionary."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pystac
from odc.geo.geobox import GeoBox
from odc.stac import parse_items

from dione.base.bands import BANDS
from dione.base.errors import BadBands, BadSource, BadValues, faults
from dione.sources import blocks, offsets, productname
from dione.sources.acquisitions import Product
from dione.sources.catalogues import Catalogue
from dione.sources.places import is_remote, shown, some
from dione.sources.scenes import Layer, Scene
from dione.sources.web import STRANGER, Web

KEYS = {
    "blue": ("blue", "B02", "B02_10m"),
    "green": ("green", "B03", "B03_10m"),
    "red": ("red", "B04", "B04_10m"),
    "nir": ("nir", "B08", "B08_10m"),
    "scl": ("scl", "SCL", "SCL_20m"),
}
"""What catalogues call the assets. Their nir08 is B8A, of 20 m, and never taken for B08."""
NAMES = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08"}
GSD_M = 10
NODATA = 0
"""Of every Sentinel-2 product, whether or not the item says so (Products Specification)."""
EXTENSIONS = ("projection", "raster", "eo")


@dataclass(frozen=True)
class Reading:
    """How items are read, and what the user says of their numbers."""

    catalogue: Catalogue
    web: Web = STRANGER
    scale: float | None = None
    offset: float | None = None
    offsets: Mapping[str, float] | None = None
    """By item, the offset that the product's own XML names, where it was looked into."""


def products(items: Iterable[pystac.Item], reading: Reading) -> list[Product]:
    """What the items hold. Raises BadBands, BadValues, BadSource with the faults of all of them."""
    made: list[Product] = []
    wrong: list[BadSource] = []
    for item in items:
        try:
            made.append(_product(item, reading))
        except BadSource as error:
            wrong.append(error)
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        kind = BadValues if all(isinstance(one, BadValues) for one in wrong) else BadSource
        lines = [str(one).replace("\n", "\n    ") for one in wrong[:5]]
        raise kind(faults(f"{len(wrong)} of {len(wrong) + len(made)} items cannot be used", lines + [f"and {len(wrong) - 5} more"] * (len(wrong) > 5)))
    return made


def _product(item: pystac.Item, reading: Reading) -> Product:
    facts = item.properties
    name = productname.parse(str(facts.get("s2:product_uri") or "")) or productname.parse(item.id)
    assets = {band: _asset(item, band) for band in BANDS}
    scl = _first(item, "scl")
    grids = _grids(item, [*assets.values(), *([scl] if scl else [])], reading)
    radiometry = _radiometry(item, assets, name, reading)
    bands = tuple(
        Layer(_href(item, assets[band], reading), 1, grids[assets[band]], told.scale, told.offset, NODATA, told.told_by)
        for band, told in zip(BANDS, radiometry, strict=True)
    )
    classes = Layer(_href(item, scl, reading), 1, grids[scl], 1.0, 0.0, NODATA, "classes") if scl else None
    cloud = facts.get("eo:cloud_cover")
    return Product(
        scene=Scene(_time(item), item.id, bands, classes),
        platform=name.platform if name else str(facts.get("platform", "")).lower(),
        datatake=_datatake(item, name),
        tile=_tile(item, name, bands[0].grid),
        baseline=_baseline(facts, name),
        made=str(facts.get("s2:generation_time") or (name.made if name else "") or facts.get("created") or ""),
        strip=str(facts.get("s2:datastrip_id", "")).rpartition("_S")[2].partition("_")[0],
        version=str(facts.get("updated") or facts.get("s2:generation_time") or facts.get("created") or ""),
        cloud=None if cloud is None else float(cloud) / 100,
    )


def _asset(item: pystac.Item, band: str) -> str:
    """The key of a band's asset of 10 m; raises BadBands."""
    found = _first(item, band) or next((key for key, asset in item.assets.items() if _is_band(asset, NAMES[band])), None)
    if found is None:
        raise BadBands(f"item {item.id} has no {band} band ({NAMES[band]}) of 10 m; its assets are {some(sorted(item.assets), 12)}")
    return found


def _first(item: pystac.Item, band: str) -> str | None:
    return next((key for key in KEYS[band] if key in item.assets), None)


def _is_band(asset: pystac.Asset, name: str) -> bool:
    """Whether an asset of another key is the one band of that name, of 10 m."""
    bands = asset.extra_fields.get("eo:bands") or asset.extra_fields.get("bands") or []
    gsd = asset.extra_fields.get("gsd") or (asset.extra_fields.get("proj:transform") or [None])[0]
    return len(bands) == 1 and bands[0].get("name") == name and gsd == GSD_M


def _href(item: pystac.Item, key: str, reading: Reading) -> str:
    """Where an asset is. An item from afar may name nothing on this machine, and none may name GDAL's own ways."""
    href = item.assets[key].get_absolute_href()
    from_afar = is_remote(reading.catalogue.url)
    if not href or href.startswith("/vsi") or (from_afar and not href.startswith(("http://", "https://", "s3://"))):
        raise BadSource(f"item {item.id} names '{shown(item.assets[key].href)}' as its {key}, which cannot be followed; needs http, https or s3")
    return str(href).removeprefix("file://")


def _grids(item: pystac.Item, keys: list[str], reading: Reading) -> dict[str, GeoBox]:
    """The grid of each asset, from the item, or from the file's header where the item does not say."""
    plain = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [url for url in item.stac_extensions if any(f"/{name}/" in url for name in EXTENSIONS)],
        "id": item.id,
        "geometry": item.geometry,
        "bbox": item.bbox,
        "links": [],
        "properties": {key: value for key, value in item.properties.items() if key.startswith("proj:")} | {"datetime": f"{_time(item).isoformat()}Z"},
        "assets": {key: item.assets[key].to_dict() | {"href": _href(item, key, reading)} for key in keys},
    }
    try:
        parsed = next(iter(parse_items([pystac.Item.from_dict(plain)])))
        found = {key: getattr(parsed.bands.get((key, 1)), "geobox", None) for key in keys}
    except (ValueError, KeyError, TypeError, pystac.STACError) as error:
        raise BadSource(f"item {item.id} has metadata that cannot be read: {type(error).__name__} {error}") from error
    known = {key: grid for key, grid in found.items() if isinstance(grid, GeoBox) and min(grid.shape) > 1 and grid.crs is not None}
    return {key: known[key] if key in known else blocks.facts(blocks.File(_href(item, key, reading), item.id, web=reading.web)).grid for key in keys}


def _radiometry(item: pystac.Item, assets: dict[str, str], name: productname.ProductName | None, reading: Reading) -> list[offsets.Radiometry]:
    """For blue, green, red, nir."""
    made = []
    for band in BANDS:
        asset = item.assets[assets[band]]
        scale, offset = _told(asset)
        unaltered = reading.catalogue.unaltered or asset.href.lower().partition("?")[0].endswith(".jp2")
        claims = offsets.Claims(
            item=f"item {item.id}",
            baseline=_baseline(item.properties, name),
            scale=scale,
            offset=offset,
            applied=_flag(item),
            product=(reading.offsets or {}).get(item.id),
            unaltered=unaltered,
            flag_wins=reading.catalogue.flag_wins,
        )
        made.append(offsets.decide(claims, scale=reading.scale, offset=reading.offset))
    return made


def _told(asset: pystac.Asset) -> tuple[float | None, float | None]:
    """Scale and offset of an asset's band: raster extension 1 (STAC 1.0), or 2 (1.1)."""
    old = (asset.extra_fields.get("raster:bands") or [{}])[0]
    new = asset.extra_fields | (asset.extra_fields.get("bands") or [{}])[0]
    scale, offset = old.get("scale", new.get("raster:scale")), old.get("offset", new.get("raster:offset"))
    if scale is not None and offset is None:
        offset = 0.0
    return (None if scale is None else float(scale)), (None if offset is None else float(offset))


def _flag(item: pystac.Item) -> bool | None:
    for key in ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied"):
        if isinstance(item.properties.get(key), bool):
            return bool(item.properties[key])
    return None


def _baseline(facts: Mapping[str, Any], name: productname.ProductName | None) -> tuple[int, int] | None:
    """As the properties say, or the product's name. Raises BadValues where they differ."""
    told = str(facts.get("s2:processing_baseline") or facts.get("processing:version") or "")
    major, dot, minor = told.partition(".")
    said = (int(major), int(minor)) if dot and major.isdecimal() and minor.isdecimal() else None
    if said and name and name.baseline and said != name.baseline:
        named = f"{name.baseline[0]:02d}.{name.baseline[1]:02d}"
        raise BadValues(f"the metadata of {facts.get('s2:product_uri', 'an item')} contradict each other: baseline {told}, by its name {named}\n{offsets.TELL}")
    return said or (name.baseline if name else None)


def _time(item: pystac.Item) -> datetime:
    moment = item.datetime or item.common_metadata.start_datetime
    if moment is None:
        raise BadSource(f"item {item.id} tells no date")
    return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)


def _datatake(item: pystac.Item, name: productname.ProductName | None) -> str:
    """The pass: S2A_20240503T105031; where nothing names it, satellite, day and orbit."""
    if name:
        return name.datatake
    told = str(item.properties.get("s2:datatake_id") or "")
    if told.startswith("GS2"):
        return "_".join(told[1:].split("_")[:2])
    return f"{item.properties.get('platform')}_{_time(item):%Y%m%d}_{item.properties.get('sat:relative_orbit')}"


def _tile(item: pystac.Item, name: productname.ProductName | None, grid: GeoBox) -> str:
    """31TCJ; where nothing names it, the corner of its pixels, which tells tiles apart as well."""
    told = str(item.properties.get("grid:code") or item.properties.get("s2:mgrs_tile") or "").removeprefix("MGRS-")
    return (name.tile if name else "") or told or f"{grid.crs} {grid.affine.c:g} {grid.affine.f:g}"
