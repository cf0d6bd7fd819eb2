"""How fast `dione view` answers: its first tile, and tiles a second, over HTTP on loopback as a browser asks, as JSON.

    python benchmarks/viewing.py [FOLDER] [--tiles 120] [--abreast 8]

FOLDER is an output of `dione predict`; without one, made-up files of 2048 × 2048 pixels. The server is a process of its
own, as a user starts it. `first_tile_ms` counts from the first request after the page; every tile is another one, at
the zooms at which 2.5 m fill the screen, and none is asked for twice. `share_of_cores` is how much of this machine's
processors the server had meanwhile: on a machine that does other things as well, tiles a second of processor time
(`tiles_per_cpu_s`) tell more than tiles a second. `ratio` is against reading the same windows with rasterio, unpainted.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import machine
import morecantile
import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.transform import from_bounds
from rasterio.vrt import WarpedVRT

from dione.base.grid import finer
from dione.base.machine import processors
from dione.prediction.files.canvas import Canvas
from dione.testing import grid_at, landscape
from dione.view.folder import Bounds, gallery

SIDE = 512
DAY = "2024-05-21"
ZOOMS = (15, 16, 17)
DIONE = [sys.executable, "-c", "from dione.cli import main; main()", "view"]
MERCATOR = morecantile.tms.get("WebMercatorQuad")
Place = tuple[int, int, int]


def made_up(folder: Path) -> Path:
    """Files of one date, as predict writes them."""
    fine = finer(grid_at((SIDE, SIDE)), 4)
    pattern = np.tile(landscape((128, 128), seed=1), (1, 4, 4))
    for ending, grid, values in (("sr", fine, pattern), ("sigma", fine, 0.1 * pattern), ("input", grid_at((SIDE, SIDE)), pattern[:, ::4, ::4])):
        _written(folder, ending, grid, values)
    return folder


def _written(folder: Path, ending: str, grid: GeoBox, values: np.ndarray) -> None:
    canvas = Canvas(folder, f"{DAY}_{ending}", grid=grid, block=1024)
    for window in canvas.windows():
        part = values[:, *window.slices]
        canvas.paint(window, part, valid=np.ones(part.shape[1:], bool))
    canvas.finish()


def places(bounds: Bounds, count: int) -> list[Place]:
    """Tiles over the area, zoom by zoom, from the middle outwards."""
    west, south, east, north = bounds
    found: list[Place] = []
    for zoom in ZOOMS:
        corner, end = MERCATOR.tile(west, north, zoom), MERCATOR.tile(east, south, zoom)
        found += [(zoom, x, y) for y in range(corner.y, end.y + 1) for x in range(corner.x, end.x + 1)]
    step = max(1, len(found) // count)
    return found[::step][:count]


class Asking:
    """Requests over connections that are kept, one a thread."""

    def __init__(self, address: str) -> None:
        self.where, self.own = urlsplit(address).netloc, threading.local()

    def get(self, path: str) -> bytes:
        if not hasattr(self.own, "line"):
            self.own.line = http.client.HTTPConnection(self.where, timeout=60)
        self.own.line.request("GET", path)
        answer = self.own.line.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}")
        return body


def processor_s(process: int) -> float:
    """Seconds of processor time that a process has used (Linux)."""
    user, system = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def served(folder: Path, count: int, abreast: int) -> dict[str, Any]:
    """Times of a server of its own."""
    shown = gallery(folder)
    day, wanted = next(iter(shown.dates)), places(shown.bounds, count)
    server = subprocess.Popen([*DIONE, str(folder), "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        asking = Asking(server.stdout.readline().split()[2])
        asking.get("/")
        began = time.perf_counter()
        asking.get(f"/tiles/{day}/sr/false/{'/'.join(map(str, wanted[0]))}.png")
        first, used, began = time.perf_counter() - began, processor_s(server.pid), time.perf_counter()
        with ThreadPoolExecutor(abreast) as pool:
            sizes = [len(body) for body in pool.map(asking.get, [f"/tiles/{day}/sr/true/{z}/{x}/{y}.png" for z, x, y in wanted])]
        took, used = time.perf_counter() - began, processor_s(server.pid) - used
    finally:
        server.terminate()
        server.wait(timeout=30)
    rates = {
        "tiles_per_s": round(len(sizes) / took, 1),
        "tiles_per_cpu_s": round(len(sizes) / used, 1),
        "share_of_cores": round(used / took / processors.count(), 2),
    }
    return {"first_tile_ms": round(first * 1000), "tiles": len(sizes), **rates, "kb_a_tile": round(sum(sizes) / len(sizes) / 1000, 1)}


def unpainted(folder: Path, count: int) -> float:
    """Tiles a second of processor time that rasterio reads of the same places, opened once a tile, neither painted nor packed."""
    shown = gallery(folder)
    path, began = next(iter(shown.dates.values())).sr, time.process_time()
    for zoom, x, y in (wanted := places(shown.bounds, count)):
        how = {"crs": "EPSG:3857", "transform": from_bounds(*MERCATOR.xy_bounds(x, y, zoom), 256, 256), "width": 256, "height": 256}
        with rasterio.open(path) as file, WarpedVRT(file, **how) as warped:
            warped.read((3, 2, 1))
    return len(wanted) / (time.process_time() - began)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", nargs="?", type=Path)
    ask.add_argument("--tiles", type=int, default=120)
    ask.add_argument("--abreast", type=int, default=8)
    given = ask.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or made_up(Path(made))
        told = served(folder, given.tiles, given.abreast)
        told["ratio"] = round(told["tiles_per_cpu_s"] / unpainted(folder, given.tiles), 2)
    print(json.dumps({"machine": machine.facts(), **told}, indent=2))


if __name__ == "__main__":
    main()
