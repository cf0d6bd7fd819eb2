"""`dione dataset export`."""

from typing import Annotated

import typer

from dione.cli.console import progress
from dione.cli.result import Result


def export(
    store: Annotated[str, typer.Argument(help="A patch store, here or at s3://; for eopatch one that `dione dataset build` made.", show_default=False)],
    output: Annotated[str, typer.Option("-o", "--output", help="Folder to write, here or at s3://.", show_default=False)],
    form: Annotated[
        str,
        typer.Option("--format", help="npz: samples of the older pipeline, with index and normalisation. eopatch: the areas, as eo-learn opens them."),
    ] = "npz",
    areas: Annotated[str | None, typer.Option(help="eopatch: where the areas are kept, if no longer where the store was built.")] = None,
) -> Result:
    """Write a store as samples that other tools read, or its areas as EOPatch folders.

    Example: dione dataset export runs/deimos -o eopatches/ --format eopatch
    """
    if form not in ("npz", "eopatch"):
        raise typer.BadParameter(f"'{form}' is not a format; there are npz and eopatch", param_hint="--format")
    from dione.patches.store import read as read_store

    opened = read_store(store)
    if form == "npz":
        from dione.patches.older.export import export_folder
        from dione.patches.older.interchange import INDEX
        from dione.sources.carrying import staged

        with staged(output, last=INDEX) as folder, progress("sample") as tell:
            count = export_folder(opened, folder, progress=tell)
        return Result({"folder": output, "samples": count}, [f"{output}: {count} samples"])
    from dione.pairs import eopatches

    with progress("area") as tell:
        count = eopatches.export(opened, output, areas=areas, progress=tell)
    return Result({"folder": output, "areas": count}, [f"{output}: {count} areas, two EOPatches each"])
