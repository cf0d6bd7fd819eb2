"""`dione dataset build`."""

from typing import Annotated

import typer

from dione.cli.console import Change, progress
from dione.cli.result import Result


def build(
    recipe: Annotated[str, typer.Argument(help="A recipe, TOML: sentinel2, vhr, areas, pairing, sampling.", show_default=False)],
    output: Annotated[str, typer.Option("-o", "--output", help="The patch store to make, here or at s3://.", show_default=False)],
    areas: Annotated[str | None, typer.Option(help="Where the areas' Stacks are kept, also s3://; STORE-areas by default.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one a processor by default. The result is the same.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler whose workers make the areas: tcp://host:8786.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Make areas again that are there already.")] = False,
    change: Change = None,
) -> Result:
    """Pair a sharp sensor with Sentinel-2, area by area, and cut patches of both. What fails is listed, and the exit is 1.

    Example: dione dataset build recipes/build.toml -o runs/deimos
    """
    from dione.pairs.build import build as run
    from dione.pairs.recipe import BuildRecipe
    from dione.recipe import read

    chosen = read(recipe, BuildRecipe, change or ())
    with progress("area") as tell:
        made = run(chosen, output, areas=areas or f"{output}-areas", workers=workers, scheduler=scheduler, fresh=fresh, progress=tell)
    head = f"{output}: {made.patches} patches of {made.pairs} pairs in {made.areas} areas; {made.left_out} left out by the rules, {len(made.failed)} failed"
    words = [head, *(f"left out {reason}" for reason in made.reasons), *([f"{made.unseen} areas are shown by no scene"] if made.unseen else [])]
    return Result(made, words, lambda: made.raise_failed(output))
