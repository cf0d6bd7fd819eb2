"""`dione change`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.result import Result
from dione.cli.trusting import Results, Trusting


def change(
    results: Results,
    before: Annotated[str, typer.Argument(help="The earlier date: YYYY-MM-DD, or as its files begin.", show_default=False)],
    after: Annotated[str, typer.Argument(help="The later date.", show_default=False)],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder for the files; the results' own by default.")] = None,
    index: Annotated[str, typer.Option(help="The index that is compared.")] = "NDVI",
    rate: Annotated[float, typer.Option(min=1e-6, max=0.999, help="Of the flagged pixels, the fraction that may be no change (false discovery rate).")] = 0.05,
    correlation: Annotated[float, typer.Option(min=0, max=0.99, help="Of the errors of the two dates.")] = 0.0,
    trusting: Trusting = Trusting(),
) -> Result:
    """Change between two dates, flagged only where both are trusted: difference, sigma and z as one file, classes as another.

    Example: dione change out/ 2024-05-03 2024-08-21 --index NDVI
    """
    from dione.analysis import rasters
    from dione.analysis.change import ChangeRule
    from dione.sources import results as opened

    made = rasters.write_change(opened.open(results), output or Path(results), before, after, ChangeRule(index, rate, correlation, trusting.rule()))
    return Result(made.facts | {"files": made.files}, [*made.files, made.words])
