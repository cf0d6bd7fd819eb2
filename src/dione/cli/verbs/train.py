"""`dione train`."""

from typing import Annotated

import typer

from dione.cli.console import Change, progress
from dione.cli.result import Result


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe, TOML.", show_default=False)],
    change: Change = None,
    resume: Annotated[bool, typer.Option("--resume/--fresh", help="Go on from the last checkpoint, or start over.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take: sizes, operations, memory, hours. Writes nothing.")] = False,
) -> Result | None:
    """Train a network on a patch store; the weights file appears in the run's folder.

    Example: dione train recipes/setsr-s.toml

    With several processes: torchrun --nproc-per-node 2 --no-python dione train recipes/setsr-s.toml
    """
    from dione.recipe import read
    from dione.training import devices, plan
    from dione.training.config import TrainRecipe
    from dione.training.run import train as run

    chosen = read(recipe, TrainRecipe, change or ())
    if dry_run:
        planned = plan.plan(chosen)
        return Result(planned, [planned])
    with progress("step") as tell:
        made = run(chosen, resume=resume, progress=tell)
    return Result({"weights": made}, [made]) if devices.is_first() else None
