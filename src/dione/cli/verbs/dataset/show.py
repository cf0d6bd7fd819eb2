"""`dione dataset show`."""

from typing import Annotated

import typer

from dione.cli.result import Result


def show(store: Annotated[str, typer.Argument(help="A patch store, here or at s3://.", show_default=False)]) -> Result:
    """What a store holds: patches by split, site and sensor, dates, sizes, columns, and what made it.

    Example: dione dataset show runs/deimos
    """
    from dione.patches.contents import contents
    from dione.patches.store import read

    told = contents(read(store))
    words = [
        f"{store}: {told['patches']} patches, {told['kept']} kept, {told['megabytes']:.1f} MB; made by {told['made_by']}",
        f"each {told['dates']} dates of {told['coarse_px']} px, and a reference of {told['sharp_px']} px, {told['zoom']} times finer",
        *(f"{name}: " + ", ".join(f"{value} {count}" for value, count in told[name].items()) for name in ("split", "site", "sensor")),
        f"columns: {', '.join(told['columns'])}",
    ]
    return Result(told, words)
