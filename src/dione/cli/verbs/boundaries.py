"""`dione boundaries`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.result import Result
from dione.cli.trusting import Results, Trusting


def boundaries(
    results: Results,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The .gpkg or .geojson to write; OUT/boundaries.gpkg by default.")] = None,
    index: Annotated[str, typer.Option(help="The index whose edges part fields.")] = "NDVI",
    least: Annotated[float, typer.Option(min=0, help="Strength of an edge, in its own standard deviations.")] = 1.0,
    least_m2: Annotated[float, typer.Option(min=0, help="The smallest calm ground that becomes a field.")] = 500.0,
    core_m: Annotated[float, typer.Option(min=0, help="Half the width of the narrowest field, metres; larger ignores more gaps in edges.")] = 12.5,
    trusting: Trusting = Trusting(),
) -> Result:
    """Field boundaries out of all dates of the results, as polygons.

    Example: dione boundaries out/ -o fields.gpkg
    """
    from dione.analysis.boundaries import BoundaryRule
    from dione.analysis.boundaries import boundaries as found
    from dione.analysis.parcels import writable
    from dione.sources import results as opened

    stack, to = opened.open(results), writable(output or Path(results) / "boundaries.gpkg")
    made = found(stack, BoundaryRule(index, least, least_m2, trusting.rule(), core_m))
    file = made.write(to)
    return Result({"file": file, "fields": len(made)}, [f"{file}  {len(made)} field{'s' * (len(made) != 1)}"])
