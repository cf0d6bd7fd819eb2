"""`dione dataset simulate`."""

from typing import Annotated

import typer

from dione.cli.console import Change
from dione.cli.result import Result


def simulate(
    recipe: Annotated[str, typer.Argument(help="A recipe, TOML: scenes, degradation, split.", show_default=False)],
    output: Annotated[str, typer.Option("-o", "--output", help="The patch store to make, here or at s3://.", show_default=False)],
    data: Annotated[str, typer.Option(help="Folder that the recipe's paths start from, here or at s3://.", envvar="DIONE_SHARED_DATA")] = ".",
    change: Change = None,
) -> Result:
    """Make training patches from sharp imagery.

    Example: dione dataset simulate recipes/simulate.toml --data imagery/ -o runs/patches
    """
    from dione.patches.simulated.build import SimulateConfig, simulate_store
    from dione.recipe import read

    count = simulate_store(read(recipe, SimulateConfig, change or ()), root=data, out=output)
    return Result({"store": output, "patches": count}, [f"{output}: {count} patches"])
