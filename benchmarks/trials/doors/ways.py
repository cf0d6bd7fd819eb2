"""Every door through which something from outside comes: a whole input, and how it is entered.

A door gives named values, so that what came of a spoilt input can be compared with what came of the whole one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import shapely
import xarray as xr
from rasterio.warp import transform_bounds
from shapely.geometry.base import BaseGeometry

from dione import recipe, sources
from dione.base import area, period, stack
from dione.nets import resolver
from dione.nets.older import imported, shiftnet
from dione.pairs import areas
from dione.pairs import regions as region_files
from dione.patches import store
from dione.patches.expression import chosen
from dione.patches.older import interchange, sample, tables
from dione.patches.simulated.build import SimulateConfig
from dione.pipeline.recipe import PipelineRecipe
from dione.prepare import naming
from dione.sources import vhr
from dione.sources.delivered import deliveries, scenetable, sensors
from dione.sources.remote import remotefile
from dione.training.config import TrainRecipe
from trials.doors import documents, rasters
from trials.doors.answers import Answers

Values = dict[str, Any]


@dataclass(frozen=True)
class Door:
    """One way in."""

    name: str
    make: Callable[[Path], str]
    """Writes a whole input below a folder; what `enter` takes."""
    enter: Callable[[str], Values]
    """Goes in, as far as the pixels. Raises DioneError."""
    spoil: str = "*"
    """Which of its files are spoilt."""
    whole: bool = True
    """A file that was cut short has to be noticed, or nothing is missing."""
    checked: bool = False
    """A byte that is another has to be noticed, or nothing is changed: the format has a checksum."""


def pixels(source: str, **options: Any) -> Values:
    """What is in a Stack, all of it. What breaks the Stack's own rules is no result."""
    opened = sources.open(source, **options)
    if opened["reflectance"].size > 50_000_000:  # a header may say so, and be right
        opened = opened.isel(y=slice(0, 256), x=slice(0, 256))
    return values_of(opened.load())


def values_of(made: xr.Dataset) -> Values:
    """A Stack's values; raises AssertionError where they are none."""
    bands = tuple(map(str, made["band"].values))
    stack.check(made, bands=bands)
    reflectance, valid = made["reflectance"].values, made["valid"].values
    seen = np.moveaxis(reflectance, 1, 0)[:, valid]
    assert np.isfinite(reflectance).all(), "reflectance that is not finite"
    assert not seen.size or (seen.min() >= -0.11 and seen.max() <= 1.61), f"valid pixels of {seen.min()} to {seen.max()}"
    grid = stack.grid_of(made)
    assert np.isfinite(grid.affine[:6]).all() and grid.affine.a > 0 > grid.affine.e, f"a grid at {tuple(grid.affine)[:6]}"
    return {"grid": f"{tuple(grid.affine)} {grid.crs}", "time": made["time"].values.astype(str), "reflectance": reflectance, "valid": valid}


@cache
def answers() -> Answers:
    """The server of this worker."""
    return Answers(rasters.HOST).__enter__()


def asked(folder: str, document: str = "") -> Values:
    """An archive that answers with what is in a folder."""
    served = answers()
    served.turn(Path(folder))
    remotefile.heads.forget()
    over = None if document else transform_bounds("EPSG:32631", "EPSG:4326", *rasters.TILE.boundingbox.bbox)
    return pixels(f"stac:{served.url}/{document}{'' if document else '#sentinel-2-l2a'}", area=over)


def scene(path: str) -> Values:
    """A VHR scene, and what its delivery's table says of it."""
    delivered = deliveries.scan(Path(path).parent) if hasattr(deliveries, "scan") else None
    return values_of(vhr.open(path).load()) | ({"delivered": repr(delivered)} if delivered else {})


def outline(found: area.Area) -> Values:
    """An area in degrees, as everything else takes it."""
    made: BaseGeometry = area.geometry(found)
    west, south, east, north = made.bounds
    assert np.isfinite(made.bounds).all() and west >= -180 and east <= 180 and south >= -90 and north <= 90, f"an area over {made.bounds}"
    return {"area": shapely.to_wkb(made.normalize())}


def text(path: str) -> str:
    return Path(path).read_bytes().decode("utf-8", "replace")


def rows(path: str) -> Values:
    """Scenes of a table, as products."""
    return {"rows": repr([scenetable.product_of(row) for row in scenetable.read(Path(path))])}


def regions(path: str) -> Values:
    """Areas of the regions of interest."""
    usable, faults = region_files.usable(region_files.read(path))
    return {"areas": repr(areas.areas(usable)), "faults": repr(faults)}


def kept_areas(path: str) -> Values:
    return {"areas": repr([(one, one.grid) for one in areas.read(Path(path))[0]])}


def kept_patches(path: str) -> Values:
    opened = store.read(Path(path))
    read = {name: np.concatenate([np.asarray(getattr(opened, name)[span]) for span in opened.spans()]) for name in ("lr", "valid", "hr")}
    return {**read, "rows": opened.rows(), "index": repr(opened.index.to_pylist())}


def network(path: str) -> Values:
    """A Resolver and what it says of a picture: nothing that is not finite where its weights are sound."""
    found = resolver.load(path)
    return {"about": repr(found.about), **documents.flat(found.net)}


def older_network(folder: str) -> Values:
    made = imported.import_checkpoint(Path(folder) / "HRNet.pth", Path(folder) / "out.safetensors", config=Path(folder) / "config.json")
    return network(str(made.path))


def older_sample(folder: str) -> Values:
    """A sample, its index, and what normalises it."""
    place = Path(folder)
    made, norms = sample.read(place / "one.npz"), tables.read(place)
    index = interchange.read_index(place)
    return {"features": made.features, "label": made.label, "facts": repr((made.times, made.reference_time, made.patchlet, made.country, norms, index))}


def condition(path: str) -> Values:
    import pyarrow as pa

    table = pa.table({"ssim": [0.1, 0.5], "views": [2, 4], "site": ["a", "c"], "shadow": [True, False]})
    return {"rows": chosen(table, text(path))}


def settings(path: str, kind: Any) -> Values:
    return {"recipe": repr(recipe.read(Path(path), kind))}


DOORS = (
    Door("GeoTIFF, deflated", rasters.geotiffs, pixels, "2024-05-01.tif", checked=True),
    Door("GeoTIFF, not packed", partial(rasters.geotiffs, compress="none"), pixels, "2024-05-01.tif"),
    Door("GeoTIFF, LZW, tiled", partial(rasters.geotiffs, compress="lzw", predictor=2, tiled=True, blockxsize=16, blockysize=16), pixels, "2024-05-01.tif"),
    Door("GeoTIFF, ZSTD, BigTIFF", partial(rasters.geotiffs, compress="zstd", bigtiff="yes", interleave="band"), pixels, "2024-05-01.tif"),
    Door("GeoTIFF, floats", rasters.floats, pixels, checked=True),
    Door("GeoTIFF, cloud-optimised", partial(rasters.geotiffs, driver="COG", compress="deflate"), pixels, "2024-05-06.tif", checked=True),
    Door("JPEG 2000", rasters.jpeg2000, pixels, "*_B0*.jp2"),
    Door(".SAFE, its XML", rasters.safe, pixels, "*.[xs][ma]*"),
    Door(".SAFE, its pictures", rasters.safe, pixels, "*_10m.jp2"),
    Door(".SAFE, zipped", rasters.zipped, pixels, "*.zip"),
    Door("Theia, its XML", rasters.muscate, pixels, "*.xml"),
    Door("EOPatch, .npy", rasters.eopatch, partial(pixels, bands=("blue", "green", "red", "nir"))),
    Door("EOPatch, .npy.gz", partial(rasters.eopatch, how="npy.gz"), partial(pixels, bands=("blue", "green", "red", "nir")), "*.gz", checked=True),
    Door("EOPatch, .zarr", partial(rasters.eopatch, how="zarr"), partial(pixels, bands=("blue", "green", "red", "nir")), whole=False),
    Door("EOPatch of 2021, pickles", rasters.pickled, partial(pixels, bands=("blue", "green", "red", "nir")), "*.pkl"),
    Door("Zarr Stack, pixels", rasters.stored, pixels, "[0-9]", checked=True),
    Door("Zarr Stack, metadata", rasters.stored, pixels, "zarr.json"),
    Door("STAC item", rasters.items, pixels, "item.json"),
    Door("STAC item, its files", rasters.items, pixels, "*.tif"),
    Door("STAC API, its answers", rasters.archive, asked, "[is][ne]*.json"),
    Door("STAC API, far files", rasters.archive, asked, "*.tif", checked=True),
    Door("STAC, static, far", rasters.archive, partial(asked, document="catalog.json"), "[ci]*.json"),
    Door("DIMAP", rasters.dimap, scene, "*.dim"),
    Door("VHR raster", rasters.dimap, scene, "*.tif", checked=True),
    Door("area, GeoJSON", documents.geojson, lambda path: outline(naming.parse(path))),
    Door("area, GeoJSON with a CRS", documents.geojson_elsewhere, lambda path: outline(naming.parse(path))),
    Door("area, WKT", documents.wkt, lambda path: outline(naming.parse(text(path), size_m=None)), whole=False),
    Door("area, GeoPackage", documents.geopackage, lambda path: outline(naming.parse(path)), whole=False),
    Door("dates", documents.period, lambda path: {"dates": period.parse(text(path))}, whole=False),
    Door("condition", documents.condition, condition, whole=False),
    Door("recipe, simulate", partial(documents.recipe, name="simulate.toml"), partial(settings, kind=SimulateConfig), whole=False),
    Door("recipe, train", partial(documents.recipe, name="setsr-s.toml"), partial(settings, kind=TrainRecipe), whole=False),
    Door("recipe, run", partial(documents.recipe, name="deimos.toml"), partial(settings, kind=PipelineRecipe), whole=False),
    Door("table of sensors", documents.sensors, lambda path: {"sensors": repr(sensors.table(path))}, whole=False),
    Door("regions of interest", documents.geojson, regions),
    Door("table of areas", documents.areas_table, kept_areas),
    Door("table of scenes", documents.scenes_table, rows, "*.parquet"),
    Door("patch store, pixels", documents.patches, kept_patches, "[0-9]", checked=True),
    Door("patch store, the rest", documents.patches, kept_patches, "*.[jp][sa]*"),
    Door("weights", documents.weights, network),
    Door("weights of ShiftNet", documents.shift_weights, lambda path: documents.flat(shiftnet.load(Path(path)))),
    Door(".pth", documents.checkpoint, older_network, "*.pth"),
    Door(".pth, as it was", partial(documents.checkpoint, zipped=False), older_network, "*.pth"),
    Door("config.json", documents.checkpoint, older_network, "config.json"),
    Door("sample, .npz", documents.older, older_sample, "*.npz", checked=True),
    Door("sample, its tables", documents.older, older_sample, "*.pq"),
)
