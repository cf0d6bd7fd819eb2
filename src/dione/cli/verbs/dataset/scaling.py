"""`dione dataset scaling`."""

import json
from typing import Annotated, Any

import typer

from dione.cli.console import progress
from dione.cli.result import Result


def scaling(
    store: Annotated[str, typer.Argument(help="A patch store, here or at s3://.", show_default=False)],
    output: Annotated[str | None, typer.Option("-o", "--output", help="Write the figures, JSON.")] = None,
    by: Annotated[str, typer.Option(help="The column whose values are counted apart: site, country, sensor.")] = "site",
    part: Annotated[str, typer.Option("--split", help="Whose patches count; all for every patch.")] = "train",
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> Result:
    """Mean, median, deviation, 1st and 99th percentile of both sensors, of each group and of all, in one pass.

    Example: dione dataset scaling runs/deimos --by country -o runs/deimos/scaling.json
    """
    from dione.base.storage.files import at_home, folder
    from dione.patches.older import scaling as counting
    from dione.patches.store import read
    from dione.sources.carrying import put
    from dione.sources.places import is_remote

    if output and not is_remote(output):
        folder(at_home(output).parent)  # known before all patches are read
    with progress("shard") as tell:
        made = counting.scaling(read(store), by=by, split=None if part == "all" else part, workers=workers, progress=tell)
    if output:
        put(output, (json.dumps(made, indent=1) + "\n").encode())
    return Result(made, [_line(group, sensor, figures) for group, sensors in made.items() for sensor, figures in sensors.items()])


def _line(group: str, sensor: str, figures: Any) -> str:
    told = "  ".join(f"{name} {' '.join(f'{value:.4f}' for value in figures[name])}" for name in ("median", "std", "p1", "p99") if name in figures)
    return f"{group:12} {sensor:10} {told}   ({figures['pixels']} pixels; blue green red nir)"
