"""`dione run`."""

from typing import Annotated

import typer

from dione.cli.console import Change, progress, say
from dione.cli.result import Result


def run(
    recipe: Annotated[str, typer.Argument(help="A recipe, TOML: vhr, build, curate, split, scaling, train, predict, evaluate.", show_default=False)],
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; one a processor by default.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run every stage again.")] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Run again the stages of which a part failed, and what follows from them if that mended something.")
    ] = False,
    change: Change = None,
) -> Result:
    """From delivered scenes to a trained, scored model and its predictions; what is up to date is left alone.

    Example: dione run recipes/deimos.toml
    """
    from dione.pipeline.recipe import PipelineRecipe
    from dione.pipeline.run import Ended
    from dione.pipeline.run import run as run_all
    from dione.recipe import read

    def tell(ended: Ended) -> None:
        parts = f", {len(ended.failed)} failed" if ended.failed and ended.how != "failed" else ""
        say(f"{ended.name:11} {ended.how:11} {ended.words}{parts}" + (f"  ({ended.seconds:.1f} s)" if ended.how == "made" else ""))

    chosen = read(recipe, PipelineRecipe, change or ())
    with progress("part") as bar:
        made = run_all(chosen, workers=workers, fresh=fresh, retry=retry, progress=bar, tell=tell)
    return Result(made.ended, then=made.raise_failed)
