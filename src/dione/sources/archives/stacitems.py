"""STAC items as products. Past this file there is no STAC dictionary."""

from collections.abc import Iterable, Mapping
from typing import Any

import pystac
from odc.geo.geobox import GeoBox
from pyproj.exceptions import ProjError

from dione.base.bands import BANDS
from dione.base.errors import BadSource, BadValues, faults
from dione.sources.archives import stacassets
from dione.sources.archives.stacassets import Reading
from dione.sources.sentinel import offsets, productname
from dione.sources.stacks import scaling
from dione.sources.stacks.acquisitions import Product
from dione.sources.stacks.scenes import Layer, Scene

FAULTS = (KeyError, TypeError, AttributeError, ValueError, IndexError, AssertionError, RecursionError, OverflowError, pystac.STACError, ProjError)
"""What fields of other kinds than they should be lead to."""
NODATA = 0
"""Of every Sentinel-2 product, whether or not the item says so (Products Specification)."""


def products(items: Iterable[pystac.Item], reading: Reading) -> list[Product]:
    """What the items hold. Raises BadBands, BadValues, BadSource with the faults of all of them."""
    made: list[Product] = []
    wrong: list[BadSource] = []
    for item in items:
        try:
            if not isinstance(item.id, str) or not item.id:
                raise BadSource(f"an item has no id but {item.id!r:.40}")
            made.append(_product(item, reading))
        except BadSource as error:
            wrong.append(error)
        except FAULTS as error:
            wrong.append(BadSource(f"item {item.id} has metadata that cannot be read: {type(error).__name__} {error}"))
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        kind = BadValues if all(isinstance(one, BadValues) for one in wrong) else BadSource
        lines = [str(one).replace("\n", "\n    ") for one in wrong[:5]]
        raise kind(faults(f"{len(wrong)} of {len(wrong) + len(made)} items cannot be used", lines + [f"and {len(wrong) - 5} more"] * (len(wrong) > 5)))
    return made


def _product(item: pystac.Item, reading: Reading) -> Product:
    facts = item.properties
    named = (productname.parse(str(text or "")) for text in (facts.get("s2:product_uri"), facts.get("sentinel:product_id"), item.id))
    name = next(filter(None, named), None)
    assets = {band: stacassets.asset(item, band) for band in BANDS}
    scl = stacassets.first(item, "scl")
    keys = [*assets.values(), *([scl] if scl else [])]
    grids = stacassets.grids(item, keys, reading)
    radiometry = _radiometry(item, assets, name, reading)
    bands = tuple(
        Layer(stacassets.href(item, assets[band], reading), 1, grids[assets[band]], told.scale, told.offset, NODATA, told.told_by)
        for band, told in zip(BANDS, radiometry, strict=True)
    )
    classes = Layer(stacassets.href(item, scl, reading), 1, grids[scl], 1.0, 0.0, NODATA, "classes") if scl else None
    cloud = facts.get("eo:cloud_cover")
    return Product(
        scene=Scene(stacassets.sensed(item), item.id, bands, classes),
        platform=name.platform if name else str(facts.get("platform", "")).lower(),
        datatake=_datatake(item, name),
        tile=_tile(item, name, bands[0].grid),
        baseline=_baseline(facts, name),
        made=str(facts.get("s2:generation_time") or (name.made if name else "") or facts.get("created") or ""),
        strip=_strip(facts),
        version=stacassets.version(item, keys, reading),
        level=name.level if name else "",
        cloud=None if cloud is None else float(cloud) / 100,
        factors=stacassets.factors(item, reading) if reading.nbar else None,
    )


def _radiometry(item: pystac.Item, assets: dict[str, str], name: productname.ProductName | None, reading: Reading) -> list[offsets.Radiometry]:
    """For blue, green, red, nir."""
    made = []
    for band in BANDS:
        asset = item.assets[assets[band]]
        scale, offset = _told(item, assets[band], reading)
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
        told = offsets.decide(claims, scale=reading.scale, offset=reading.offset)
        if wrong := scaling.wrong(told.scale, told.offset):
            raise BadValues(faults(f"the {band} band of item {item.id} cannot become reflectance", wrong, "tell both: --scale 0.0001 --offset -0.1 (or 0)"))
        made.append(told)
    return made


def _told(item: pystac.Item, key: str, reading: Reading) -> tuple[float | None, float | None]:
    """Scale and offset of an asset's band: raster extension 1 (STAC 1.0), or 2 (1.1). Raises BadValues where both are there and differ, and none is given."""
    fields = item.assets[key].extra_fields
    old, new = (fields.get("raster:bands") or [{}])[0], fields | (fields.get("bands") or [{}])[0]
    made: list[float | None] = []
    for name, given in (("scale", reading.scale), ("offset", reading.offset)):
        told = [float(one) for one in (old.get(name), new.get(f"raster:{name}")) if one is not None]
        if len(told) == 2 and told[0] != told[1] and given is None:
            wrong = [f"raster:bands of its {key} say {name} {told[0]:g}", f"raster:{name} says {told[1]:g}"]
            raise BadValues(faults(f"the metadata of item {item.id} contradict each other", wrong, f"tell it with --{name}"))
        made.append(told[0] if told else None)
    scale, offset = made
    return scale, 0.0 if scale is not None and offset is None else offset


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


def _datatake(item: pystac.Item, name: productname.ProductName | None) -> str:
    """The pass: S2A_20240503T105031; where nothing names it, satellite, day and orbit."""
    if name:
        return name.datatake
    told = str(item.properties.get("s2:datatake_id") or item.properties.get("eopf:datatake_id") or "")
    if told.startswith("GS2"):
        return "_".join(told[1:].split("_")[:2])
    return f"{item.properties.get('platform')}_{stacassets.sensed(item):%Y%m%d}_{item.properties.get('sat:relative_orbit')}"


def _strip(facts: Mapping[str, Any]) -> str:
    """When the datastrip began; where none is named (Earth Search before v1, Digital Earth Africa), which product of its tile and day this is."""
    told = str(facts.get("s2:datastrip_id") or facts.get("eopf:datastrip_id") or "")
    return told.rpartition("_S")[2].partition("_")[0] or str(facts.get("sentinel:sequence") or "")


def _tile(item: pystac.Item, name: productname.ProductName | None, grid: GeoBox) -> str:
    """31TCJ; where nothing names it, the corner of its pixels, which tells tiles apart as well."""
    told = str(item.properties.get("grid:code") or item.properties.get("s2:mgrs_tile") or "").removeprefix("MGRS-")
    return (name.tile if name else "") or told or f"{grid.crs} {grid.affine.c:g} {grid.affine.f:g}"
