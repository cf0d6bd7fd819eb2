"""`dione evaluate`."""

from typing import Annotated, Any

import typer

from dione.cli.console import progress
from dione.cli.reading import Reading
from dione.cli.result import Result


def evaluate(
    model: Annotated[str, typer.Argument(help="A name or a .safetensors file.", show_default=False)],
    dataset: Annotated[str, typer.Argument(help="A patch store, or a series as for `dione predict`.", show_default=False)],
    output: Annotated[str | None, typer.Option("-o", "--output", help="Folder, here or at s3://, for scores.json, its tables and report.html.")] = None,
    against: Annotated[list[str] | None, typer.Option(help="A model to compare with (bicubic by default). May be repeated.")] = None,
    dates: Annotated[str, typer.Option(help="Numbers of dates to use, the target among them.")] = "1,2,4,8",
    split: Annotated[str, typer.Option(help="Which part of a patch store; all for every patch.")] = "test",
    shift: Annotated[float, typer.Option(min=0, help="Sub-pixel shifts given to a series' supports: their deviation, coarse pixels; 0.2 is usual.")] = 0.0,
    align_px: Annotated[
        float,
        typer.Option(min=0, help="How far along each axis, in its own pixels, the truth may be moved to where a result fits it best: 6 for real references."),
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="What those shifts are drawn with.")] = 0,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler whose workers score the patches: tcp://host:8786.")] = None,
    reading: Reading = Reading(),
) -> Result:
    """Score a model on images whose truth is known: patches, or a series brought to 40 m and sharpened back.

    Example: dione evaluate setsr-s runs/patches -o scores/ --against bicubic --against highresnet.safetensors
    """
    from dione.evaluation import run
    from dione.evaluation.shown import words
    from dione.patches.store import is_store

    counts = _numbers(dates)
    source = reading.none_for(dataset, "a patch store") if is_store(dataset) else reading.open(dataset)
    with progress("patch") as tell:
        how: dict[str, Any] = {"split": split, "shift_px": shift, "align_px": align_px, "seed": seed, "scheduler": scheduler}
        made = run.evaluate(model, source, out=output, against=against or ["bicubic"], dates=counts, progress=tell, **how)
    return Result(made.summary, [*words.lines(made.summary), *([f"report: {output.rstrip('/')}/report.html"] if output else [])])


def _numbers(text: str) -> list[int]:
    """1,2,4 as numbers; wrong usage otherwise."""
    words = text.split(",")
    if not all(word.strip().isdecimal() and int(word) for word in words):
        raise typer.BadParameter(f"'{text}' is not a list of numbers of dates, such as 1,2,4,8", param_hint="--dates")
    return [int(word) for word in words]
