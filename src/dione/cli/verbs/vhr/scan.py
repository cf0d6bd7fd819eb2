"""`dione vhr scan`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.console import say


def scan(
    folder: Annotated[str, typer.Argument(help="A folder of deliveries: Deimos-2 / GEOSAT-2 (.dim), or GeoTIFFs with --sensor.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The table to write: scenes.parquet.", show_default=False)],
    sensor: Annotated[str | None, typer.Option(help="Sensor of the GeoTIFFs that come without metadata: pleiades, planetscope, ...")] = None,
    sensors: Annotated[Path | None, typer.Option(help="A TOML file that describes further sensors.")] = None,
    sun_elevation: Annotated[float | None, typer.Option(help="Degrees, for GeoTIFFs of radiance.")] = None,
) -> None:
    """Gather the metadata of every scene into one table; scenes that cannot be used are listed, and the exit is 1.

    Example: dione vhr scan deliveries/ -o scenes.parquet
    """
    from dione.sources import deliveries, scenetable
    from dione.sources.plainvhr import Told
    from dione.sources.sensors import table

    made = deliveries.scan(folder, told=Told(sensor, sun_elevation=sun_elevation), sensors=table(sensors))
    if made.products:
        scenetable.write(output, map(scenetable.row, made.products))
        kinds = [product.kind for product in made.products]
        say(f"{output}: {kinds.count('ms')} scenes, {kinds.count('pan')} with pan")
    made.complain()
