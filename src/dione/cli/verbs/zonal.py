"""`dione zonal`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.result import Result
from dione.cli.trusting import Results, Trusting


def zonal(
    results: Results,
    parcels: Annotated[str, typer.Argument(help="Polygons: GeoJSON, KML, GeoPackage, Shapefile; FILE#LAYER where there are several.", show_default=False)],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The .csv, .gpkg or .geojson to write; OUT/zonal.csv by default.")] = None,
    index: Annotated[list[str] | None, typer.Option(help="An index, NDVI by default. May be repeated.")] = None,
    correlation_m: Annotated[
        float, typer.Option(min=0, help="Distance at which errors have become mostly independent, metres: two fifths of an input pixel.")
    ] = 4.0,
    trusting: Trusting = Trusting(),
) -> Result:
    """Mean, sigma of the mean and number of trusted pixels of each parcel, on each date.

    Example: dione zonal out/ parcels.gpkg -o parcels.csv --index NDVI --index NDWI
    """
    from dione.analysis.parcels import read, writable
    from dione.analysis.zonal import ZonalRule
    from dione.analysis.zonal import zonal as found
    from dione.sources import results as opened

    stack, wanted, to = opened.open(results), read(parcels), writable(output or Path(results) / "zonal.csv")
    made = found(stack, wanted, ZonalRule(tuple(index or ["NDVI"]), correlation_m, trusting.rule()))
    file = made.write(to)
    return Result({"file": file, "parcels": len(made), "columns": list(made.columns)}, [f"{file}  {len(made)} parcel{'s' * (len(made) != 1)}"])
