"""Sentinel-2 out of a STAC catalogue as a Stack: search, one date a pass, one grid, pixels read when asked for.

stac:earth-search                      a catalogue by its name, collection sentinel-2-l2a
stac:earth-search#sentinel-2-c1-l2a    another of its collections
stac:https://host/v1#collection        any API
stac:catalog.json, stac:item.json      files
"""

import logging
import os
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import xarray as xr
from shapely.geometry.base import BaseGeometry

from dione.base import area as areas
from dione.base import period, stack
from dione.base.area import Area
from dione.base.errors import BadRecipe, BadSource
from dione.sources.archives import stacsearch
from dione.sources.archives.catalogues import Catalogue, named
from dione.sources.archives.stacassets import Reading
from dione.sources.archives.stacitems import products
from dione.sources.places import is_remote, shown
from dione.sources.remote.addresses import host_of
from dione.sources.remote.patience import Patience
from dione.sources.remote.web import Web
from dione.sources.stacks import lazy, scenes
from dione.sources.stacks.acquisitions import Acquisition, Product, acquisitions
from dione.sources.stacks.mosaic import Classes, Mosaics
from dione.sources.stacks.placing import grid_for

log = logging.getLogger(__name__)

ZIPPED = "/vsizip/"
"""How the path of a file in a zip begins."""


def open(
    source: str,
    *,
    area: Area | None = None,
    dates: tuple[str, str] | None = None,
    max_scene_cloud: float | None = None,
    scale: float | None = None,
    offset: float | None = None,
    nbar: bool = False,
) -> xr.Dataset:
    """A Stack of what a catalogue holds over an area and a period; only metadata are read now.

    area: box or GeoJSON in longitude and latitude; may be left out for files. Whole pixels that it touches are taken.
    dates: first and last day (or month, year), both included; '' leaves a side open.
    max_scene_cloud: leave out tiles that their catalogue calls cloudier, 0–1.
    scale, offset: reflectance is number × scale + offset; else by the metadata: `dione.sources.sentinel.offsets`.
    nbar: as if all was seen from straight above (L2A; the extra `nbar`).

    A pixel is valid where it has data, reflectance is possible, and SCL, if there is one, says clear.
    Raises BadRecipe, NotFound (with what would match), BadSource, BadBands, BadValues (contradictory offsets).
    """
    catalogue = named(source)
    if area is None and is_remote(catalogue.url) and not urlsplit(catalogue.url).path.endswith(".json"):
        raise BadRecipe(f"{shown(source)} is larger than any disk: say where\ngive --area, e.g. --area 0.60,43.65,0.75,43.75, and --dates 2024-05/2024-08")
    trusted = frozenset({host_of(catalogue.url), urlsplit(catalogue.url).hostname or ""}) if is_remote(catalogue.url) else frozenset()
    web = Web(trusted, catalogue.signer, Patience.told(), catalogue.credentials)
    wanted = stacsearch.Wanted(None if area is None else areas.geometry(area), period.whole(dates) if dates else None, max_scene_cloud)
    items = stacsearch.found(catalogue, wanted, web)
    reading = Reading(catalogue, web, scale, offset, nbar)
    return of_products(products(items, reading), reading, wanted.area, source=shown(source))


def of_products(made: Sequence[Product], reading: Reading, area: BaseGeometry | None, *, source: str) -> xr.Dataset:
    """A Stack of products that were found, on one grid. Raises BadSource (two levels), NotFound, BadGrid, NotAStack."""
    _one_level(made, source)
    grid = grid_for([product.grid for product in made], area)
    series = acquisitions(made, grid)
    mosaics = Mosaics(tuple(series), grid, reading.web)
    reflectance, valid = lazy.arrays(mosaics)
    notes = {
        "source": source,
        "identity": _identity(series),
        "offset_told_by": "given" if reading.offset is not None else "metadata",
        **_notes(made, series, reading.catalogue),
    }
    result = stack.make(reflectance, valid, _times(series), grid, items=[one.item for one in series], **notes)
    result = result.assign_coords(platform=("time", np.array([one.platform for one in series], dtype=str)))
    if all(product.scene.classes for one in series for product in one.products):
        result["clear"] = (stack.DIMS["valid"], lazy.arrays(Classes(mosaics), bands=0)[1])
    return result


def _one_level(made: Sequence[Product], source: str) -> None:
    """Raise BadSource for L1C among L2A: reflectance at the top of the atmosphere is no further date of that on the ground."""
    levels = {product.level: product.scene.item for product in made if product.level}
    if len(levels) > 1:
        told = ", ".join(f"L{level} ({levels[level]})" for level in sorted(levels))
        raise BadSource(f"{source} holds products of two levels, {told}, whose reflectance is made in two ways\nname one kind alone, e.g. '*_MSIL2A_*.SAFE'")


def _times(series: Sequence[Acquisition]) -> list[np.datetime64]:
    """Of each date; two passes of the same second stay apart by one."""
    times: list[np.datetime64] = []
    for one in series:
        moment = np.datetime64(one.time, "us")
        later = not times or moment.astype("datetime64[s]") > times[-1].astype("datetime64[s]")
        times.append(moment if later else times[-1] + np.timedelta64(1, "s"))
    return times


def _identity(series: Sequence[Acquisition]) -> str:
    """A hash of which products, in which version and read how, make the series; of files on this disk also when they were written."""
    told = [
        (product.scene.item, product.version, [(band.scale, band.offset) for band in product.scene.bands], product.factors is not None, _written(product))
        for one in series
        for product in one.products
    ]
    return blake2b(repr(told).encode(), digest_size=12).hexdigest()


def _written(product: Product) -> list[tuple[int, int]]:
    """Size and age of the files on this disk, or of the zip that they are in: whoever makes them anew need not say so in metadata."""
    paths = [layer.path.removeprefix(ZIPPED) for layer in product.scene.layers if not is_remote(layer.path)]
    files = (next(place for place in (Path(path), *Path(path).parents) if os.path.exists(place)) for path in paths)
    return [(facts.st_size, facts.st_mtime_ns) for facts in map(Path.stat, files)]


def _notes(made: Sequence[Product], series: Sequence[Acquisition], catalogue: Catalogue) -> dict[str, str]:
    used = [product for one in series for product in one.products]
    notes = {"radiometry": scenes.radiometry([product.scene for product in used])}
    if len(used) < len(made):
        notes["left_out"] = f"{len(made) - len(used)} products that were processed again since"
    if baselines := sorted({f"{one.baseline[0]:02d}.{one.baseline[1]:02d}" for one in used if one.baseline}):
        notes["baselines"] = ", ".join(baselines)
    if platforms := sorted({one.platform for one in used if one.platform}):
        notes["platforms"] = ", ".join(platforms)
    if used[0].factors is not None:
        notes["view"] = "straight above: c-factor of Roy et al. 2016, by sen2nbar"
    without = [product.scene.item for product in used if not product.scene.classes]
    if without:
        notes["clouds"] = f"no cloud mask: {len(without)} of {len(used)} products have no scene classification (L1C)"
        log.warning("%s; clouds are still in: mask them with dione.prepare.csmask, or take L2A", notes["clouds"])
    return notes
