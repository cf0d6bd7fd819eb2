"""Reading overlapping windows of a JPEG 2000 file as Sentinel-2 is delivered in: opened for each, against kept open, as JSON.

    python benchmarks/reading.py [--side 4096]

Tiles have 1024 pixels a side, windows 488, as a prediction's from eight dates have, every 384.
"""

import argparse
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

import machine
import numpy as np
import rasterio

from dione.base.machine import memory
from dione.base.windows import Window
from dione.sources.rasters import gdal, intact, openfiles
from dione.testing import grid_at

TILE_PX, WINDOW_PX, STEP_PX = 1024, 488, 384


def written(folder: Path, side: int) -> str:
    """Smooth made-up ground under a little noise, packed without loss."""
    rng = np.random.default_rng(0)
    ground = np.kron(rng.integers(300, 3000, (side // 16, side // 16)), np.ones((16, 16), int)) + rng.integers(0, 60, (side, side))
    grid = grid_at((side, side), left=5e5, top=5e6)
    facts = dict(driver="JP2OpenJPEG", height=side, width=side, count=1, dtype="uint16", crs=str(grid.crs), transform=grid.affine)
    with rasterio.open(folder / "band.jp2", "w", **facts, REVERSIBLE="YES", QUALITY=100, BLOCKXSIZE=TILE_PX, BLOCKYSIZE=TILE_PX) as file:
        file.write(ground.astype(np.uint16), 1)
    return str(folder / "band.jp2")


def seconds(path: str, side: int, door: Callable[[str], AbstractContextManager[rasterio.DatasetReader]]) -> float:
    """Of reading every window once."""
    began = time.perf_counter()
    for top in range(0, side - WINDOW_PX, STEP_PX):
        for left in range(0, side - WINDOW_PX, STEP_PX):
            with door(path) as file:
                intact.read(file, [1], Window(top, left, top + WINDOW_PX, left + WINDOW_PX))
    return time.perf_counter() - began


def main(side: int) -> dict[str, object]:
    memory.tell_gdal()
    with TemporaryDirectory() as folder:
        path = written(Path(folder), side)
        anew, kept = seconds(path, side, gdal.raster), seconds(path, side, openfiles.kept)
        openfiles.close_all()
    return {"machine": machine.facts(), "side_px": side, "opened_for_each_s": round(anew, 2), "kept_open_s": round(kept, 2), "ratio": round(anew / kept, 1)}


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--side", type=int, default=4096)
    print(json.dumps(main(given.parse_args().side), indent=1))
