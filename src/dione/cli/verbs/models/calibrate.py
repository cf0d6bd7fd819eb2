"""`dione models calibrate`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.console import say


def calibrate(
    model: Annotated[str, typer.Argument(help="A name or a .safetensors file.", show_default=False)],
    store: Annotated[str, typer.Argument(help="A patch store, here or at s3://; its validation places are used.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .safetensors file to write.", show_default=False)],
) -> None:
    """Scale a model's sigma so that its intervals hold the truth as often as they say; the weights stay as they are.

    Example: dione models calibrate setsr-s runs/patches -o calibrated.safetensors
    """
    from dione.training.calibrate import calibrate_file

    made = calibrate_file(model, store, output)
    say(f"{output}: {made}")
