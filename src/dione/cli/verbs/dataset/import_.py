"""`dione dataset import`."""

from typing import Annotated

import typer

from dione.cli.console import note, progress
from dione.cli.result import Result, plain


def import_(
    folder: Annotated[
        str, typer.Argument(help="Samples of the older pipeline, here or at s3://: .npz files beside npz_info.pq and their normalisation.", show_default=False)
    ],
    output: Annotated[str, typer.Option("-o", "--output", help="The patch store to make, here or at s3://.", show_default=False)],
    dates: Annotated[int | None, typer.Option(min=1, help="Dates kept of each patch, the newest; as many as the longest has by default.")] = None,
    sensor: Annotated[str, typer.Option(help="Which sensor the labels are from.")] = "deimos-2",
    allow_absent: Annotated[bool, typer.Option("--allow-absent", help="Samples that the index names and that are not there are no failure.")] = False,
) -> Result:
    """Bring samples of the older pipeline (.npz) into a patch store. No pickle in them is run.

    Example: dione dataset import npz-samples/ -o runs/deimos
    """
    from dione.patches.older.interchange import import_folder

    with progress("sample") as tell:
        made = import_folder(folder, output, dates=dates, sensor=sensor, allow_absent=allow_absent, progress=tell)
    if made.absent:
        note(f"{len(made.absent)} samples of the index are not in {folder}")
    return Result({"store": output} | plain(made), [f"{output}: {made.patches} patches"], lambda: made.raise_failed(output))
