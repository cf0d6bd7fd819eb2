"""What learning from the ground next door is worth: how much of a real series' gain is a matter of what the weights were trained on.

    python benchmarks/next_door.py SERIES [--model setsr-s] [--steps 300] [--rate 5e-4] [--out runs/next-door]

The west of a series (GeoTIFFs, one a date) is brought down to patches, on which training goes on; then the model and what became of it
sharpen both halves of the series, brought down to coarser pixels, all dates alike: gain over bicubic in cPSNR, dB, from 1 / 8 dates.
What is gained in the east, with the same dates, sensor and land, is what better data could bring; in the west, what learning by heart can.
"""

import argparse
from pathlib import Path

import blur
import pyarrow as pa
import rasterio
from rasterio.windows import Window

import dione
from dione.base import optics
from dione.patches import store
from dione.patches.simulated.build import SimulateConfig, simulate_store
from dione.patches.simulated.scenes import SceneSet
from dione.patches.simulated.simulate import Degradation

GAP_PX = 8
EACH = 8
"""One patch in so many is for validation, which decides nothing here."""
SEEN_NOISE = 0.25
"""Of sixteen pixels averaged, against one."""


def halves(series: Path, out: Path) -> tuple[Path, Path]:
    """West and east of every date, a gap between."""
    for file in sorted(series.glob("*.tif")):
        with rasterio.open(file) as whole:
            middle = whole.width // 2
            for name, window in (
                ("west", Window(0, 0, middle, whole.height)),
                ("east", Window(middle + GAP_PX, 0, whole.width - middle - GAP_PX, whole.height)),
            ):
                (out / name).mkdir(parents=True, exist_ok=True)
                form = whole.profile | {"width": window.width, "height": window.height, "transform": whole.window_transform(window)}
                with rasterio.open(out / name / file.name, "w", **form) as part:
                    part.write(whole.read(window=window))
                    part.descriptions = whole.descriptions
    return out / "west", out / "east"


def patches(west: Path, pixel_m: float) -> Path:
    """A store of patches of it, seen on all of its dates."""
    scenes = SceneSet(path=f"{west.name}/*.tif", sensor="sentinel-2", coarse_m=4 * pixel_m, pixel_m=pixel_m, draws=300, noise=SEEN_NOISE)
    made = west.parent / "patches"
    simulate_store(SimulateConfig(scenes=(scenes,), degradation=Degradation(cloud=0.1, target_cloud=0)), root=west.parent, out=made)
    opened = store.read(made)
    sides = ["train" if row % EACH else "validation" for row in range(opened.index.num_rows)]
    store.add(opened, {"split": pa.array(sides)})
    return made


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("series", type=Path)
    given.add_argument("--model", default="setsr-s")
    given.add_argument("--steps", type=int, default=300)
    given.add_argument("--rate", type=float, default=5e-4)
    given.add_argument("--pixel", type=float, default=10.0, help="Of the series, metres.")
    given.add_argument("--out", type=Path, default=Path("runs/next-door"))
    asked = given.parse_args()
    west, east = halves(asked.series, asked.out)
    base = dione.load(asked.model).about
    training = {"steps": asked.steps, "rate": asked.rate, "optimizer": "muon", "batch": 64, "dates": (1, 2, 4, 6, 8, 8)}
    net = {"kind": base.net, "config": base.config}
    recipe = dione.TrainRecipe(name="next-door", store=patches(west, asked.pixel), out=asked.out, start=asked.model, net=net, train=training)
    models = {asked.model: asked.model, "after training in the west": str(dione.train(recipe))}
    print("| model | west | east |\n|---|---|---|")
    for name, model in models.items():
        gains = [" / ".join(f"{blur.gain(str(half), model, optics.NYQUIST_MODULATION, views=views):+.2f}" for views in (1, 8)) for half in (west, east)]
        print(f"| {name} | {' | '.join(gains)} |", flush=True)
