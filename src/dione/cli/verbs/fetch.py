"""`dione fetch`."""

import json
from dataclasses import asdict, replace
from typing import Annotated

import typer

from dione.cli.console import progress, transfer
from dione.cli.reading import Dates, Reading, Source
from dione.cli.result import Result, plain


def fetch(
    source: Source,
    output: Annotated[str, typer.Option("-o", "--output", help="The Stack to write, NAME.zarr; with --areas a folder of them.", show_default=False)],
    dates: Dates = None,
    areas: Annotated[
        str | None, typer.Option(help="A file of many areas, GeoJSON or GeoPackage: a Stack is kept of each, what is there is left alone.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The property that names each of --areas: name, and their number where there is none.")] = None,
    reading: Reading = Reading(),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a Stack that is there.")] = False,
) -> Result:
    """Keep a Stack for later, as Zarr; or one for each of many areas.

    Example: dione fetch stac:earth-search --areas fields.geojson --dates 2024-05/2024-08 -o fields/
    """
    from dione import fetching
    from dione.prepare.fields import fields
    from dione.sources import zarrstack
    from dione.sources.archives.signing import unsigned

    if areas is None:
        if name is not None:
            raise typer.BadParameter("names each of --areas, which are not given; leave it out", param_hint="--name")
        with transfer():
            kept = zarrstack.save(reading.open(source, dates), output, overwrite=overwrite)
        return Result({"stack": kept}, [kept])
    if reading.area is not None:
        raise typer.BadParameter("says one area, --areas many; give one of them", param_hint="--area")
    settings = [unsigned(source), dates, asdict(reading)]
    shapes, wrong = fields(areas, **({} if name is None else {"name": name}))
    with transfer(), progress("area") as tell:
        made = fetching.fetch(
            shapes,
            output,
            lambda geometry: replace(reading, area=json.dumps(geometry)).open(source, dates),
            settings=settings,
            wrong=wrong,
            overwrite=overwrite,
            progress=tell,
        )
    words = f"{output}: {len(made.fresh)} areas fetched, {len(made.there)} were there, {len(made.failed)} failed"
    return Result({"folder": output} | plain(made), [words], lambda: made.raise_failed(output))
