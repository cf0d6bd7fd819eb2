"""`dione dataset predict`."""

from typing import Annotated

import typer

from dione.cli.console import progress
from dione.cli.result import Result


def predict(
    store: Annotated[str, typer.Argument(help="A patch store, here or at s3://.", show_default=False)],
    output: Annotated[str, typer.Option("-o", "--output", help="Folder, here or at s3://, for predictions.zarr and patches.html.", show_default=False)],
    model: Annotated[str, typer.Option(help="A name (see `dione models list`) or a .safetensors file.")] = "setsr-s",
    part: Annotated[str, typer.Option("--split", help="Which part of the store; all for every patch.")] = "test",
    dates: Annotated[int | None, typer.Option(min=1, help="Dates of each patch to use, the target among them; all by default.")] = None,
    show: Annotated[int, typer.Option(min=0, help="How many patches to draw on the page.")] = 12,
) -> Result:
    """Sharpen patches, and draw some beside bicubic of Sentinel-2, of the reference brought down, and the reference.

    Example: dione dataset predict runs/deimos --model hrnet.safetensors -o looked-at/
    """
    from dione.evaluation.shown import patches
    from dione.nets.resolver import load
    from dione.patches.store import read
    from dione.sources.carrying import staged

    with staged(output, last="patches.html") as folder, progress("patch") as tell:
        split = None if part == "all" else part
        count = patches.predict(read(store), load(model), folder, split=split, dates=dates, show=show, progress=tell)
    made = {"predictions": f"{output.rstrip('/')}/predictions.zarr", "patches": count, "page": f"{output.rstrip('/')}/patches.html"}
    return Result(made, [f"{made['predictions']}: {count} patches", f"pictures: {made['page']}"])
