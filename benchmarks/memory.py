"""Peak memory and speed of `dione predict` on made-up scenes of growing size, as JSON: `python benchmarks/memory.py 2048 4096`.

Each scene has eight dates of four bands on disk and runs in a process of its own; km²/s includes start-up, reading
and writing.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio

DATES = 8
BANDS = ("B02", "B03", "B04", "B08")


def write_scene(folder: Path, side: int) -> None:
    """Eight dates of smooth made-up ground, 10 m, uint16 × 10000, tiled."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    ground = np.kron(rng.integers(300, 3000, (4, side // 8 + 1, side // 8 + 1)), np.ones((8, 8), int))[:, :side, :side]
    profile = dict(driver="GTiff", count=4, dtype="uint16", height=side, width=side, crs="EPSG:32631", tiled=True, compress="deflate", zlevel=1)
    for date in range(DATES):
        with rasterio.open(folder / f"2024-06-{date + 1:02d}.tif", "w", **profile, transform=rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)) as file:
            file.write((ground + rng.integers(-20, 20, ground.shape)).astype(np.uint16))
            file.descriptions, file.scales = BANDS, (1e-4,) * 4


def run(side: int) -> dict[str, float]:
    """Sharpen one date of a scene of side × side pixels."""
    with tempfile.TemporaryDirectory() as folder:
        write_scene(Path(folder) / "in", side)
        began = time.perf_counter()
        command = [sys.executable, "-c", "from dione.cli import main; main()", "predict", f"{folder}/in", "-o", f"{folder}/out"]
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        if status:
            raise SystemExit(f"prediction failed at {side} px: {status}")
        seconds = time.perf_counter() - began
    km2 = side * side * 1e-4
    return {
        "side_px": side,
        "km2": round(km2, 1),
        "seconds": round(seconds, 1),
        "km2_per_s": round(km2 / seconds, 2),
        "peak_gb": round(used.ru_maxrss / 1e6, 3),
    }


if __name__ == "__main__":
    sides = [int(word) for word in sys.argv[1:]] or [512, 1024]
    print(
        json.dumps({"machine": {"cores": os.cpu_count(), "cpu": platform.processor() or platform.machine()}, "runs": [run(side) for side in sides]}, indent=1)
    )
