"""`dione indices`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.result import Result
from dione.cli.trusting import Results, Trusting


def indices(
    results: Results,
    names: Annotated[list[str], typer.Argument(help="As spyndex lists them: NDVI NDWI SAVI ...", show_default=False)],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder for the files; the results' own by default.")] = None,
    correlation: Annotated[float, typer.Option(min=0, max=1, help="Of the errors of the bands.")] = 0.0,
    trusting: Trusting = Trusting(),
) -> Result:
    """Spectral indices at 2.5 m with their uncertainty: <date>_<INDEX>.tif, float32, the index and its 1 sigma.

    Example: dione indices out/ NDVI NDWI
    """
    from dione.analysis import rasters
    from dione.sources import results as opened

    files = rasters.write_indices(opened.open(results), output or Path(results), names, trust=trusting.rule(), band_correlation=correlation)
    return Result({"files": files}, files)
