"""`dione info`."""

from typing import Any

from dione.cli.reading import Dates, Reading, Source
from dione.cli.result import Result


def info(source: Source, dates: Dates = None, reading: Reading = Reading()) -> Result:
    """What a source holds: dates, clouds, bands, grid, the offset found.

    Example: dione info my-field/
    """
    from dione.base import stack as stacks
    from dione.prepare.area import clear_fractions
    from dione.sources.places import shown

    stack = reading.open(source, dates)
    grid = stacks.grid_of(stack)
    facts: dict[str, Any] = {
        "source": shown(source),
        "grid": {"crs": str(grid.crs) if grid.crs else None, "shape": [int(n) for n in grid.shape], "transform": list(grid.affine)[:6]},
        "bands": [str(band) for band in stack["band"].values],
        "notes": {str(k): str(v) for k, v in stack.attrs.items()},
        "dates": [
            {"day": day, "item": str(item), "clear": round(clear, 4)}
            for day, item, clear in zip(stacks.days(stack), stack["item"].values, clear_fractions(stack), strict=True)
        ],
    }
    height, width = facts["grid"]["shape"]
    epsg = grid.crs.to_epsg() if grid.crs else None
    place = f"EPSG:{epsg}" if epsg else facts["grid"]["crs"] or "no CRS"
    words = [f"{shown(source)}: {len(facts['dates'])} dates, {height}×{width} px of {abs(grid.affine.a):g}, {place}"]
    words += [f"{key}: {value}" for key, value in facts["notes"].items()]
    return Result(facts, words + [f"  {date['day']}  {date['clear']:4.0%} clear  {date['item']}" for date in facts["dates"]])
