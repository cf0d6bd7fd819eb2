"""A folder of delivered VHR scenes, looked through once: what can be used, what belongs together, what cannot be used and why.

One bad scene stops no other.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from shapely.geometry import Polygon

from dione.base.crs import DEGREES, turned
from dione.base.errors import BadGrid, BadSource, DioneError, NotFound, faults, grouped
from dione.base.grid import north_up
from dione.sources import vhr
from dione.sources.delivered import eoproducts, plainvhr
from dione.sources.delivered.product import Product
from dione.sources.delivered.sensors import SENSORS, Sensor
from dione.sources.places import File, listing, shown

DEPTH = 8
"""Folders below the one that is looked through."""
RASTERS = (".tif", ".tiff")
MARKS = ("dim_*.xml", "*_metadata*.xml", "*_metadata*.json", "*.imd", "*.til")
"""Names of metadata: SPOT 6/7 and Pléiades (DIMAP 2), PlanetScope and SkySat, Maxar."""
TOGETHER = timedelta(seconds=10)
"""The two rasters of a scene are taken within this."""
OVERLAP = 0.5
"""They share this fraction of the smaller one's ground, and so do two deliveries of one scene."""


@dataclass(frozen=True)
class Failed:
    """A scene that cannot be used."""

    path: str
    why: str


@dataclass(frozen=True)
class Scan:
    """What a folder holds."""

    products: tuple[Product, ...]
    """In order of time, multispectral before its pan; both carry one scene's name."""
    failed: tuple[Failed, ...] = ()

    def complain(self) -> None:
        """Raise BadSource with every failure, if there is one."""
        total = len(self.products) + len(self.failed)
        complain(self.failed, f"of {total} rasters failed; {'the others are in the table' if self.products else 'there is no other, so no table was written'}")


def complain(failed: tuple[Failed, ...], of: str) -> None:
    """Raise BadSource with every failure, if there is one. of: how many there are of what, and what became of the others."""
    if failed:
        raise BadSource(faults(f"{len(failed)} {of}", grouped((shown(one.path), one.why) for one in failed)))


def scan(folder: str | Path, *, told: plainvhr.Told = plainvhr.Told(), sensors: Mapping[str, Sensor] = SENSORS) -> Scan:
    """Every scene below `folder`: each `.dim`, and each other GeoTIFF if `told` names their sensor, or else each product of EOReader.

    Raises NotFound when there is none; what cannot be read, is there twice, or is pan alone or a second one comes back as failed.
    """
    files = listing(folder, depth=DEPTH)
    dims = [file.path for file in files if file.name.lower().endswith(".dim")]
    rasters = [file.path for file in files if file.name.lower().endswith(RASTERS)] if told.sensor else []
    found: list[Product] = []
    failed: list[Failed] = []
    for path in dims:
        _try(path, found, failed, lambda path: vhr.read(path, sensors=sensors))
    described = {product.raster for product in found} | {f"{dim[:-4]}{ending}" for dim in dims for ending in RASTERS}
    for path in (path for path in rasters if path not in described):
        _try(path, found, failed, lambda path: plainvhr.read(path, told, sensors=sensors))
    for path in [] if told.sensor else marked(files):
        if not any(f"{path}/".startswith(f"{product.raster}/") for product in found):
            _try(path, found, failed, lambda path: vhr.read(_product_of(path, str(folder)), sensors=sensors))
    if not found and not failed:
        needs = "needs .dim files (Deimos-2, GEOSAT-2), folders of SPOT 6/7, Pléiades, PlanetScope or Maxar as delivered, or GeoTIFFs and their --sensor"
        raise NotFound(f"no VHR scene in {shown(folder)}, which holds {len(files)} files\n{needs}")
    return _sorted(found, failed)


def _try(path: str, found: list[Product], failed: list[Failed], read: Callable[[str], Product]) -> None:
    try:
        found.append(_placed(read(path)))
    except DioneError as error:
        failed.append(Failed(path, str(error)))


def _placed(product: Product) -> Product:
    """The product itself, if its raster lies on a map, rows going south; raises BadGrid."""
    if product.grid.crs is None:
        raise BadGrid("the raster has no CRS: dione needs orthorectified scenes\nif it is one, give the file its CRS: gdal_edit -a_srs EPSG:32631 FILE")
    north_up(product.grid, "the raster")
    return product


def marked(files: Iterable[File]) -> list[str]:
    """The folders that hold metadata of a product that EOReader may know."""
    return sorted({file.path.rpartition("/")[0] for file in files if any(fnmatchcase(file.name.rpartition("/")[2].lower(), mark) for mark in MARKS)})


def _product_of(folder: str, top: str) -> str:
    """The product that a folder with metadata belongs to: itself or the nearest around it, up to `top`, that EOReader knows; itself where none is."""
    around = (str(place) for place in (Path(folder), *Path(folder).parents) if place.is_relative_to(top))
    return next((place for place in around if eoproducts.knows(place)), folder)


def _sorted(found: list[Product], failed: list[Failed]) -> Scan:
    """Pairs of multispectral and pan, each with a name of its own; doubles and lonely pans fail."""
    kept: list[Product] = []
    lonely: list[Product] = []
    for kind in ("ms", "pan"):
        kept = _told_apart(kept)
        for product in sorted((one for one in found if one.kind == kind), key=lambda one: (one.time, one.scene)):
            double = next((one for one in kept if one.kind == kind and one.time == product.time and together(one, product)), None)
            partner = next(iter(_partners(product, kept)), None)
            if double:
                failed.append(Failed(_path(product), f"taken at the same time as {_path(double)}, over the same ground: delivered twice? Keep one of them"))
            elif kind == "pan" and partner is None:
                lonely.append(product)
            elif partner and (other := next((one for one in kept if one.kind == "pan" and one.scene == partner.scene), None)):
                why = f"goes with {_path(partner)}, and so does {_path(other)}: one scene has one panchromatic raster"
                failed.append(Failed(_path(product), f"{why}\nkeep one of them; if they are parts of one, put them together: gdalbuildvrt, gdal_translate"))
            else:
                kept.append(replace(product, scene=partner.scene) if partner else product)
    why = "panchromatic without a multispectral raster of the same time and ground that can be used: it has no colours, and its clouds cannot be found"
    why += "\nput the multispectral raster beside it, or take it out of the folder"
    failed += [Failed(_path(product), why) for product in lonely]
    return Scan(tuple(sorted(kept, key=lambda one: (one.time, one.scene, one.kind))), tuple(failed))


def _told_apart(kept: list[Product]) -> list[Product]:
    """Scenes that would have one name are called by the folders in which they differ, too."""
    alike: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for one in kept:
        alike[one.scene].append(PurePosixPath(one.raster).with_suffix("").parts)

    def name(one: Product) -> str:
        places = alike[one.scene]
        shared = next((depth for depth, parts in enumerate(zip(*places, strict=False)) if len(set(parts)) > 1), 0)
        return "_".join(PurePosixPath(one.raster).with_suffix("").parts[shared:]) if len(places) > 1 else one.scene

    return [replace(one, scene=name(one)) for one in kept]


def _partners(pan: Product, kept: list[Product]) -> Iterator[Product]:
    """The multispectral rasters that a pan may belong to, nearest in time first."""
    if pan.kind == "pan":
        near = [one for one in kept if one.kind == "ms" and together(one, pan)]
        yield from sorted(near, key=lambda one: abs(one.time - pan.time))


def together(one: Product, other: Product) -> bool:
    """Whether two rasters were taken within TOGETHER and share OVERLAP of the smaller one's ground."""
    if abs(one.time - other.time) > TOGETHER:
        return False
    a, b = outline(one), outline(other)
    return bool(a.intersection(b).area > OVERLAP * min(a.area, b.area))


def outline(product: Product) -> Polygon:
    """The raster's corners in longitude and latitude."""
    rows, columns = product.grid.shape
    corners = [product.grid.affine * corner for corner in ((0, 0), (columns, 0), (columns, rows), (0, rows))]
    placed = Polygon(corners)
    return placed if product.grid.crs is None else turned(placed, source=str(product.grid.crs), target=DEGREES)


def _path(product: Product) -> str:
    return product.metadata or product.raster
