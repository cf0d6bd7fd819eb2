"""Sentinel Hub as a Stack: Sentinel-2 L1C and L2A, or a collection of one's own (BYOC) of VHR imagery.

sentinelhub:PROFILE                       Sentinel-2 L2A; PROFILE is one of sentinelhub-py, may be left out
sentinelhub:PROFILE#sentinel-2-l1c
sentinelhub:PROFILE#byoc-<uuid>           bands by name, pan as a fifth if there is one
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import shapely
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely.geometry.base import BaseGeometry

from dione.base import area as areas
from dione.base import masks, period, stack
from dione.base.area import Area
from dione.base.crs import DEGREES, utm
from dione.base.errors import BadRecipe, BadSource, NotFound
from dione.base.vectors import antimeridian
from dione.base.windows import Window
from dione.sources.archives import hubscripts
from dione.sources.archives.hubclient import BYOC, COLLECTIONS, Hub
from dione.sources.archives.hubpasses import Pass
from dione.sources.remote import shelf
from dione.sources.remote.patience import Patience
from dione.sources.stacks import lazy

PIECE_PX = 512
"""Side of what is asked for at a time; the service gives at most 2500."""
GSD_M, VHR_GSD_M = 10.0, 2.5
DEFAULT = "sentinel-2-l2a"


def open(
    source: str,
    *,
    area: Area | None = None,
    dates: tuple[str, str] | None = None,
    max_scene_cloud: float | None = None,
    bands: tuple[str, ...] | None = None,
    scale: float | None = None,
) -> xr.Dataset:
    """A Stack over an area and a period, on the grid of the area's UTM zone; pictures are asked for when pixels are.

    area, dates: both needed; see `dione.sources.stac`. max_scene_cloud: leave out passes that are cloudier everywhere, 0–1.
    bands, scale: of a BYOC collection, its names of blue, green, red, nir (and pan), and reflectance of one number.

    Of Sentinel-2 a pixel is valid where dataMask says that it was seen and CLM that it is clear; values are reflectance,
    harmonised by the service. Raises BadRecipe, BadSource (credentials, an answer that does not come), NotFound, BadBands,
    DioneError without the extra.
    """
    profile, _, collection = source.removeprefix("sentinelhub:").partition("#")
    hub = Hub(profile, collection or DEFAULT, Patience.told())
    own = hub.collection.startswith(BYOC)
    script, count = _script(hub, bands, scale)
    if area is None or dates is None:
        raise BadRecipe(f"{source} has to be told where and when\ngive --area, e.g. --area 0.60,43.65,0.75,43.75, and --dates 2024-05/2024-08")
    shape = areas.geometry(area)
    span = period.whole(dates)
    if not all(span):
        raise BadRecipe(f"{source} needs both ends of --dates, found '{span[0]}' and '{span[1]}'")
    found = hub.passes([part.bounds for part in shapely.get_parts(shape)] if antimeridian.crosses(shape) else [shape.bounds], span)
    kept = [one for one in found if max_scene_cloud is None or (one.cloud or 0) <= max_scene_cloud]
    if not kept:
        what = f"no pass of {hub.collection} over {areas.words(shape)} from {span[0]} to {span[1]}"
        least = f"; {len(found)} are there, cloudy by {min(one.cloud or 0 for one in found):.0%} or more" if found else ""
        raise NotFound(f"{what}{least}\ntake a longer period, another area, or allow more clouds")
    grid = grid_for(shape, VHR_GSD_M if own else GSD_M)
    pictures = Pictures(hub, tuple(kept), grid, script, count)
    reflectance, valid = lazy.arrays(pictures)
    notes = {"source": source, "identity": pictures.identity, "offset_told_by": "given" if own else "metadata"}
    notes["radiometry"] = f"number × {scale:g} (given)" if own else "reflectance, harmonised by Sentinel Hub"
    times = [np.datetime64(one.first, "ns") for one in kept]
    made = stack.make(reflectance, valid, times, grid, items=[one.name for one in kept], **notes)
    return made.assign_coords(platform=("time", np.array([one.platform for one in kept], dtype=str)))


@dataclass(frozen=True)
class Pictures:
    """Passes on one grid, asked for piece by piece, and kept."""

    hub: Hub
    passes: tuple[Pass, ...]
    grid: GeoBox
    script: str
    count: int
    """Bands of an answer: four of reflectance, then masks."""

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.passes), *self.grid.shape

    @property
    def identity(self) -> str:
        """The same for the same passes, place and script."""
        return blake2b(repr((self.hub.collection, self.passes, self.grid, self.script)).encode(), digest_size=12).hexdigest()

    def read(self, date: int, window: Window) -> lazy.Pixels:
        whole = np.zeros((self.count, *window.shape), np.float32)
        for top in range(window.top // PIECE_PX * PIECE_PX, window.bottom, PIECE_PX):
            for left in range(window.left // PIECE_PX * PIECE_PX, window.right, PIECE_PX):
                piece = Window(top, left, min(top + PIECE_PX, int(self.grid.shape[0])), min(left + PIECE_PX, int(self.grid.shape[1])))
                common = Window(max(piece.top, window.top), max(piece.left, window.left), min(piece.bottom, window.bottom), min(piece.right, window.right))
                whole[:, *common.within(window).slices] = self._piece(date, piece)[:, *common.within(piece).slices]
        return _pixels(whole)

    def _piece(self, date: int, piece: Window) -> np.ndarray:
        # What else is in the series does not matter: a longer period pays for its further passes alone.
        key = ("sentinelhub", self.hub.collection, self.script, self.passes[date], repr(self.grid[piece.slices]))
        with shelf.turn(key):
            kept = shelf.get(key)
            if kept is None or kept.shape != (self.count, *piece.shape):
                kept = self.hub.picture(self.script, self.count, self.passes[date], self.grid[piece.slices])
                shelf.put(key, kept)
        return kept


def _pixels(whole: np.ndarray) -> lazy.Pixels:
    """Reflectance and validity of an answer."""
    reflectance = np.ascontiguousarray(whole[:4])
    seen = (whole[4] == 1) & np.isfinite(reflectance).all(0)
    reflectance[:, ~seen] = 0
    valid = seen & masks.possible(reflectance, axis=0)
    if len(whole) > 5:
        valid &= masks.valid_from_clm(whole[5])
    return reflectance, valid


def grid_for(shape: BaseGeometry, pixel_m: float) -> GeoBox:
    """The pixels of the UTM zone of a shape's middle that its box touches; corners on multiples of `pixel_m`, as Sentinel-2's are."""
    west, south, east, north = (antimeridian.through(shape) if antimeridian.crosses(shape) else shape).bounds
    crs = f"EPSG:{utm((west + east) / 2, (south + north) / 2)}"
    lattice = GeoBox((1, 1), Affine(pixel_m, 0, 0, 0, -pixel_m, 0), crs)
    window = areas.touched(lattice, areas.reprojected(shapely.box(west, south, east, north), DEGREES, crs))
    if window is None:
        raise BadRecipe(f"the area {areas.words(shape)} has no place in a UTM zone")
    return GeoBox(window.shape, Affine(pixel_m, 0, window.left * pixel_m, 0, -pixel_m, -window.top * pixel_m), crs)


def _script(hub: Hub, bands: tuple[str, ...] | None, scale: float | None) -> tuple[str, int]:
    """The evalscript of a collection and how many bands it gives; raises BadSource, BadBands."""
    if hub.collection.startswith(BYOC):
        if bands is None or scale is None:
            needs = "needs its names of the bands, and how its numbers become reflectance: --bands B,G,R,NIR,PAN --scale 0.0001"
            raise BadSource(f"{hub.collection} is a collection of one's own; {needs}")
        return hubscripts.byoc(bands, scale=scale), 5
    if hub.collection not in COLLECTIONS:
        raise BadSource(f"there is no collection '{hub.collection}' on Sentinel Hub; known are {', '.join(COLLECTIONS)}, and byoc-<uuid>")
    if bands is not None or scale is not None:
        raise BadSource(f"{hub.collection} gives reflectance and knows its bands; leave --bands and --scale out")
    return hubscripts.sentinel2(), len(hubscripts.SENTINEL2) + len(hubscripts.MASKS)
