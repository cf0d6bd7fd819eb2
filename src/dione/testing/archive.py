"""A made-up archive of Sentinel-2: products as cloud-optimised GeoTIFFs, and STAC items as real catalogues write them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.shutil import copy
from rasterio.warp import transform_geom
from shapely.geometry import shape

from dione.testing import rasters

Style = Literal["earth-search", "planetary-computer", "cdse"]
BANDS = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08"}
KEYS: dict[Style, dict[str, str]] = {
    "earth-search": {band: band for band in BANDS} | {"scl": "scl"},
    "planetary-computer": BANDS | {"scl": "SCL"},
    "cdse": {band: f"{name}_10m" for band, name in BANDS.items()} | {"scl": "SCL_20m"},
}
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
RASTER = "https://stac-extensions.github.io/raster/v1.1.0/schema.json"
PROJECTION = "https://stac-extensions.github.io/projection/v1.1.0/schema.json"


@dataclass(frozen=True)
class MadeProduct:
    """One product of one tile: its name's parts, its pixels, and what its catalogue says of them."""

    numbers: NDArray[np.uint16]
    """(band, y, x) as the files hold them; 0 is no data."""
    grid: GeoBox
    """Of 10 m."""
    scl: NDArray[np.uint8] | None = None
    """(y, x) at 20 m; None for an L1C product."""
    tile: str = "31TCJ"
    start: str = "20240503T105031"
    """Of the datatake; the item's time too."""
    platform: str = "A"
    baseline: str = "05.10"
    made: str = "20240503T160000"
    style: Style = "earth-search"
    applied: bool | None = None
    """Whether the catalogue says that it has applied the offset; None if it does not speak of it."""
    offset: float | None = None
    """What raster:bands say; None if they say nothing."""
    cloud: float = 0.0
    """Per cent, of the tile."""

    @property
    def level(self) -> str:
        return "1C" if self.scl is None else "2A"

    @property
    def name(self) -> str:
        return f"S2{self.platform}_MSIL{self.level}_{self.start}_N{self.baseline.replace('.', '')}_R051_T{self.tile}_{self.made}"

    def changed(self, **parts: Any) -> "MadeProduct":
        return replace(self, **parts)


def write(product: MadeProduct, folder: Path, *, block: int = 512) -> dict[str, Path]:
    """The product's files by band: blue, green, red, nir and, of L2A, scl."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        band: _cog(numbers, product.grid, folder / f"{product.name}_{BANDS[band]}.tif", block) for band, numbers in zip(BANDS, product.numbers, strict=True)
    }
    if product.scl is not None:
        made["scl"] = _cog(product.scl, coarser(product.grid), folder / f"{product.name}_SCL.tif", block)
    return made


def item(product: MadeProduct, hrefs: Mapping[str, str], collection: str = "sentinel-2-l2a") -> dict[str, Any]:
    """The product's STAC item, in the style of its catalogue."""
    moment = datetime.strptime(product.start, "%Y%m%dT%H%M%S")
    ring = [product.grid.affine * corner for corner in ((0, 0), (0, product.grid.shape[0]), product.grid.shape[::-1], (product.grid.shape[1], 0), (0, 0))]
    outline = transform_geom(str(product.grid.crs), "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})
    properties: dict[str, Any] = {
        "datetime": f"{moment.isoformat()}.024000Z",
        "platform": f"sentinel-2{product.platform.lower()}",
        "constellation": "sentinel-2",
        "eo:cloud_cover": product.cloud,
        "proj:epsg": product.grid.crs.to_epsg() if product.grid.crs else None,
        "s2:product_uri": f"{product.name}.SAFE",
        "s2:processing_baseline": product.baseline,
        "s2:datatake_id": f"GS2{product.platform}_{product.start}_046277_N{product.baseline}",
        "s2:datastrip_id": f"S2{product.platform}_OPER_MSI_L2A_DS_2APS_{product.made}_S{product.start}_N{product.baseline}",
        "s2:generation_time": datetime.strptime(product.made, "%Y%m%dT%H%M%S").isoformat() + "Z",
    }
    if product.applied is not None:
        properties["earthsearch:boa_offset_applied"] = product.applied
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [PROJECTION, RASTER],
        "id": product.name,
        "collection": collection,
        "geometry": outline,
        "bbox": list(shape(outline).bounds),
        "properties": properties,
        "links": [],
        "assets": {KEYS[product.style][band]: _asset(product, band, href) for band, href in hrefs.items()},
    }


def coarser(grid: GeoBox) -> GeoBox:
    """The same ground in pixels twice as large."""
    return GeoBox((-(-grid.shape[0] // 2), -(-grid.shape[1] // 2)), grid.affine * Affine.scale(2), grid.crs)


def _asset(product: MadeProduct, band: str, href: str) -> dict[str, Any]:
    grid = coarser(product.grid) if band == "scl" else product.grid
    made: dict[str, Any] = {"href": href, "type": COG, "roles": ["data"], "proj:shape": list(grid.shape), "proj:transform": list(grid.affine)[:6]}
    if band == "scl":
        return made | {"raster:bands": [{"nodata": 0, "data_type": "uint8", "spatial_resolution": 20}]}
    made |= {"gsd": 10, "eo:bands": [{"name": BANDS[band], "common_name": band}]}
    if product.offset is not None:
        made["raster:bands"] = [{"nodata": 0, "data_type": "uint16", "spatial_resolution": 10, "scale": 0.0001, "offset": product.offset}]
    return made


def _cog(numbers: NDArray[Any], grid: GeoBox, path: Path, block: int) -> Path:
    plain = rasters.write(path.with_suffix(".plain.tif"), numbers, grid, nodata=0)
    copy(plain, path, driver="COG", compress="deflate", blocksize=block, overview_resampling="average")
    plain.unlink()
    return path
