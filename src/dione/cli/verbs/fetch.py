"""`dione fetch`."""

from typing import Annotated

import typer

from dione.cli.console import say, transfer
from dione.cli.reading import Dates, Reading, Source


def fetch(
    source: Source,
    output: Annotated[str, typer.Option("-o", "--output", help="The Stack to write: NAME.zarr.", show_default=False)],
    dates: Dates = None,
    reading: Reading = Reading(),
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a Stack that is there.")] = False,
) -> None:
    """Keep a Stack for later, as Zarr.

    Example: dione fetch my-field/ -o my-field.zarr
    """
    from dione.sources import zarrstack

    with transfer():
        say(zarrstack.save(reading.open(source, dates), output, overwrite=overwrite))
