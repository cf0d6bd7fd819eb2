"""`dione info`."""

from typing import Any

from dione.cli.console import Json, say, say_json
from dione.cli.reading import Dates, Reading, Source


def info(source: Source, dates: Dates = None, reading: Reading = Reading(), as_json: Json = False) -> None:
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
    if as_json:
        say_json(facts)
        return
    height, width = facts["grid"]["shape"]
    epsg = grid.crs.to_epsg() if grid.crs else None
    place = f"EPSG:{epsg}" if epsg else facts["grid"]["crs"] or "no CRS"
    say(f"{shown(source)}: {len(facts['dates'])} dates, {height}×{width} px of {abs(grid.affine.a):g}, {place}")
    for key, value in facts["notes"].items():
        say(f"{key}: {value}")
    for date in facts["dates"]:
        say(f"  {date['day']}  {date['clear']:4.0%} clear  {date['item']}")
