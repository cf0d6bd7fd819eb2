"""`dione dataset export`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.console import progress, say


def export(
    store: Annotated[Path, typer.Argument(help="A patch store.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the samples.", show_default=False)],
    form: Annotated[str, typer.Option("--format", help="npz: samples of the older pipeline, with their index and normalisation.")] = "npz",
) -> None:
    """Write a patch store as samples that other tools read.

    Example: dione dataset export runs/deimos -o npz-samples/ --format npz
    """
    if form != "npz":
        raise typer.BadParameter(f"'{form}' is not a format; there is npz", param_hint="--format")
    from dione.patches.export import export_folder
    from dione.patches.store import read as read_store

    with progress("sample") as tell:
        count = export_folder(read_store(store), output, progress=tell)
    say(f"{output}: {count} samples")
