"""`dione models import`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.console import note
from dione.cli.result import Result


def import_(
    checkpoint: Annotated[Path, typer.Argument(help="HRNet.pth, or ShiftNet.pth, of the older pipeline.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .safetensors file to write.", show_default=False)],
    config: Annotated[Path | None, typer.Option(help="The config.json that it was trained with; a ShiftNet needs none.")] = None,
    normalisation: Annotated[
        Path | None,
        typer.Option(help="Folder with s2_norm_per_country.pq, s2_min_max_norm.npz and deimos_min_max_norm.npz, if it was trained on normalised values."),
    ] = None,
    country: Annotated[str | None, typer.Option(help="Which country's normalisation to keep in the model.")] = None,
) -> Result:
    """Bring a HighRes-Net of the older pipeline along: same numbers, reflectance in and out. No pickle in it is run.

    Example: dione models import HRNet.pth --config config.json --normalisation npz-samples/ --country Lithuania -o hrnet.safetensors
    """
    from dione.nets.older.imported import Scaling, import_checkpoint

    scaling = Scaling()
    if (normalisation is None) != (country is None):
        raise typer.BadParameter("--normalisation and --country go together", param_hint="--country")
    if normalisation is not None:
        from dione.patches.older.tables import read as read_tables

        centre, spread = read_tables(normalisation).scaling(country or "")
        scaling = Scaling(centre=tuple(centre.tolist()), spread=tuple(spread.tolist()), source=f"normalisation of {country}")
    made = import_checkpoint(checkpoint, output, config=config, scaling=scaling)
    if made.net == "highresnet" and normalisation is None:
        note("no --normalisation: the network is taken to have been trained on reflectance as it is")
    return Result({"file": made.path, "net": made.net, "scaling": scaling.source}, [f"{made.path}: {made.net}"])
