"""The STAC item of one sharpened date: what it is, where, and what made it (STAC 1.1)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import shapely
import shapely.affinity
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from dione.base.bands import BANDS
from dione.base.crs import DEGREES, code_of, turn
from dione.base.grid import size_m
from dione.base.storage.files import write_text
from dione.prediction.files.form import NODATA, SCALE, SUPPORT, Form
from dione.prediction.record import installed
from dione.prediction.run import Run, Target, item_file, parts

EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("projection/v2.0.0", "raster/v2.0.0", "eo/v2.0.0", "processing/v1.2.0", "file/v2.1.0", "classification/v2.0.0")
]
COLLECTION = "dione"
CENTRE_UM = {"blue": 0.49, "green": 0.56, "red": 0.665, "nir": 0.842}
"""Central wavelengths of Sentinel-2's bands 2, 3, 4 and 8, micrometres."""
EDGE_POINTS = 16
"""Points along each side of the footprint: a straight side in UTM is curved in longitude and latitude."""


def write(out: Path, run: Run, target: Target) -> list[Path]:
    """OUT/<date>.json, or one beside each tile; the same run gives the same bytes. What an earlier run left in the other form goes."""
    made = [write_text(item_file(part.sr), _text(item(of, part))) for of, part in parts(run, target)]
    for left in {out / f"{target.name}.json", *(out / target.name).glob(f"{target.name}_r*c*.json")} - set(made):
        left.unlink(missing_ok=True)
    return made


def _text(made: pystac.Item) -> str:
    return json.dumps(made.to_dict(include_self_link=False), indent=2, ensure_ascii=False) + "\n"


def item(run: Run, target: Target) -> pystac.Item:
    """The item, its assets' links relative to the folder that it stands in."""
    geometry, bbox = footprint(run.fine)
    made = pystac.Item(target.name, geometry, bbox, target.moment, _properties(run, target), stac_extensions=list(EXTENSIONS))
    made.add_asset("sr", _asset(target.sr, run, title=f"Surface reflectance, {run.zoom}× sharper", roles=["data", "reflectance"]))
    if geometry is not None:
        made.collection_id = COLLECTION
        for relation in (pystac.RelType.ROOT, pystac.RelType.PARENT, pystac.RelType.COLLECTION):
            made.add_link(pystac.Link(relation, f"{'..' if target.is_tile else '.'}/collection.json", media_type=pystac.MediaType.JSON))
    if target.sigma is not None:
        made.add_asset("sigma", _asset(target.sigma, run, title="Uncertainty of the reflectance, one standard deviation", roles=["data", "uncertainty"]))
    if target.input is not None:
        measured = _asset(target.input, run, title="The target date as it was measured, where it was seen clear", roles=["data", "reflectance"])
        measured.extra_fields |= _placed(run.coarse)  # its grid is not the item's
        made.add_asset("input", measured)
    if target.support is not None:
        made.add_asset("support", _classes(target.support, SUPPORT, title="Where the detail comes from: measured, confirmed by other dates, learned"))
    return made


def footprint(grid: GeoBox) -> tuple[dict[str, Any] | None, list[float] | None]:
    """Outline and box in longitude and latitude, split at the antimeridian (RFC 7946); (None, None) where there is none."""
    points = outlined(grid)
    if points is None:
        return None, None
    outline = shapely.Polygon(points)
    parts = [outline]
    if outline.bounds[2] > 180:
        east_of = shapely.affinity.translate(shapely.clip_by_rect(outline, 180, -90, 540, 90), -360)
        parts = [part for part in (shapely.clip_by_rect(outline, -180, -90, 180, 90), east_of) if part.geom_type == "Polygon" and not part.is_empty]
    rings = [[[round(x, 7), round(y, 7)] for x, y in shapely.geometry.polygon.orient(part).exterior.coords] for part in parts]
    west, south, east, north = outline.bounds
    box = [round(float(v), 7) for v in (west, south, east - 360 if len(parts) > 1 else east, north)]
    if len(parts) > 1:
        return {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}, box
    return {"type": "Polygon", "coordinates": rings}, box


def outlined(grid: GeoBox) -> NDArray[np.float64] | None:
    """(n, 2) longitude and latitude of points along the edge; longitudes begin within -180 … 180° and run on beyond rather than jump.

    None without a CRS, and for a grid that lies nowhere on Earth.
    """
    if grid.crs is None:
        return None
    height, width = grid.shape
    along = np.arange(EDGE_POINTS) / EDGE_POINTS
    right, down = np.r_[0 * along, along, 0 * along + 1, 1 - along] * width, np.r_[along, 0 * along + 1, 1 - along, 0 * along] * height
    a = grid.affine
    x, y = a.a * right + a.b * down + a.c, a.d * right + a.e * down + a.f
    longitude, latitude = turn(x, y, source=grid.crs.to_wkt(), target=DEGREES)
    if not np.isfinite([longitude, latitude]).all():
        return None
    longitude = np.unwrap(longitude, period=360)
    points = np.column_stack([longitude - 360 * np.floor((longitude.min() + 180) / 360), latitude])
    return points if shapely.Polygon(points).is_valid else None


def _properties(run: Run, target: Target) -> dict[str, Any]:
    choice = target.choice
    model = {"name": run.model.name, **({"sha256": run.model.sha256} if run.model.sha256 else {})}
    return {
        "title": f"{target.name}, {run.zoom}× sharper",
        **_placed(run.fine),
        "processing:software": {"dione": installed("dione")},
        "processing:lineage": f"super-resolution of {target.day} by {run.model.name} with {len(choice.supports)} support dates",
        "dione:model": model,
        "dione:target": target.day,
        "dione:supports": target.supports,
        "dione:sources": target.sources,
        **({} if target.is_tile else _measured(target)),
    }


def _measured(target: Target) -> dict[str, Any]:
    """What was measured on the whole date."""
    agreed = {} if target.consistency is None else {"dione:consistency": round(target.consistency, 6)}
    return {"dione:clear_fraction": round(target.clear, 4), "dione:filled_fraction": round(target.filled, 4), **agreed}


def _placed(grid: GeoBox) -> dict[str, Any]:
    """Where pixels are and how large."""
    size = size_m(grid)
    return ({} if size is None else {"gsd": round(size, 3)}) | _projection(grid)


def _projection(grid: GeoBox) -> dict[str, Any]:
    """The `proj` fields; the code is null when there is none, as the extension asks."""
    crs = grid.crs
    code = code_of(crs)
    wkt = {"proj:wkt2": crs.to_wkt()} if crs is not None and code is None else {}
    return {"proj:code": code, **wkt, "proj:shape": list(grid.shape), "proj:transform": [float(v) for v in grid.affine][:6]}


def _asset(path: Path, run: Run, *, title: str, roles: list[str]) -> pystac.Asset:
    extra = {"file:size": path.stat().st_size, "bands": [_band(name) for name in BANDS]}
    return pystac.Asset(f"./{path.name}", title=title, media_type=pystac.MediaType.COG, roles=roles, extra_fields=extra)


def _classes(path: Path, form: Form, *, title: str) -> pystac.Asset:
    """A map of classes, as the classification extension tells them."""
    classes = [{"value": one.value, "name": one.name.replace(" ", "-"), "description": one.name, "color_hint": one.hexadecimal} for one in form.classes]
    band = {"name": form.bands[0], "data_type": form.dtype, "nodata": NODATA, "classification:classes": classes}
    extra = {"file:size": path.stat().st_size, "bands": [band]}
    return pystac.Asset(f"./{path.name}", title=title, media_type=pystac.MediaType.COG, roles=["metadata", "quality"], extra_fields=extra)


def _band(name: str) -> dict[str, Any]:
    physical = {"raster:scale": SCALE, "raster:offset": 0.0, "nodata": NODATA, "unit": "1", "data_type": "uint16"}
    return {"name": name, "eo:common_name": name, "eo:center_wavelength": CENTRE_UM[name], **physical}
