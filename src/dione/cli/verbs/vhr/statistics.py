"""`dione vhr statistics`."""

from typing import Annotated

import typer

from dione.cli.console import progress
from dione.cli.result import Result


def statistics(
    table: Annotated[str, typer.Argument(help="The table that `dione vhr scan` wrote; columns are added to it.", show_default=False)],
    output: Annotated[str | None, typer.Option("-o", "--output", help="Write another table instead.")] = None,
    blue_above: Annotated[float, typer.Option(help="Radiance of blue that is cloud, W m-2 sr-1 um-1; 95 to 100 for Deimos-2.")] = 97.0,
    all_below: Annotated[float, typer.Option(min=0, max=1, help="Scenes with a smaller fraction of cloud use all their pixels.")] = 0.1,
    sharpen: Annotated[str, typer.Option(help="How to pansharpen: gsa, ratio, or no.")] = "gsa",
) -> Result:
    """Add each scene's statistics to the table: medians, and mean, median and deviation without clouds.

    Example: dione vhr statistics scenes.parquet
    """
    from dione.prepare.reference.brightness import CloudRule
    from dione.prepare.reference.scenestatistics import Opener, add, method
    from dione.sources.delivered import deliveries, scenetable

    rows = scenetable.read(table)
    opener = Opener(scenetable.numbers, scenetable.stack)
    with progress("scene") as tell:
        made = add(rows, opener, rule=CloudRule(blue_above, all_below), sharpen=method(sharpen), progress=tell)
    file, failed = scenetable.write(output or table, made.rows), tuple(deliveries.Failed(*one) for one in made.failed)
    facts = {"table": file, "rasters": len(made.rows), "failed": failed}
    total = len({row["scene"] for row in rows})
    of = f"of {total} scenes failed; their rows stand in the table as they were"
    return Result(facts, [f"{file}: {len(made.rows)} rasters"], lambda: deliveries.complain(failed, of))
