"""A result in memory as the folder that `dione predict` writes.

result alone         GeoTIFFs, a STAC item for each date and their collection, QGIS styles
with its source      these, the measured dates at 10 m, and what compares with them: quicklook, report, run.json
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import BadGrid
from dione.base.storage.files import alone, at_home, folder
from dione.base.windows import Window
from dione.prediction import origin, run
from dione.prediction.check import measure
from dione.prediction.files import collection, disk, item, styles
from dione.prediction.files.form import REFLECTANCE
from dione.prediction.job import describe
from dione.prediction.looks.preview import Array, preview, thinned
from dione.prediction.looks.supports import seen, supports
from dione.prediction.memory import VARIABLES, write, write_date
from dione.prepare.select import Choice


def keep(sharp: xr.Dataset, out: str | Path, *, source: xr.Dataset | None = None) -> list[Path]:
    """Write a result (of `dione.predict`) into a folder; a Stack of another origin as GeoTIFFs alone.

    source: the Stack that it was made from. Returns the files. Raises NotAStack, BadGrid (another source), CannotWrite.
    """
    to = folder(disk.a_folder(at_home(out)))
    with alone(to):
        if not origin.known(sharp):
            return write(sharp, to)
        choices, zoom = origin.choices(sharp), int(sharp.attrs["zoom"])
        coarse = _coarse(stacks.grid_of(sharp), zoom)
        disk.apart(to, str(sharp.attrs.get("source", "")))
        if source is not None:
            _fits(stacks.check(source), coarse, choices)
        files = write(sharp, to)
        if source is None:
            done = _run(sharp, coarse, zoom, tuple(_alone(sharp, date, choice, to, zoom) for date, choice in enumerate(choices)))
            made = [path for target in done.targets for path in (*item.write(to, done, target), *styles.write(to, target))]
            return [*files, *made, *([found] if (found := collection.write(to, done)) else [])]
        targets = tuple(_compared(sharp, source, date, choice, to, zoom) for date, choice in enumerate(choices))
        done = _run(sharp, coarse, zoom, targets, supports(source, targets))
        return [*files, *(target.input for target in targets if target.input), *describe(to, done)]


def _coarse(grid: GeoBox, zoom: int) -> GeoBox:
    """The grid of the input. Raises BadGrid for a part that cuts its pixels."""
    rows, columns = grid.shape
    if rows % zoom or columns % zoom:
        raise BadGrid(
            f"this part of a result has {rows}×{columns} px, needs whole pixels of its input: multiples of {zoom}\ncut it there, or write the pixels alone with dione.write"
        )
    return GeoBox((rows // zoom, columns // zoom), grid.affine * Affine.scale(zoom), grid.crs)


def _fits(source: xr.Dataset, coarse: GeoBox, choices: Sequence[Choice]) -> None:
    days = when.labels(source)
    apart = grids.differences(coarse, stacks.grid_of(source))
    wrong = [f"its grid is not that of the result's input: {', '.join(apart)}"] * bool(apart)
    made_of = dict.fromkeys(tuple(use.day for use in choice.dates) for choice in choices)
    wrong += [f"its dates are {', '.join(days)}, the result was made of {', '.join(those)}" for those in made_of if list(those) != days]
    if wrong:
        raise BadGrid("this source is not what the result was made from:\n" + "\n".join(f"  - {one}" for one in wrong) + "\ngive the Stack that was predicted")


def _run(sharp: xr.Dataset, coarse: GeoBox, zoom: int, targets: tuple[run.Target, ...], helped: tuple[run.Support, ...] = ()) -> run.Run:
    attrs = {str(key): str(value) for key, value in sharp.attrs.items()}
    model = run.Model(attrs.pop("model"), attrs.pop("model_sha256", ""))
    source, doubts = attrs.pop("source", ""), attrs.pop(origin.DOUBTS, "")
    notes = {key: value for key, value in attrs.items() if key not in ("zoom", origin.SEES)}
    return run.Run(source, model, coarse, zoom, targets, helped, notes=notes, warnings=tuple(doubts.splitlines()))


def _alone(sharp: xr.Dataset, date: int, choice: Choice, to: Path, zoom: int) -> run.Target:
    """A date of which only the result is at hand; its own average stands for the brightness of its styles."""
    shape = sharp.sizes["y"] // zoom, sharp.sizes["x"] // zoom

    def averaged(window: Window) -> Array:
        return thinned(seen(sharp, date, window.zoomed(zoom)), zoom)

    clear = choice.dates[choice.target].clear
    filled = max(float(sharp["valid"].isel(time=date).mean()) - clear, 0.0)
    return run.Target(choice, sharp["time"].values[date], **_files(sharp, date, to), before=preview(averaged, shape), clear=clear, filled=filled)


def _compared(sharp: xr.Dataset, source: xr.Dataset, date: int, choice: Choice, to: Path, zoom: int) -> run.Target:
    """A date beside what was measured, as `dione predict` tells it."""
    files, at, shape = _files(sharp, date, to), choice.target, (source.sizes["y"], source.sizes["x"])
    found = measure(files["sr"], source, choice, zoom=zoom, modulation=sharp.attrs.get(origin.SEES))
    kept = write_date(source, at, "reflectance", to / f"{when.label(sharp, date)}_input.tif", REFLECTANCE)
    before = preview(lambda window: seen(source, at, window), shape)
    warnings = found.warnings(len(choice.views), learned=bool(sharp.attrs.get("model_sha256")))
    told: dict[str, Any] = {"clear": found.clear, "filled": found.filled, "consistency": found.consistency, "warnings": warnings}
    return run.Target(choice, sharp["time"].values[date], **files, input=kept, before=before, **told)


def _files(sharp: xr.Dataset, date: int, to: Path) -> dict[str, Any]:
    """What `write` wrote of a date."""
    return {ending: to / f"{when.label(sharp, date)}_{ending}.tif" if variable in sharp else None for ending, variable in VARIABLES.items()}
