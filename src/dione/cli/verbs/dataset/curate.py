"""`dione dataset curate`."""

from typing import Annotated

import typer

from dione.cli.console import progress
from dione.cli.result import Result


def curate(
    store: Annotated[str, typer.Argument(help="A patch store, here or at s3://.", show_default=False)],
    keep: Annotated[
        list[str] | None, typer.Option(help="Condition on the columns that a patch has to fulfil to count: 'ssim > 0.2 and views >= 2'. May be repeated.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Conditions by name: prior-art; agreeing (references with Sentinel-2's colours); or all to keep every patch again.")
    ] = None,
    shift: Annotated[float, typer.Option(min=0, help="Largest shift of the reference that is looked for, sharp pixels.")] = 3.0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Score again what was scored before.")] = False,
    page: Annotated[str | None, typer.Option(help="Write a page about it: histograms, scatter plots, the worst patches as pictures.")] = None,
) -> Result:
    """Score how well each patch's Sentinel-2 and reference go together, and choose by it. Nothing is deleted.

    Example: dione dataset curate runs/deimos --preset prior-art --keep 'correlation > 0.5'
    """
    from dione.patches import curate as curation
    from dione.patches.store import read as read_store

    opened = read_store(store)
    if fresh or not curation.is_scored(opened, shift):
        with progress("patch") as tell:
            curation.score(opened, limit_px=shift, progress=tell)
        opened = read_store(store)
    conditions = [*(curation.preset(opened, preset) if preset else ()), *(keep or ())]
    kept = curation.keep(opened, conditions) if conditions else len(opened.rows())
    if page:
        from dione.evaluation.shown import curation as pages

        pages.write(page, read_store(store))
    told = {"patches": opened.index.num_rows, "kept": kept, "conditions": conditions, "columns": curation.summary(opened.index)}
    words = [
        f"{name:13} {values['p5']:10.4g} {values['median']:10.4g} {values['p95']:10.4g}   (5 %, median, 95 % of {values['known']})"
        for name, values in told["columns"].items()
    ]
    return Result(told, [*words, f"{store}: {kept} of {opened.index.num_rows} patches are kept"])
