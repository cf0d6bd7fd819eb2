"""`dione predict`."""

from typing import Annotated, Any

import typer

from dione.base.storage.files import one_part
from dione.cli.console import note, progress, transfer
from dione.cli.reading import Dates, Reading, Source
from dione.cli.result import Result


def predict(
    source: Source,
    output: Annotated[str, typer.Option("-o", "--output", help="Folder for the results, here or at s3://.", show_default=False)],
    model: Annotated[
        str,
        typer.Option(
            help="A name (see `dione models list`) or a .safetensors file, here or at s3://; NAME@4 or NAME@8 is more exact and as many times slower."
        ),
    ] = "setsr-s",
    target: Annotated[str, typer.Option(help="The date to sharpen: YYYY-MM-DD (or as 2018-08-15T105031), latest (clear enough) or all.")] = "latest",
    dates: Dates = None,
    views: Annotated[int, typer.Option(min=1, help="The most dates used for one result.")] = 8,
    max_cloud: Annotated[float, typer.Option(min=0, max=1, help="Largest cloudy fraction of a target that is not named.")] = 0.5,
    supports: Annotated[
        str, typer.Option(help="Which dates help: best (clear and near), or past (a window of the latest clear ones before the target).")
    ] = "best",
    support_cloud: Annotated[float | None, typer.Option(min=0, max=1, help="Largest cloudy fraction of those in the past; 0.05 if not said.")] = None,
    eopatch: Annotated[str | None, typer.Option(help="A name: write the results as an EOPatch too, OUT/eopatch with SR-NAME, S2 and N_VIEWS.")] = None,
    block: Annotated[
        int | None,
        typer.Option(
            min=16,
            help="Side of a window, input pixels, rounded up to whole tiles: what 4 GB are enough for by default; memory grows with it, the result does not change.",
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:1.")] = "auto",
    modulation: Annotated[
        float | None,
        typer.Option(
            min=0.05,
            max=0.63,
            help="What the sensor left at the Nyquist frequency, measured by default; what is sharper or softer than the model was made for is brought there first, or nearer if it was only measured.",
        ),
    ] = None,
    precision: Annotated[str, typer.Option(help="Of the network: auto (the faster one here), float32 or bfloat16.")] = "auto",
    compress: Annotated[str, typer.Option(help="Of the GeoTIFFs: deflate, which opens everywhere, or zstd, which is faster.")] = "deflate",
    tiles: Annotated[
        int | None,
        typer.Option(
            min=512, help="Write each date as a grid of GeoTIFFs of at most so many pixels a side, and a VRT that opens them as one; one file by default."
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh/--resume", help="Start over, or go on where the same run stopped.")] = False,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler whose workers do the work: tcp://host:8786.")] = None,
    reading: Reading = Reading(),
) -> Result:
    """Sharpen a series: GeoTIFFs at 2.5 m, their uncertainty, a report.

    Example: dione predict my-field/ -o out/ --target all
    """
    if supports not in ("best", "past"):
        raise typer.BadParameter(f"'{supports}' is neither best nor past", param_hint="--supports")
    if support_cloud is not None and supports != "past":
        raise typer.BadParameter(
            "is of --supports past, and means nothing for best, which takes the clear and near; leave it out", param_hint="--support-cloud"
        )
    if eopatch is not None:
        try:
            one_part(eopatch)
        except ValueError as error:
            raise typer.BadParameter(f"'{eopatch}' cannot be part of a file's name: {error}", param_hint="--eopatch") from error
    from dione.nets.resolver import load
    from dione.prediction.config import PredictConfig
    from dione.prediction.job import predict_to
    from dione.prediction.record import facts
    from dione.sources.carrying import staged
    from dione.sources.results import found

    resolver = load(model)
    stack = reading.open(source, dates)
    if precision not in ("auto", "float32", "bfloat16"):
        raise typer.BadParameter(f"'{precision}' is none of auto, float32, bfloat16", param_hint="--precision")
    if compress not in ("deflate", "zstd"):
        raise typer.BadParameter(f"'{compress}' is neither deflate nor zstd", param_hint="--compress")
    rule: dict[str, Any] = {"target": target, "views": views, "max_cloud": max_cloud, "supports": supports}
    if support_cloud is not None:
        rule["support_cloud"] = support_cloud
    config = PredictConfig(**rule, modulation=modulation, block=block, device=device, precision=precision, compress=compress.upper(), tiles=tiles)  # type: ignore[arg-type]
    with staged(output) as folder, transfer(), progress() as tell:
        if eopatch:
            from dione.prediction.files import eoresult

            eoresult.check(folder / "eopatch", stack)
        run = predict_to(stack, folder, resolver=resolver, config=config, fresh=fresh, progress=tell, scheduler=scheduler)
        if eopatch:
            eoresult.write(folder / "eopatch", run, stack, name=eopatch)
        stale = not eopatch and (folder / "eopatch").is_dir()
        earlier = sorted(set(found(folder, "sr")) - {made.name for made in run.targets})
    if earlier:
        note(f"{output} holds results of earlier runs too, which are not in its report and collection: {_few(earlier)}")
    if stale:
        note(f"{output}/eopatch is of an earlier run; --eopatch NAME makes it anew")
    for warning in run.alarms:
        note(warning)
    return Result(facts(run), summary(run, output.rstrip("/")))


def summary(run: Any, output: str) -> list[str]:
    """The run in five lines."""
    targets = run.targets
    days = targets[0].name if len(targets) == 1 else f"{len(targets)} dates from {targets[0].name} to {targets[-1].name}"
    clear, filled = (sum(getattr(made, part) for made in targets) / len(targets) for part in ("clear", "filled"))
    apart = [made.consistency for made in targets if made.consistency is not None]
    views = sorted({len(made.choice.views) for made in targets})
    pieces = len(targets[-1].tiles)
    others = f", and those of {len(targets) - 1} more" if len(targets) > 1 else ""
    shown = f"{'–'.join(map(str, {views[0]: 0, views[-1]: 0}))} date{'s' * (views[-1] > 1)}"
    return [
        f"sharpened {days} {run.zoom} times with {run.model.name}, {shown} each, in {run.seconds['total']:.0f} s",
        f"seen: {clear:.0%} clear, {filled:.0%} filled from other dates, {max(1 - clear - filled, 0):.0%} nothing",
        f"agrees with the input to {sum(apart) / len(apart):.4f} reflectance" if apart else f"agrees with the input: {_why_not(clear)}",
        f"files: {output}/{targets[-1].sr.name}, its sigma and support{others}" + (f"; each over {pieces} tiles" if pieces else ""),
        f"report: {output}/report.html",
    ]


def _few(names: list[str]) -> str:
    """The first and the last of many."""
    return ", ".join(names) if len(names) < 4 else f"{names[0]} to {names[-1]}, {len(names)} dates"


def _why_not(clear: float) -> str:
    """Why a result was not compared with its input."""
    return "no pixel was seen with two more on each of its sides, so that none can be compared" if clear else "the target saw nothing to compare with"
