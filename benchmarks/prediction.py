"""Speed and peak memory of `dione predict`, files in to files out, against HighRes-Net as the pipeline of 2021 ran it, as JSON.

    python benchmarks/prediction.py [--sides 71 256 1000 3162] [--dates 1 4 16] [--against 256]     # 0.5, 6.6, 100, 1,000 km²

Every run is a process of its own on made-up scenes, start-up counted in. HighRes-Net is that of the pipeline of 2021
(64 channels, no weights needed for its speed): float32, the whole window at once. `share_of_peak` is arithmetic of the
network in one window a core, over what this machine multiplies matrices at, both in bfloat16 or both in float32.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import machine
import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch.utils.flop_counter import FlopCounterMode

from dione.nets import resolver, zoo
from dione.prediction.windows import budget
from dione.prediction.windows.engine import engine
from dione.prediction.windows.overlap import abreast
from dione.testing import grid_at, rasters

DATES = 8
BLUR_PX = 0.64
"""Of fields whose borders lie between pixels: a quarter of the modulation is then measured at the Nyquist frequency, as Sentinel-2 leaves."""
ROUNDS = 5
"""Of each of two trials of the matrix rate, and as many as both of the network: on a machine that others use, the best of as many says most."""
BANDS = ("B02", "B03", "B04", "B08")
DIONE = [sys.executable, "-c", "from dione.cli import main; main()"]
BETWEEN = """
import resource, subprocess, sys, time
began = time.perf_counter()
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
PRIOR_ART = {"channels": 64, "encoder_blocks": 8, "residual": False}


def write_scene(folder: Path, side: int, dates: int = DATES) -> Path:
    """Dates of made-up fields as blurred as Sentinel-2 sees them, so that they are sharpened as they are: 10 m, uint16 × 10000, tiled."""
    rng = np.random.default_rng(0)
    ground = np.kron(rng.integers(300, 3000, (4, side // 8 + 1, side // 8 + 1)), np.ones((8, 8), int))[:, :side, :side]
    ground = np.stack([gaussian_filter(band.astype(np.float32), BLUR_PX) for band in ground]).astype(np.int16)
    grid = grid_at((side, side), left=5e5, top=5e6)
    for date in range(dates):
        numbers = (ground + rng.integers(-20, 20, ground.shape, np.int16)).astype(np.uint16)
        rasters.write(folder / f"2024-06-{date + 1:02d}.tif", numbers, grid, bands=BANDS, scale=1e-4, tiled=True, compress="deflate", zlevel=1)
    return folder


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds, and peak memory in GB, of a process.

    Started by a small process between: Linux counts what the one that starts a process held for its child too.
    """
    ended = subprocess.run([sys.executable, "-c", BETWEEN, *command], capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"failed: {' '.join(command)}\n{ended.stderr}")
    seconds, kilobytes = map(float, ended.stdout.split())
    return seconds, kilobytes / 1e6


def run(side: int, dates: int = DATES, model: str = "setsr-s", *more: str) -> dict[str, Any]:
    """Sharpen one date of a scene of side × side pixels."""
    with tempfile.TemporaryDirectory() as folder:
        scene = write_scene(Path(folder) / "in", side, dates)
        seconds, peak = timed([*DIONE, "predict", str(scene), "-o", f"{folder}/out", "--model", model, "--views", str(dates), *more])
        facts = json.loads((Path(folder) / "out" / "run.json").read_text())
    km2 = side * side * 1e-4
    speed = {"seconds": round(seconds, 1), "km2_per_s": round(km2 / seconds, 3), "peak_gb": round(peak, 3)}
    painting = sum(target["seconds"]["predict"] for target in facts["targets"])
    joined = {"joined_km2_per_s": round(km2 / (facts["seconds"]["total"] - painting), 2)}  # what a cluster's client does alone
    return {"model": Path(model).stem, "side_px": side, "dates": dates, "km2": round(km2, 1), **speed, **joined, "engine": facts["options"]["engine"]}


def against(folder: Path, side: int) -> dict[str, Any]:
    """HighRes-Net as it was run, on one window."""
    net = zoo.make("highresnet", PRIOR_ART)
    weights = resolver.store(folder / "highresnet.safetensors", net, resolver.About(net="highresnet", config=PRIOR_ART, margin=int(net.margin)))
    return run(side, DATES, str(weights), "--precision", "float32", "--block", str(side))


def matrix_rate(kind: torch.dtype, side: int = 2048, rounds: int = ROUNDS) -> float:
    """GFLOP/s of a product of two square matrices, the best of several."""
    a, b = (torch.rand(side, side).to(kind) for _ in range(2))
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - began)
    return 2 * side**3 / best / 1e9


def flops(chosen: resolver.Resolver, lr: torch.Tensor, valid: torch.Tensor, rim: tuple[int, ...]) -> float:
    """Operations of convolutions and products of matrices in one window."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        chosen.net(lr, valid, rim)
    return float(counter.get_total_flops())


def arithmetic(name: str) -> dict[str, Any]:
    """Of as many windows of a large scene as there are cores, each on one."""
    chosen, used, cores = resolver.load(name), engine("cpu"), torch.get_num_threads()
    peak = matrix_rate(getattr(torch, used.precision))
    block = budget.block_px((4096, 4096), chosen, views=DATES, precision=used.precision)
    side = block + 2 * chosen.margin
    lr, valid = torch.rand(1, DATES, 4, side, side) * 0.3, torch.ones(1, DATES, side, side, dtype=torch.bool)
    rim = (chosen.margin,) * 4

    def round_of(count: int) -> float:
        began = time.perf_counter()
        list(abreast(lambda _: used.run(chosen, lr, valid, rim), range(count), threads=cores, begin=lambda: torch.set_num_threads(1)))
        return time.perf_counter() - began

    best = min(round_of(cores) for _ in range(2 * ROUNDS)) / cores
    torch.set_num_threads(cores)
    peak = max(peak, matrix_rate(getattr(torch, used.precision)))  # before and after: on a busy machine either may be too low
    rate = flops(chosen, lr, valid, rim) / best / 1e9
    return {
        "block_px": block,
        "margin_px": chosen.margin,
        "px_per_s": round(block**2 / best),
        "gflop_per_s": round(rate, 1),
        "matrix_gflop_per_s": round(peak, 1),
        "share_of_peak": round(rate / peak, 3),
    }


def main(sides: list[int], dates: list[int], side: int) -> dict[str, Any]:
    """All of it."""
    with tempfile.TemporaryDirectory() as folder:
        theirs = against(Path(folder), side)
    runs = [run(each) for each in sides] + [run(side, count) for count in dates if count != DATES]
    largest = max((each for each in runs if each["dates"] == DATES), key=lambda each: each["side_px"])
    same = next((each for each in runs if each["side_px"] == side and each["dates"] == DATES), None)
    return {
        "machine": machine.facts(),
        "help_s": round(min(timed([*DIONE, "--help"])[0] for _ in range(3)), 2),
        "first_prediction_s": min((each for each in runs if each["dates"] == DATES), key=lambda each: each["side_px"])["seconds"],
        "runs": [theirs, *runs],
        "ratio_same_pixels": round(theirs["seconds"] / same["seconds"], 2) if same else None,
        "ratio_km2_per_s": round(largest["km2_per_s"] / theirs["km2_per_s"], 2),
        "arithmetic": arithmetic("setsr-s"),
    }


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("--sides", type=int, nargs="+", default=[71, 256, 1000, 3162])
    given.add_argument("--dates", type=int, nargs="*", default=[1, 4, 16])
    given.add_argument("--against", type=int, default=256, help="side of HighRes-Net's window")
    asked = given.parse_args()
    print(json.dumps(main(asked.sides, asked.dates, asked.against), indent=1))
