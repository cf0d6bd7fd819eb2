"""Results as an EOPatch, as the older pipeline delivered them.

data/SR-<NAME>      (time, zoom·y, zoom·x, 4) float32 reflectance, NaN where no date saw anything
data/S2             (time, y, x, 4) the dates as they came
mask/IS_CLEAR       (time, y, x, 1) where each of them saw the ground
scalar/N_VIEWS      (time, 1) how many dates a result was made of
"""

import shutil
from pathlib import Path

import numpy as np
import xarray as xr

from dione.base import stack as stacks
from dione.base.errors import CannotWrite
from dione.prediction.looks import picture
from dione.prediction.run import Run
from dione.sources.eopatches import eofolder

OURS = "meta_info/dione.json"
"""What tells a patch of results from others."""


def check(folder: str | Path, stack: xr.Dataset) -> None:
    """Before anything is computed: raise CannotWrite for a folder that holds something else than such results, BadGrid for a series without EPSG code."""
    eofolder.box_of(stacks.grid_of(stack))
    place = Path(folder)
    if place.is_dir() and any(place.iterdir()) and not (place / OURS).exists():
        raise CannotWrite(f"{place} is there already, and was not written by dione\nname another folder with -o, or remove it first")


def remove(folder: Path) -> None:
    """Take away what an earlier run wrote, and nothing else."""
    if (folder / OURS).exists():
        shutil.rmtree(folder)


def write(folder: str | Path, run: Run, stack: xr.Dataset, *, name: str) -> str:
    """The targets of a finished run, read back from their GeoTIFFs; held in memory whole, so for areas of kilometres.

    Raises what `check` does.
    """
    check(folder, stack)
    at = [target.choice.target for target in run.targets]
    part = stack.isel(time=at).load()
    arrays = {
        f"data/SR-{name}": np.stack([np.moveaxis(picture.read(target.sr), 0, -1) for target in run.targets]),
        "data/S2": np.moveaxis(part["reflectance"].values, 1, -1),
        "mask/IS_CLEAR": part["valid"].values[..., None],
        "scalar/N_VIEWS": np.array([[len(target.choice.views)] for target in run.targets], np.int64),
    }
    notes = {"model": run.model.name, "model_sha256": run.model.sha256, "supports": {target.name: target.supports for target in run.targets}}
    return eofolder.save(folder, arrays=arrays, times=list(part["time"].values), grid=stacks.grid_of(stack), notes={"dione": notes}, overwrite=True)
