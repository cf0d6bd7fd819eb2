"""Sentinel-2 L2A as MAJA makes it and Theia delivers it: folders or zips, one or a series.

From its own XML (`…_MTD_ALL.xml`) come the time, how numbers become reflectance, and which number says that there is
none; from its masks, what was seen clear. It has no offset: numbers go below zero instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import xarray as xr

from dione.base import area as areas
from dione.base import grid as grids
from dione.base import masks, period
from dione.base.area import Area
from dione.base.errors import BadSource, NotFound, faults
from dione.sources import stac
from dione.sources.archives.catalogues import Catalogue
from dione.sources.archives.stacassets import Reading
from dione.sources.delivered.fields import Fields
from dione.sources.places import File, shown, some
from dione.sources.rasters import headers
from dione.sources.sentinel import packing, theianames, xmlfile
from dione.sources.stacks.acquisitions import Product
from dione.sources.stacks.scenes import Flags, Layer, Scene

LEVEL = "L2A"
NOTHING = 255
"""What stands for a mask where it does not reach: every bit."""
TOGETHER = timedelta(minutes=10)
"""Tiles that one satellite saw within this are of one pass; the next orbit comes after a hundred."""


@dataclass(frozen=True)
class Facts:
    """What a product's XML says."""

    time: datetime
    platform: str
    """sentinel-2a"""
    tile: str
    quantification: float
    nodata: float
    made: str


def open(
    path: str | Path,
    *,
    area: Area | None = None,
    dates: tuple[str, str] | None = None,
    scale: float | None = None,
    offset: float | None = None,
) -> xr.Dataset:
    """A Stack of a product's folder, a zip of one, a folder that holds some, or a pattern; only metadata and headers are read now.

    area: box or GeoJSON in longitude and latitude; all of the UTM zone that most products lie in, if it is left out.
    dates: first and last day, both included. scale, offset: instead of what the metadata say.

    A pixel is valid where it has data, reflectance is possible, and none of the masks CLM, MG2, EDG, SAT speaks against
    it (`dione.base.masks.MAJA_UNFIT`). Raises NotFound, BadSource (damaged, cut off, or a zip that would write outside).
    """
    found = theianames.places(path)
    span = period.whole(dates) if dates else ("", "")
    reading = Reading(Catalogue(str(path)), scale=scale, offset=offset)
    made = [one for one in (_product(place, reading) for place in found) if _within(one.scene.time, span)]
    if not made:
        raise NotFound(f"no product in {shown(path)} from {span[0] or 'the first'} to {span[1] or 'the last'}; found {len(found)}")
    wanted = None if area is None else areas.geometry(area)
    return stac.of_products(_of_passes(made), reading, wanted, source=shown(path))


def _product(place: Path, reading: Reading) -> Product:
    with packing.opened(place, theianames.FORM) as product:
        facts = _facts(product)
        scene = _scene(product, facts, reading)
    return Product(scene, facts.platform, datatake="", tile=facts.tile, baseline=None, made=facts.made, version=facts.made)


def _facts(product: packing.Product) -> Facts:
    """Raises BadSource with every fault of the XML."""
    name = theianames.named(product.names, "MTD_ALL.xml")
    if name is None:
        raise BadSource(f"{product.root.name} is no whole product: needs …_MTD_ALL.xml, found {some(list(product.names))}\nfetch it again")
    fields = Fields(xmlfile.read(product.root / name))
    level = fields.text(".//PRODUCT_LEVEL", needed=True)
    if level and level != LEVEL:
        fields.faults.append(f"its level is {level}, needs {LEVEL}; bands of others are read by a pattern: '*_FRC_B[2348].tif'")
    time = fields.time(".//ACQUISITION_DATE")
    quantification = fields.number(".//REFLECTANCE_QUANTIFICATION_VALUE", needed=True)
    if quantification is not None and quantification <= 0:
        fields.faults.append(f"REFLECTANCE_QUANTIFICATION_VALUE is {quantification:g}, needs a number above 0")
    nodata = fields.whole(".//SPECIAL_VALUE[@name='nodata']", needed=True)
    platform = fields.text(".//PLATFORM", needed=True)
    if fields.faults or time is None or quantification is None or nodata is None:
        raise BadSource(faults(f"{product.root.name} has metadata that cannot be used", fields.faults, "fetch it again"))
    tile = product.root.name.partition("_T")[2][:5]
    return Facts(time, f"sentinel-2{platform[-1].lower()}", tile, quantification, nodata, fields.text(".//PRODUCTION_DATE"))


def _scene(product: packing.Product, facts: Facts, reading: Reading) -> Scene:
    """Raises BadSource with all that is missing, cut off or does not lie on the grid of the blue band."""
    kind = next((kind for kind in theianames.REFLECTANCE if theianames.named(product.names, f"{kind}_B2.tif")), theianames.REFLECTANCE[0])
    wrong: list[str] = []
    scale = 1 / facts.quantification if reading.scale is None else reading.scale
    told_by = "given" if reading.scale is not None or reading.offset is not None else f"the product's XML, {kind}"
    bands = [_layer(product, f"{kind}_{band}.tif", wrong) for band in theianames.FILES.values()]
    flags = [_layer(product, f"{mask}_R1.tif", wrong) for mask in theianames.MASKS]
    there = [layer for layer in (*bands, *flags) if layer]
    wrong += [
        f"{layer.path.rpartition('/')[2]} does not lie on the grid of the others: {', '.join(how)}"
        for layer in there[1:]
        if (how := grids.differences(there[0].grid, layer.grid))
    ]
    if wrong:
        raise BadSource(faults(f"{product.root.name} cannot be used", wrong, "it may be half copied: fetch it again"))
    image = tuple(replace(layer, scale=scale, offset=reading.offset or 0.0, nodata=facts.nodata, told_by=told_by) for layer in bands if layer)
    marks = tuple(
        Flags(replace(layer, nodata=NOTHING), masks.MAJA_UNFIT[mask], is_edge=mask == "EDG")
        for mask, layer in zip(theianames.MASKS, flags, strict=True)
        if layer
    )
    return Scene(facts.time, product.root.name, image, flags=marks)


def _layer(product: packing.Product, ending: str, wrong: list[str]) -> Layer | None:
    """One file as numbers; None, and what is wrong noted, where it cannot be used."""
    name = theianames.named(product.names, ending)
    if name is None:
        wrong.append(f"…_{ending} is missing")
        return None
    path = f"{product.seen_at}/{name}"
    zipped = path.startswith("/vsizip/")
    try:
        header = headers.read(File(path, name, 1 if zipped else Path(path).stat().st_size), whole=not zipped)
    except BadSource as error:
        wrong.append(str(error).partition("\n")[0])
        return None
    return Layer(path, 1, header.grid, 1.0, 0.0, None, "classes")


def _of_passes(products: Sequence[Product]) -> list[Product]:
    """The products with the pass that each was seen on, which their metadata do not name."""
    made: list[Product] = []
    for one in sorted(products, key=lambda one: (one.platform, one.scene.time)):
        last = made[-1] if made else None
        near = last is not None and last.platform == one.platform and one.scene.time - last.scene.time <= TOGETHER
        made.append(replace(one, datatake=last.datatake if last and near else f"{one.platform}_{one.scene.time:%Y%m%dT%H%M%S}"))
    return made


def _within(time: datetime, span: tuple[str, str]) -> bool:
    day = f"{time:%Y-%m-%d}"
    return (not span[0] or day >= span[0]) and (not span[1] or day <= span[1])
