"""Sentinel-2 products as ESA delivers them: `.SAFE` folders or zips of them, L1C and L2A, one or a series.

stactools-sentinel2 (the extra `safe`) makes a STAC item of each, and from there on they are read as those of an archive
are: passes put together across tiles, what was processed again counts once. Before that, each XML is read by
`dione.sources.sentinel.xmlfile`, which refuses what could do harm, and asked for the offset.
"""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
import pystac
import xarray as xr
from shapely.errors import ShapelyError

from dione.base import area as areas
from dione.base import period
from dione.base.area import Area
from dione.base.errors import BadSource, BadValues, DioneError, NotFound, faults
from dione.sources import stac
from dione.sources.archives import stacitems
from dione.sources.archives.catalogues import Catalogue
from dione.sources.archives.stacassets import Reading
from dione.sources.places import File, listing, shown
from dione.sources.rasters import headers
from dione.sources.sentinel import packing, xmlfile
from dione.sources.sentinel.safenames import places
from dione.sources.stacks.acquisitions import Product
from dione.sources.stacks.scenes import Layer

INSTALL = "pip install 'dione[safe]'"
FORM = packing.Form(re.compile("manifest.safe"), re.compile(r".*\.SAFE", re.IGNORECASE), "one NAME.SAFE folder, as ESA names it, with its manifest.safe")
LARGEST_OUTLINE = 100
"""Square degrees of the box around it."""
QUANTIFICATION = 10_000
OFFSETS = ("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET")
OURS = {"1", "2", "3", "7"}
"""band_id of B02, B03, B04 and B08."""


@dataclass(frozen=True)
class Made:
    """The item of one product, and what its XML says."""

    item: pystac.Item
    offset: float
    """To be added, reflectance."""
    root: Path
    """The folder that stactools saw."""
    seen_at: str
    """The same as rasterio opens it: the folder, or its place in a zip."""


def open(
    path: str | Path,
    *,
    area: Area | None = None,
    dates: tuple[str, str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    nbar: bool = False,
) -> xr.Dataset:
    """A Stack of a `.SAFE` folder, a zip of one, a folder that holds some, or a pattern; only metadata and headers are read now.

    area: box or GeoJSON in longitude and latitude; all of the UTM zone that most products lie in, if it is left out.
    dates: first and last day, both included. scale, offset: instead of what the metadata say.
    nbar: as if all was seen from straight above (L2A; the extra `nbar`).

    A pixel is valid where it has data, reflectance is possible, and SCL (L2A) says clear; in L1C clouds are still in.
    Raises DioneError without the extra, NotFound, BadSource (damaged, cut off, or a zip that would write outside),
    BadValues (contradictory offsets).
    """
    found = places(path)
    told = Reading(Catalogue(str(path), unaltered=True), scale=scale, offset=offset, nbar=nbar)
    span = period.whole(dates) if dates else ("", "")
    made = [product for place in found for product in _products(place, told) if _within(product, span)]
    if not made:
        raise NotFound(f"no product in {shown(path)} from {span[0] or 'the first'} to {span[1] or 'the last'}; found {len(found)}")
    wanted = None if area is None else areas.geometry(area)
    return stac.of_products(made, told, wanted, source=shown(path))


def _products(place: Path, told: Reading) -> list[Product]:
    """The product of one folder or zip, its files looked at."""
    with _item(place) as made:
        reading = replace(told, offsets={made.item.id: made.offset}, within=Path(made.root.anchor))  # looked at in _layer
        return [_placed(product, made) for product in stacitems.products([made.item], reading)]


@contextmanager
def _item(place: Path) -> Iterator[Made]:
    """The item, as long as its metadata are needed."""
    with packing.opened(place, FORM) as product:
        yield _made(product.root, product.seen_at)


def _made(root: Path, seen_at: str) -> Made:
    offset = _offset(_xml(root), root.name)
    return Made(_of_stactools(root), offset, root, seen_at)


def _xml(root: Path) -> Any:
    """The root of the product's own XML; every other one is looked at for harm too."""
    named = sorted(root.glob("MTD_MSIL*.xml"))
    if not (root / "manifest.safe").is_file() or not named:
        found = ", ".join(sorted(one.name for one in root.iterdir())) or "nothing"
        raise BadSource(f"{root.name} is no whole product: needs manifest.safe and MTD_MSIL1C.xml or MTD_MSIL2A.xml, found {found}\nfetch it again")
    _inside(xmlfile.read(root / "manifest.safe"), root.name)
    for xml in [root / "manifest.safe", *root.glob("GRANULE/*/*.xml"), *root.glob("*.xml")]:
        xmlfile.read(xml)
    product = xmlfile.read(named[0])
    _outline(product, root.name)
    return product


def _outline(product: Any, name: str) -> None:
    """Raise BadSource for an outline that is none, or too large for one product; stactools would make the whole earth of it."""
    for listed in product.iter("EXT_POS_LIST"):
        try:
            numbers = np.array([float(word) for word in (listed.text or "").split()])
        except ValueError:
            numbers = np.array([np.nan])
        latitudes, longitudes = numbers[0::2], numbers[1::2]
        placed = len(numbers) >= 8 and np.isfinite(numbers).all() and np.abs(latitudes).max() <= 90 and np.abs(longitudes).max() <= 180
        if not placed or np.ptp(latitudes) * min(np.ptp(longitudes), np.ptp(longitudes % 360)) > LARGEST_OUTLINE:
            raise BadSource(f"{name} has an outline that is none of a product: {(listed.text or '').strip():.80}\nit may be damaged: fetch it again")


def _inside(manifest: Element, name: str) -> None:
    """Raise BadSource for a manifest that leads out of the product: its metadata are opened by others."""
    named = [location.get("href", "") for location in manifest.iter("fileLocation")]
    outside = [href for href in named if ".." in href.replace("\\", "/").split("/") or href.startswith("/") or ":" in href]
    if outside:
        raise BadSource(f"{name} has a manifest that names '{outside[0]:.80}', which lies outside of it\nfetch it from where you trust it")


def _offset(product: Any, name: str) -> float:
    """What the XML says has to be added, reflectance; 0 if it says nothing, as before baseline 04.00."""
    numbers = {_number(one, name) for one in product.iter() if one.tag in ("QUANTIFICATION_VALUE", "BOA_QUANTIFICATION_VALUE")}
    if numbers - {float(QUANTIFICATION)}:
        raise BadValues(
            f"{name} has the quantification {sorted(numbers)}, needs {QUANTIFICATION}\nsay how its numbers become reflectance with --scale and --offset"
        )
    told = {_number(one, name) / QUANTIFICATION for one in product.iter() if one.tag in OFFSETS and one.get("band_id") in OURS}
    if len(told) > 1:
        raise BadValues(f"{name} has bands of different offsets: {sorted(told)}\nsay one with --offset")
    return told.pop() if told else 0.0


def _number(element: Element, name: str) -> float:
    try:
        return float(element.text or "")
    except ValueError as error:
        raise BadSource(f"{name} is damaged: its {element.tag} is '{element.text}', no number\nfetch it again") from error


def _of_stactools(root: Path) -> pystac.Item:
    try:
        from stactools.sentinel2.stac import create_item
    except ImportError as error:
        raise DioneError(f".SAFE products are read by stactools-sentinel2, which is not installed ({error})\ninstall the extra: {INSTALL}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of outlines that are wound the other way, as all of ESA's are
        try:
            item: pystac.Item = create_item(str(root))
        except _faults() as error:
            raise BadSource(f"{root.name} has metadata that cannot be read: {type(error).__name__} {shown(str(error))}\nfetch it again") from error
    return item


def _faults() -> tuple[type[Exception], ...]:
    """What stactools raises on metadata that are not as they should be; the roots of its own errors are plain ones."""
    from stactools.sentinel2.granule_metadata import GranuleMetadataError
    from stactools.sentinel2.product_metadata import ProductMetadataError
    from stactools.sentinel2.safe_manifest import ManifestError

    own = (ManifestError, ProductMetadataError, GranuleMetadataError)
    # SyntaxError is the root of lxml's, StopIteration comes of an outline without an area.
    return (*own, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError, SyntaxError, StopIteration, OverflowError, RecursionError, ShapelyError)


def _placed(product: Product, made: Made) -> Product:
    """The product with its files where they are; each has to be inside of it, whole, and on the grid that its metadata tell."""
    wrong: list[str] = []
    layers = {layer: _layer(layer, made, wrong) for layer in product.scene.layers}
    if wrong:
        raise BadSource(faults(f"{made.root.name} cannot be used", wrong, "it may be half copied: fetch it again"))
    scl = product.scene.scl
    return replace(product, scene=replace(product.scene, bands=tuple(layers[band] for band in product.scene.bands), scl=layers[scl] if scl else None))


def _layer(layer: Layer, made: Made, wrong: list[str]) -> Layer:
    try:
        inside = Path(layer.path).resolve().relative_to(made.root.resolve())
    except ValueError:
        wrong.append(f"its metadata name a file outside of it: {layer.path}")
        return layer
    moved = replace(layer, path=f"{made.seen_at}/{inside.as_posix()}")
    try:
        seen = _header(moved.path, inside.as_posix())
    except (BadSource, NotFound) as error:
        wrong.append(str(error).partition("\n")[0])
        return moved
    if seen.grid.shape != layer.grid.shape:
        wrong.append(f"{inside.name} has {seen.grid.shape[0]}×{seen.grid.shape[1]} px, its metadata say {layer.grid.shape[0]}×{layer.grid.shape[1]}")
    return moved


def _header(path: str, name: str) -> headers.Header:
    if path.startswith("/vsizip/"):
        return headers.read(File(path, name, 1), whole=False)
    if not Path(path).is_file():
        raise NotFound(f"{name} is missing")
    return headers.read(listing(path)[0])


def _within(product: Product, span: tuple[str, str]) -> bool:
    day = f"{product.scene.time:%Y-%m-%d}"
    return (not span[0] or day >= span[0]) and (not span[1] or day <= span[1])
