"""The page, its tiles and its point, as an ASGI application.

    /                                     the page
    /tiles/DATE/LAYER/COLOURS/Z/X/Y.png   layer: input, sr, sigma, support; colours: true, false, ndvi
    /point?lon=1.23&lat=43.6              spectra over time, JSON

Nothing in an address is ever a path: dates are looked up among those that were found when the application began.
"""

import json
import logging
from urllib.parse import urlsplit

from rasterio.errors import RasterioError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from dione.base.errors import BadRecipe, DioneError
from dione.pages.page import Dress, rendered
from dione.prediction.files.form import SUPPORT
from dione.view import tiles
from dione.view.folder import Gallery
from dione.view.guard import Guard

log = logging.getLogger(__name__)

BASE_MAPS = {"osm": "https://tile.openstreetmap.org/{z}/{x}/{y}.png"}
"""By name. Asked for only where a base map is asked for."""
LAYERS, COLOURS = ("input", "sr", "sigma", "support"), ("true", "false", "ndvi")
DEEPEST = 22


def application(gallery: Gallery, *, host: str = "127.0.0.1", base_map: str | None = None) -> Guard:
    """What is served of a gallery.

    base_map: osm, or an address with {z}, {x} and {y}, that the page may lay under the tiles; without one it asks nobody else.
    Raises BadRecipe for an address that is none.
    """
    text = page(gallery, base_map=None if base_map is None else _base_map(base_map))

    def home(request: Request) -> Response:
        return HTMLResponse(text, headers={"Cache-Control": "no-store"})

    def tile(request: Request) -> Response:
        asked = request.path_params
        date, layer, colours, place = gallery.dates.get(asked["date"]), asked["layer"], asked["colours"], (asked["z"], asked["x"], asked["y"])
        if date is None or layer not in LAYERS or colours not in COLOURS or not _exists(place):
            return Response(status_code=404)
        return Response(tiles.tile(gallery, date, layer, colours, place), media_type="image/png", headers={"Cache-Control": "max-age=60"})

    def point(request: Request) -> Response:
        try:
            longitude, latitude = (float(request.query_params[name]) for name in ("lon", "lat"))
        except (KeyError, ValueError):
            return JSONResponse({"error": "needs lon and lat, degrees"}, status_code=400)
        return JSONResponse(tiles.spectra(gallery, longitude, latitude))

    routes = [Route("/", home), Route("/tiles/{date}/{layer}/{colours}/{z:int}/{x:int}/{y:int}.png", tile), Route("/point", point)]
    return Guard(Starlette(routes=routes, exception_handlers=dict.fromkeys((RasterioError, OSError, DioneError), _damaged)), host)


def _damaged(request: Request, error: Exception) -> Response:
    """A file that was sound when the application began and is not now; where it lies is no business of who looks."""
    log.warning("%s: %s", type(error).__name__, error)
    return Response("a file of these results was removed or damaged: predict again, and start dione view anew", status_code=500, media_type="text/plain")


def page(gallery: Gallery, *, base_map: str | None = None) -> str:
    """The map as a page; it may ask this server alone and, if there is one, the base map's."""
    dates = list(gallery.dates.values())
    facts = {"dates": [date.name for date in dates], "bounds": gallery.bounds, "base": base_map}
    host = "" if base_map is None else " https://" + urlsplit(base_map).netloc
    return rendered(
        "dione.view",
        "view.html",
        dress=Dress(
            styles=("page.css", "stage.css", "view.css"),
            scripts=("stage.js", "map.js", "chart.js", "view.js"),
            sources={"img-src": "'self'" + host, "connect-src": "'self'"},
        ),
        gallery=gallery,
        dates=dates,
        measured=any(date.input for date in dates),
        supported=any(date.support for date in dates),
        facts=json.dumps(facts),
        classes=SUPPORT.classes,
        base_host=host.strip().removeprefix("https://"),
    )


def _exists(place: tuple[int, int, int]) -> bool:
    zoom, across, down = place
    return zoom <= DEEPEST and across < 2**zoom and down < 2**zoom


def _base_map(asked: str) -> str:
    address = BASE_MAPS.get(asked, asked)
    parts = urlsplit(address)
    plain = parts.hostname is not None and parts.netloc.replace("-", "").replace(".", "").replace(":", "").isalnum()
    if parts.scheme != "https" or not plain or not all(f"{{{name}}}" in address for name in "zxy"):
        raise BadRecipe(f"the base map '{asked}' is none; needed is {' or '.join(BASE_MAPS)}, or an address such as {BASE_MAPS['osm']}")
    return address
