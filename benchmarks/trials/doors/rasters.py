"""Whole inputs of the doors through which imagery comes: small, made up, one folder each."""

import gzip
import json
import pickle
import sys
import types
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import xarray as xr
import zarr
from rasterio.shutil import copy

from dione import testing
from dione.base import stack as stacks
from dione.sources import zarrstack
from dione.sources.eopatches import eofolder
from dione.testing import rasters, theia
from dione.testing.archive import MadeProduct, coarser, item, write
from dione.testing.dimap import Raster, write_dim
from dione.testing.safe import write_safe

SHAPE = (24, 24)  # products of Sentinel-2 are square
TILE = testing.grid_at(SHAPE, left=300_000, top=4_900_020)
HOST = "http://host.invalid"
"""What an archive's documents call the server that they come from; it puts its own address in place."""


def series(days: int = 2) -> xr.Dataset:
    """A Stack of a few dates, some of it under cloud."""
    return testing.series(testing.landscape(SHAPE, seed=1), days=days, cloud=0.2, seed=2).stack


def numbers() -> np.ndarray:
    """(band, y, x) as the files of a product hold them, offset and all."""
    return np.random.default_rng(7).integers(1100, 5000, (4, *SHAPE)).astype(np.uint16)


def product(**parts: Any) -> MadeProduct:
    """An L2A product of one tile."""
    return MadeProduct(numbers(), TILE, np.full(coarser(TILE).shape, 4, np.uint8), **parts)


def geotiffs(folder: Path, **layout: Any) -> str:
    """Two dates as GeoTIFFs, deflated, or laid out as said."""
    made = testing.write_geotiffs(series(), folder / "series")
    for file in sorted(made.iterdir()) if layout else ():
        plain = file.with_suffix(".old")
        file.rename(plain)
        copy(plain, file, **{"driver": "GTiff", "copy_src_overviews": False, **layout})
        plain.unlink()
    return str(made)


def floats(folder: Path) -> str:
    """One date of reflectance as floats, with NaN for no data."""
    made, path = series(1), folder / "2024-05-01.tif"
    values = np.where(made["valid"].values[0], made["reflectance"].values[0], np.float32(np.nan))
    return str(rasters.write(path, values, TILE, bands=("B02", "B03", "B04", "B08"), compress="deflate", predictor=3))


def jpeg2000(folder: Path) -> str:
    """One band a file, as ESA writes them."""
    root = write_safe(folder / "made", product())
    (folder / "bands").mkdir()
    for picture in root.rglob("*.jp2"):
        picture.rename(folder / "bands" / picture.name)
    return str(folder / "bands")


def safe(folder: Path) -> str:
    """A product as ESA delivers it."""
    return str(write_safe(folder, product()))


def zipped(folder: Path) -> str:
    """The same as one file."""
    root = write_safe(folder / "made", product())
    packed = folder / f"{root.name}.zip"
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, file.relative_to(root.parent))
    return str(packed)


def eopatch(folder: Path, how: str = "npy") -> str:
    """An EOPatch folder, its arrays as .npy, .npy.gz or .zarr."""
    made = series()
    cube = np.moveaxis(np.round(made["reflectance"].values * 1e4).astype(np.uint16), 1, -1)
    arrays = {"data/BANDS": cube, "mask/IS_DATA": made["valid"].values[..., None]}
    place = Path(eofolder.save(folder / "patch", arrays=arrays, times=list(made["time"].values), grid=stacks.grid_of(made)))
    for plain in place.rglob("*.npy") if how != "npy" else ():
        if how == "npy.gz":
            Path(f"{plain}.gz").write_bytes(gzip.compress(plain.read_bytes()))
        else:
            zarr.save_array(str(plain.with_suffix(".zarr")), np.load(plain), zarr_format=2)
        plain.unlink()
    return str(place)


class BBox:
    """Stands for sentinelhub's class where a pickle is made."""


class CRS:
    """Likewise; an enumeration pickles as a call with its value."""

    def __init__(self, *_: object) -> None: ...

    def __reduce__(self) -> tuple[Any, ...]:
        return CRS, ("32631",)


def pickled(folder: Path) -> str:
    """An EOPatch of 2021, its box and times pickled as eo-learn 0.10 did."""
    place, made = Path(eopatch(folder)), series()
    before = dict(sys.modules)
    sys.modules["sentinelhub"] = types.ModuleType("sentinelhub")
    for kind, module in ((BBox, "sentinelhub.geometry"), (CRS, "sentinelhub.constants")):
        sys.modules[module] = types.ModuleType(module)
        setattr(sys.modules[module], kind.__name__, kind)
        kind.__module__ = module
    edges, box = stacks.grid_of(made).boundingbox, BBox()
    box.__dict__ = {"min_x": edges.left, "max_x": edges.right, "min_y": edges.bottom, "max_y": edges.top, "_crs": CRS()}
    times = [datetime.fromisoformat(str(time)[:19]).replace(tzinfo=UTC) for time in made["time"].values]
    for name, value in (("bbox", box), ("timestamp", times)):
        (place / f"{name}.pkl").write_bytes(pickle.dumps(value))
    for module in ("sentinelhub", "sentinelhub.geometry", "sentinelhub.constants"):
        sys.modules.pop(module) if module not in before else sys.modules.update({module: before[module]})
    (place / "bbox.geojson").unlink()
    (place / "timestamps.json").unlink()
    return str(place)


def stored(folder: Path) -> str:
    """A Stack that was kept."""
    return zarrstack.save(series(), folder / "kept.zarr")


def items(folder: Path) -> str:
    """A STAC item beside its files."""
    made = product(offset=-0.1, applied=False)
    document = item(made, {band: f"./files/{path.name}" for band, path in write(made, folder / "files", block=128).items()})
    (folder / "item.json").write_text(json.dumps(document))
    return f"stac:{folder / 'item.json'}"


def archive(folder: Path) -> str:
    """What a STAC API answers, a file an address, and the files that its item names."""
    made = product(offset=-0.1, applied=False)
    files = write(made, folder / "files", block=128)
    document = item(made, {band: f"{HOST}/{path.relative_to(folder)}" for band, path in files.items()})
    core = "https://api.stacspec.org/v1.0.0"
    links = [{"rel": rel, "href": HOST + path} for rel, path in (("self", ""), ("root", ""), ("data", "/collections"), ("search", "/search"))]
    about = {"stac_version": "1.0.0", "type": "Catalog", "id": "made-up", "description": "made up", "links": links}
    (folder / "index.json").write_text(json.dumps({**about, "conformsTo": [f"{core}/core", f"{core}/item-search"]}))
    (folder / "search.json").write_text(json.dumps({"type": "FeatureCollection", "features": [document], "links": []}))
    (folder / "item.json").write_text(json.dumps(document))
    static = [{"rel": "item", "href": f"{HOST}/item.json"}, {"rel": "self", "href": f"{HOST}/catalog.json"}]
    (folder / "catalog.json").write_text(json.dumps({**about, "links": static}))
    return str(folder)


def muscate(folder: Path) -> str:
    """A product as Theia delivers it."""
    return str(theia.write(theia.MadeTheia(numbers().astype(np.int16), TILE), folder))


def dimap(folder: Path) -> str:
    """A VHR scene with its metadata."""
    grid = testing.grid_at(SHAPE, pixel=4)
    name, path = "DE2_MS4_L1C_000000_20240512T105001", folder
    rasters.write(path / f"{name}.tif", (numbers() // 5).astype(np.uint16), grid, compress="deflate", nodata=0)
    raster = Raster(f"{name}.tif", grid, (0.14, 0.12, 0.15, 0.16), (0.3, 0.5, 0.8, 1.2), (1060.0, 1535.0, 1853.0, 1960.0), ((220.0, 1000.0, 600.0, 200.0),) * 4)
    return str(write_dim(path / f"{name}.dim", raster, start=datetime(2024, 5, 12, 10, 50, 1), sun_elevation=60.0))
