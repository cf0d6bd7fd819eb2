"""`dione info`."""

from typing import Any

from dione.cli.reading import Dates, Reading, Source
from dione.cli.result import Result


def info(source: Source, dates: Dates = None, reading: Reading = Reading()) -> Result:
    """What a source holds: dates, clouds, bands, grid, the offset found.

    Example: dione info my-field/
    """
    from dione.accessor import glance
    from dione.base import stack as stacks
    from dione.base.crs import named
    from dione.sources.places import shown

    stack = reading.open(source, dates)
    grid, found = stacks.grid_of(stack), glance.of(stack)
    facts: dict[str, Any] = {
        "source": shown(source),
        "grid": {"crs": named(grid.crs), "shape": [int(n) for n in grid.shape], "transform": list(grid.affine)[:6]},
        "bands": [str(band) for band in stack["band"].values],
        "notes": dict(found.notes),
        "dates": [{"day": day, "item": str(item), "clear": round(clear, 4)} for (day, clear), item in zip(found.dates, stack["item"].values, strict=True)],
    }
    words = [f"{facts['source']}: {found.head}", *(f"{key}: {value}" for key, value in found.notes)]
    return Result(facts, words + [f"  {date['day']}  {date['clear']:4.0%} {found.what}  {date['item']}" for date in facts["dates"]])
