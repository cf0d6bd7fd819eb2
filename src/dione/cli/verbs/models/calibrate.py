"""`dione models calibrate`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.result import Result, plain


def calibrate(
    model: Annotated[str, typer.Argument(help="A name or a .safetensors file.", show_default=False)],
    store: Annotated[str, typer.Argument(help="A patch store, here or at s3://; its validation places are used.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .safetensors file to write.", show_default=False)],
) -> Result:
    """Scale a model's sigma so that its intervals hold the truth as often as they say; the weights stay as they are.

    Example: dione models calibrate setsr-s runs/patches -o calibrated.safetensors
    """
    from dione.training.calibrate import calibrate_file

    made = calibrate_file(model, store, output)
    return Result({"file": output} | plain(made), [f"{output}: {made}"])
