"""The STAC collection of a run's items, so that a browser opens the folder as one thing (STAC 1.1)."""

import json
from datetime import datetime
from pathlib import Path

import pystac
from shapely.geometry import shape

from dione.base.bands import BANDS
from dione.base.storage.files import write_text
from dione.prediction.files.item import COLLECTION, EXTENSIONS, footprint, item
from dione.prediction.record import installed
from dione.prediction.run import Run, parts

NAME = "collection.json"
LICENCE = "other"
"""What the result may be used for depends on what it was made from; run.json names it."""
WORLD = [-180.0, -90.0, 180.0, 90.0]


def write(out: Path, run: Run) -> Path | None:
    """OUT/collection.json; none for a result without a place on earth, which no collection can hold."""
    if footprint(run.fine)[0] is None:
        return None
    return write_text(out / NAME, json.dumps(collection(run).to_dict(include_self_link=False), indent=2, ensure_ascii=False) + "\n")


def collection(run: Run) -> pystac.Collection:
    """The collection, with relative links to the items beside it."""
    made = pystac.Collection(
        id=COLLECTION,
        title=f"Sentinel-2, {run.zoom}× sharper",
        description=f"Sharpened by dione {installed('dione')} with {run.model.name}: reflectance and its uncertainty at each date.",
        extent=_extent(run),
        license=LICENCE,
        summaries=pystac.Summaries({"bands": [{"name": name, "eo:common_name": name} for name in BANDS]}),
        stac_extensions=[url for url in EXTENSIONS if "/eo/" in url],
    )
    made.add_link(pystac.Link(pystac.RelType.ROOT, f"./{NAME}", media_type=pystac.MediaType.JSON))
    for target in run.targets:
        for of, part in parts(run, target):
            where = f"./{target.name}/{part.name}.json" if part.is_tile else f"./{part.name}.json"
            made.add_link(pystac.Link(pystac.RelType.ITEM, where, media_type=pystac.MediaType.GEOJSON, title=str(item(of, part).properties["title"])))
        for file in target.files if target.tiles else ():
            made.add_asset(
                file.stem, pystac.Asset(f"./{file.name}", title=f"{file.stem}, all tiles as one", media_type=pystac.MediaType.XML, roles=["virtual"])
            )
    return made


def _extent(run: Run) -> pystac.Extent:
    geometry, box = footprint(run.fine)
    moments = sorted(target.moment for target in run.targets)
    interval: list[list[datetime | None]] = [[moments[0], moments[-1]]]
    bounds = list(shape(geometry).bounds) if geometry is not None and (box is None or box[0] > box[2]) else box
    return pystac.Extent(pystac.SpatialExtent([bounds or WORLD]), pystac.TemporalExtent(interval))
