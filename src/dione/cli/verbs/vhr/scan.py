"""`dione vhr scan`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.result import Result


def scan(
    folder: Annotated[
        str,
        typer.Argument(
            help="A folder of deliveries: Deimos-2 / GEOSAT-2 (.dim); SPOT, Pléiades, PlanetScope, Maxar (extra vhr); or GeoTIFFs with --sensor.",
            show_default=False,
        ),
    ],
    output: Annotated[str, typer.Option("-o", "--output", help="The table to write, here or at s3://: scenes.parquet.", show_default=False)],
    sensor: Annotated[str | None, typer.Option(help="Sensor of the GeoTIFFs that come without metadata: pleiades, planetscope, ...")] = None,
    sensors: Annotated[Path | None, typer.Option(help="A TOML file that describes further sensors.")] = None,
    sun_elevation: Annotated[float | None, typer.Option(help="Degrees, for GeoTIFFs of radiance.")] = None,
) -> Result:
    """Gather the metadata of every scene into one table; scenes that cannot be used are listed, and the exit is 1.

    Example: dione vhr scan deliveries/ -o scenes.parquet
    """
    from dione.sources.delivered import deliveries, scenetable
    from dione.sources.delivered.plainvhr import Told
    from dione.sources.delivered.sensors import table

    made = deliveries.scan(folder, told=Told(sensor, sun_elevation=sun_elevation), sensors=table(sensors))
    kinds = [product.kind for product in made.products]
    facts = {"table": output if kinds else None, "scenes": kinds.count("ms"), "with_pan": kinds.count("pan"), "failed": made.failed}
    if kinds:
        scenetable.write(output, map(scenetable.row, made.products))
    return Result(facts, [f"{output}: {facts['scenes']} scenes, {facts['with_pan']} with pan"] * bool(kinds), made.complain)
