"""The command line: one verb a room. It parses, calls and prints; it holds no logic."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from dione.base.errors import DioneError

app = typer.Typer(
    name="dione",
    help="Sentinel-2 time series, four times sharper, with a map of how far to trust each pixel.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
dataset = typer.Typer(help="Build, look at and split datasets of training patches.", no_args_is_help=True)
models = typer.Typer(help="List and describe models.", no_args_is_help=True)
app.add_typer(dataset, name="dataset")
app.add_typer(models, name="models")
vhr = typer.Typer(help="Look through deliveries of very-high-resolution imagery, the sharp references for training.", no_args_is_help=True)
app.add_typer(vhr, name="vhr")

out, err = Console(soft_wrap=True, highlight=False), Console(stderr=True, soft_wrap=True, highlight=False)

Source = Annotated[
    str, typer.Argument(help="A folder of GeoTIFFs, a pattern in quotes, a .zarr Stack or an EOPatch folder; local or s3://.", show_default=False)
]
Bands = Annotated[str | None, typer.Option(help="Names of the bands in the file's order, where the file does not say: blue,green,red,nir; a dash skips one.")]
Pattern = Annotated[str | None, typer.Option(help="How file names give the date (and band): '{date:%Y%m%d}_{band}'.")]
Scale = Annotated[float | None, typer.Option(help="Reflectance of one digital number, where the file does not say.")]
Offset = Annotated[
    float | None, typer.Option(help="Reflectance to add: -0.1 for products since baseline 04.00 whose offset is not applied yet, 0 to say that it is.")
]
Align = Annotated[bool, typer.Option("--align", help="Resample dates that stand on other grids onto the first one's, once.")]
Feature = Annotated[str | None, typer.Option(help="Which feature of an EOPatch holds the bands.")]
Area = Annotated[str | None, typer.Option(help="west,south,east,north in degrees, or a GeoJSON file.")]
Dates = Annotated[str | None, typer.Option(help="START/END, both included: 2024-05-01/2024-08-31.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Log what is done.")]


@app.command()
def predict(
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.", show_default=False)],
    model: Annotated[str, typer.Option(help="A name (see `dione models list`) or a .safetensors file.")] = "setsr-s",
    target: Annotated[str, typer.Option(help="The date to sharpen: YYYY-MM-DD, latest (clear enough) or all.")] = "latest",
    dates: Dates = None,
    area: Area = None,
    views: Annotated[int, typer.Option(min=1, help="The most dates used for one result.")] = 8,
    max_cloud: Annotated[float, typer.Option(min=0, max=1, help="Largest cloudy fraction of a target that is not named.")] = 0.5,
    block: Annotated[int, typer.Option(min=16, help="Side of a window, input pixels; memory grows with it, the result does not change.")] = 256,
    device: Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:1.")] = "auto",
    precision: Annotated[str, typer.Option(help="Of the network: auto (the faster one here), float32 or bfloat16.")] = "auto",
    fresh: Annotated[bool, typer.Option("--fresh/--resume", help="Start over, or go on where the same run stopped.")] = False,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler (not there yet).")] = None,
    bands: Bands = None,
    pattern: Pattern = None,
    scale: Scale = None,
    offset: Offset = None,
    align: Align = False,
    feature: Feature = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Sharpen a series: GeoTIFFs at 2.5 m, their uncertainty, a report.

    Example: dione predict my-field/ -o out/ --target all
    """
    _logging(verbose)
    if scheduler:
        raise DioneError("--scheduler is not there yet: leave it out to run on this machine")
    from dione.nets.resolver import load
    from dione.prediction.job import PredictConfig, predict_to

    resolver = load(model)
    stack = _stack(source, dates, area, bands=bands, pattern=pattern, scale=scale, offset=offset, align=align, feature=feature)
    if precision not in ("auto", "float32", "bfloat16"):
        raise typer.BadParameter(f"'{precision}' is none of auto, float32, bfloat16", param_hint="--precision")
    config = PredictConfig(target=target, views=views, max_cloud=max_cloud, block=block, device=device, precision=precision)  # type: ignore[arg-type]
    with _progress() as progress:
        run = predict_to(stack, output, resolver=resolver, config=config, fresh=fresh, progress=progress)
    if as_json:
        from dione.prediction.run import facts

        sys.stdout.write(json.dumps(facts(run), default=str) + "\n")
        return
    for made in run.targets:
        out.print(f"{made.sr}  {len(made.choice.views)} dates, {made.clear:.0%} clear, {made.filled:.0%} filled", markup=False)
    for warning in run.alarms:
        err.print(f"note: {warning}", markup=False)
    out.print(f"report: {output / 'report.html'}", markup=False)


@app.command()
def info(
    source: Source,
    dates: Dates = None,
    area: Area = None,
    bands: Bands = None,
    pattern: Pattern = None,
    scale: Scale = None,
    offset: Offset = None,
    align: Align = False,
    feature: Feature = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """What a source holds: dates, clouds, bands, grid, the offset found.

    Example: dione info my-field/
    """
    _logging(verbose)
    from dione.base import stack as stacks
    from dione.prepare.area import clear_fractions

    stack = _stack(source, dates, area, bands=bands, pattern=pattern, scale=scale, offset=offset, align=align, feature=feature)
    grid = stacks.grid_of(stack)
    facts: dict[str, Any] = {
        "source": source,
        "grid": {"crs": str(grid.crs) if grid.crs else None, "shape": [int(n) for n in grid.shape], "transform": list(grid.affine)[:6]},
        "bands": [str(band) for band in stack["band"].values],
        "notes": {str(k): str(v) for k, v in stack.attrs.items()},
        "dates": [
            {"day": day, "item": str(item), "clear": round(clear, 4)}
            for day, item, clear in zip(stacks.days(stack), stack["item"].values, clear_fractions(stack), strict=True)
        ],
    }
    if as_json:
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    height, width = facts["grid"]["shape"]
    epsg = grid.crs.to_epsg() if grid.crs else None
    out.print(
        f"{source}: {len(facts['dates'])} dates, {height}×{width} px of {abs(grid.affine.a):g}, {f'EPSG:{epsg}' if epsg else facts['grid']['crs'] or 'no CRS'}",
        markup=False,
    )
    for key, value in facts["notes"].items():
        out.print(f"{key}: {value}", markup=False)
    for date in facts["dates"]:
        out.print(f"  {date['day']}  {date['clear']:4.0%} clear  {date['item']}", markup=False)


@app.command()
def fetch(
    source: Source,
    output: Annotated[str, typer.Option("-o", "--output", help="The Stack to write: NAME.zarr.", show_default=False)],
    dates: Dates = None,
    area: Area = None,
    bands: Bands = None,
    pattern: Pattern = None,
    scale: Scale = None,
    offset: Offset = None,
    align: Align = False,
    feature: Feature = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a Stack that is there.")] = False,
    verbose: Verbose = False,
) -> None:
    """Keep a Stack for later, as Zarr.

    Example: dione fetch my-field/ -o my-field.zarr
    """
    _logging(verbose)
    from dione.sources import zarrstack

    stack = _stack(source, dates, area, bands=bands, pattern=pattern, scale=scale, offset=offset, align=align, feature=feature)
    out.print(zarrstack.save(stack, output, overwrite=overwrite), markup=False)


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="A recipe, TOML.", show_default=False)],
    change: Annotated[list[str] | None, typer.Option("--set", help="Change a setting: train.steps=100. May be repeated.")] = None,
    resume: Annotated[bool, typer.Option("--resume/--fresh", help="Go on from the last checkpoint, or start over.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take: sizes, operations, memory, hours. Writes nothing.")] = False,
    verbose: Verbose = False,
) -> None:
    """Train a network on a patch store; the weights file appears in the run's folder.

    Example: dione train recipes/setsr-s.toml

    With several processes: torchrun --nproc-per-node 2 --no-python dione train recipes/setsr-s.toml
    """
    _logging(verbose)
    from dione.recipe import read
    from dione.training import devices, plan
    from dione.training.config import TrainRecipe
    from dione.training.run import train as run

    chosen = read(recipe, TrainRecipe, change or ())
    if dry_run:
        out.print(str(plan.plan(chosen)), markup=False)
        return
    with _progress("step") as progress:
        made = run(chosen, resume=resume, progress=progress)
    if devices.is_first():
        out.print(str(made), markup=False)


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A name or a .safetensors file.", show_default=False)],
    dataset: Annotated[str, typer.Argument(help="A patch store, or a series as for `dione predict`.", show_default=False)],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder for scores.json, its tables and report.html.")] = None,
    against: Annotated[list[str] | None, typer.Option(help="A model to compare with (bicubic by default). May be repeated.")] = None,
    dates: Annotated[str, typer.Option(help="Numbers of dates to use, the target among them.")] = "1,2,4,8",
    split: Annotated[str, typer.Option(help="Which part of a patch store.")] = "test",
    shift: Annotated[float, typer.Option(min=0, help="Sub-pixel shifts given to a series' supports: their deviation, coarse pixels; 0.2 is usual.")] = 0.0,
    seed: Annotated[int, typer.Option(help="What those shifts are drawn with.")] = 0,
    area: Area = None,
    bands: Bands = None,
    pattern: Pattern = None,
    scale: Scale = None,
    offset: Offset = None,
    align: Align = False,
    feature: Feature = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Score a model on images whose truth is known: patches, or a series brought to 40 m and sharpened back.

    Example: dione evaluate setsr-s runs/patches -o scores/ --against bicubic --against highresnet.safetensors
    """
    _logging(verbose)
    from dione.evaluation import run, words

    counts = _numbers(dates)
    source = (
        dataset
        if run.is_store(dataset)
        else _stack(dataset, None, area, bands=bands, pattern=pattern, scale=scale, offset=offset, align=align, feature=feature)
    )
    with _progress("patch") as progress:
        made = run.evaluate(model, source, out=output, against=against or ["bicubic"], dates=counts, split=split, shift_px=shift, seed=seed, progress=progress)
    if as_json:
        sys.stdout.write(json.dumps(made.summary) + "\n")
        return
    for line in words.lines(made.summary):
        out.print(line, markup=False)
    if output:
        out.print(f"report: {output / 'report.html'}", markup=False)


@app.command()
def demo(folder: Annotated[Path, typer.Option("-o", "--output", help="Folder for input and results.")] = Path("demo"), verbose: Verbose = False) -> None:
    """Sharpen a real series of seven dates near Toulouse, and show what was gained."""
    _logging(verbose)
    from dione import demo as shown

    with _progress() as progress:
        words = shown.run(folder, progress=progress)
    out.print(words, markup=False)


@dataset.command()
def simulate(
    recipe: Annotated[Path, typer.Argument(help="A recipe, TOML: scenes, degradation, split.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The patch store to make.", show_default=False)],
    data: Annotated[Path, typer.Option(help="Folder that the recipe's paths start from.", envvar="DIONE_SHARED_DATA")] = Path("."),
    change: Annotated[list[str] | None, typer.Option("--set", help="Change a setting: seed=1. May be repeated.")] = None,
    verbose: Verbose = False,
) -> None:
    """Make training patches from sharp imagery.

    Example: dione dataset simulate recipes/simulate.toml --data imagery/ -o runs/patches
    """
    _logging(verbose)
    from dione.patches.build import SimulateConfig, simulate_store
    from dione.recipe import read

    count = simulate_store(read(recipe, SimulateConfig, change or ()), root=data, out=output)
    out.print(f"{output}: {count} patches", markup=False)


@dataset.command("import")
def import_dataset(
    folder: Annotated[Path, typer.Argument(help="Samples of the older pipeline: .npz files beside npz_info.pq and their normalisation.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The patch store to make.", show_default=False)],
    dates: Annotated[int | None, typer.Option(min=1, help="Dates kept of each patch, the newest; as many as the longest has by default.")] = None,
    sensor: Annotated[str, typer.Option(help="Which sensor the labels are from.")] = "deimos-2",
    allow_absent: Annotated[bool, typer.Option("--allow-absent", help="Samples that the index names and that are not there are no failure.")] = False,
    verbose: Verbose = False,
) -> None:
    """Bring samples of the older pipeline (.npz) into a patch store. No pickle in them is run.

    Example: dione dataset import npz-samples/ -o runs/deimos
    """
    _logging(verbose)
    from dione.patches.interchange import import_folder

    with _progress("sample") as progress:
        made = import_folder(folder, output, dates=dates, sensor=sensor, allow_absent=allow_absent, progress=progress)
    out.print(f"{output}: {made.patches} patches", markup=False)
    if made.absent:
        err.print(f"note: {len(made.absent)} samples of the index are not in {folder}", markup=False)
    made.raise_failed(output)


@dataset.command("export")
def export_dataset(
    store: Annotated[Path, typer.Argument(help="A patch store.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the samples.", show_default=False)],
    form: Annotated[str, typer.Option("--format", help="npz: samples of the older pipeline, with their index and normalisation.")] = "npz",
    verbose: Verbose = False,
) -> None:
    """Write a patch store as samples that other tools read.

    Example: dione dataset export runs/deimos -o npz-samples/ --format npz
    """
    _logging(verbose)
    if form != "npz":
        raise typer.BadParameter(f"'{form}' is not a format; there is npz", param_hint="--format")
    from dione.patches.export import export_folder
    from dione.patches.store import read as read_store

    with _progress("sample") as progress:
        count = export_folder(read_store(store), output, progress=progress)
    out.print(f"{output}: {count} samples", markup=False)


@dataset.command()
def curate(
    store: Annotated[Path, typer.Argument(help="A patch store.", show_default=False)],
    keep: Annotated[
        list[str] | None, typer.Option(help="Condition on the columns that a patch has to fulfil to count: 'ssim > 0.2 and views >= 2'. May be repeated.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Conditions by name: prior-art, or all to keep every patch again.")] = None,
    shift: Annotated[float, typer.Option(min=0, help="Largest shift of the reference that is looked for, sharp pixels.")] = 3.0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Score again what was scored before.")] = False,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """Score how well each patch's Sentinel-2 and reference go together, and choose by it. Nothing is deleted.

    Example: dione dataset curate runs/deimos --preset prior-art --keep 'correlation > 0.5'
    """
    _logging(verbose)
    from dione.patches import curate as curation
    from dione.patches.store import read as read_store

    opened = read_store(store)
    if fresh or not set(curation.COLUMNS) <= set(opened.index.column_names):
        with _progress("patch") as progress:
            curation.score(opened, limit_px=shift, progress=progress)
        opened = read_store(store)
    conditions = [*(curation.preset(opened, preset) if preset else ()), *(keep or ())]
    kept = curation.keep(opened, conditions) if conditions else len(opened.rows())
    told = {"patches": opened.index.num_rows, "kept": kept, "conditions": conditions, "columns": curation.summary(opened.index)}
    if as_json:
        sys.stdout.write(json.dumps(told) + "\n")
        return
    for name, values in told["columns"].items():
        out.print(f"{name:13} {values['p5']:10.4g} {values['median']:10.4g} {values['p95']:10.4g}   (5 %, median, 95 % of {values['known']})", markup=False)
    out.print(f"{store}: {kept} of {opened.index.num_rows} patches are kept", markup=False)


@models.command("list")
def list_models(as_json: Json = False) -> None:
    """The models that come with dione, and the baselines."""
    from dione.nets.resolver import shipped
    from dione.nets.zoo import BASELINES

    if as_json:
        sys.stdout.write(json.dumps({"shipped": list(shipped()), "baselines": list(BASELINES)}) + "\n")
        return
    for name in shipped():
        out.print(name, markup=False)
    for name in BASELINES:
        out.print(f"{name}  (baseline, no weights)", markup=False)


@models.command()
def show(name: Annotated[str, typer.Argument(help="A name or a .safetensors file.", show_default=False)], as_json: Json = False) -> None:
    """What a model is, and what made it."""
    from dione.nets.resolver import load

    resolver = load(name)
    facts = resolver.about.model_dump(mode="json") | {
        "name": resolver.name,
        "sha256": resolver.digest,
        "parameters": sum(p.numel() for p in resolver.net.parameters()),
    }
    sys.stdout.write(json.dumps(facts, indent=None if as_json else 2) + "\n")


@models.command("import")
def import_model(
    checkpoint: Annotated[Path, typer.Argument(help="HRNet.pth, or ShiftNet.pth, of the older pipeline.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .safetensors file to write.", show_default=False)],
    config: Annotated[Path | None, typer.Option(help="The config.json that it was trained with; a ShiftNet needs none.")] = None,
    normalisation: Annotated[
        Path | None,
        typer.Option(help="Folder with s2_norm_per_country.pq, s2_min_max_norm.npz and deimos_min_max_norm.npz, if it was trained on normalised values."),
    ] = None,
    country: Annotated[str | None, typer.Option(help="Which country's normalisation to keep in the model.")] = None,
    verbose: Verbose = False,
) -> None:
    """Bring a HighRes-Net of the older pipeline along: same numbers, reflectance in and out. No pickle in it is run.

    Example: dione models import HRNet.pth --config config.json --normalisation npz-samples/ --country Lithuania -o hrnet.safetensors
    """
    _logging(verbose)
    from dione.nets.imported import Scaling, import_checkpoint

    scaling = Scaling()
    if (normalisation is None) != (country is None):
        raise typer.BadParameter("--normalisation and --country go together", param_hint="--country")
    if normalisation is not None:
        from dione.patches.tables import read as read_tables

        centre, spread = read_tables(normalisation).scaling(country or "")
        scaling = Scaling(centre=tuple(centre.tolist()), spread=tuple(spread.tolist()), source=f"normalisation of {country}")
    made = import_checkpoint(checkpoint, output, config=config, scaling=scaling)
    out.print(f"{made.path}: {made.net}", markup=False)
    if made.net == "highresnet" and normalisation is None:
        err.print("note: no --normalisation: the network is taken to have been trained on reflectance as it is", markup=False)


@models.command()
def calibrate(
    model: Annotated[str, typer.Argument(help="A name or a .safetensors file.", show_default=False)],
    store: Annotated[Path, typer.Argument(help="A patch store; its validation places are used.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .safetensors file to write.", show_default=False)],
    verbose: Verbose = False,
) -> None:
    """Scale a model's sigma so that its intervals hold the truth as often as they say; the weights stay as they are.

    Example: dione models calibrate setsr-s runs/patches -o calibrated.safetensors
    """
    _logging(verbose)
    from dione.training.calibrate import calibrate_file

    made = calibrate_file(model, store, output)
    out.print(f"{output}: {made}", markup=False)


@vhr.command("scan")
def scan_deliveries(
    folder: Annotated[str, typer.Argument(help="A folder of deliveries: Deimos-2 / GEOSAT-2 (.dim), or GeoTIFFs with --sensor.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The table to write: scenes.parquet.", show_default=False)],
    sensor: Annotated[str | None, typer.Option(help="Sensor of the GeoTIFFs that come without metadata: pleiades, planetscope, ...")] = None,
    sensors: Annotated[Path | None, typer.Option(help="A TOML file that describes further sensors.")] = None,
    sun_elevation: Annotated[float | None, typer.Option(help="Degrees, for GeoTIFFs of radiance.")] = None,
    verbose: Verbose = False,
) -> None:
    """Gather the metadata of every scene into one table; scenes that cannot be used are listed, and the exit is 1.

    Example: dione vhr scan deliveries/ -o scenes.parquet
    """
    _logging(verbose)
    from dione.sources import deliveries, scenetable
    from dione.sources.plainvhr import Told
    from dione.sources.sensors import table

    made = deliveries.scan(folder, told=Told(sensor, sun_elevation=sun_elevation), sensors=table(sensors))
    if made.products:
        scenetable.write(output, map(scenetable.row, made.products))
        kinds = [product.kind for product in made.products]
        out.print(f"{output}: {kinds.count('ms')} scenes, {kinds.count('pan')} with pan", markup=False)
    made.complain()


@vhr.command("statistics")
def scene_statistics(
    table: Annotated[Path, typer.Argument(help="The table that `dione vhr scan` wrote; columns are added to it.", show_default=False)],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write another table instead.")] = None,
    blue_above: Annotated[float, typer.Option(help="Radiance of blue that is cloud, W m-2 sr-1 um-1; 95 to 100 for Deimos-2.")] = 97.0,
    all_below: Annotated[float, typer.Option(min=0, max=1, help="Scenes with a smaller fraction of cloud use all their pixels.")] = 0.1,
    sharpen: Annotated[str, typer.Option(help="How to pansharpen: gsa, ratio, or no.")] = "gsa",
    verbose: Verbose = False,
) -> None:
    """Add each scene's statistics to the table: medians, and mean, median and deviation without clouds.

    Example: dione vhr statistics scenes.parquet
    """
    _logging(verbose)
    from dione.prepare.brightness import CloudRule
    from dione.prepare.scenestatistics import Opener, add, method
    from dione.sources import deliveries, scenetable

    rows = scenetable.read(table)
    opener = Opener(scenetable.numbers, scenetable.stack)
    with _progress("scene") as progress:
        made = add(rows, opener, rule=CloudRule(blue_above, all_below), sharpen=method(sharpen), progress=progress)
    out.print(f"{scenetable.write(output or table, made.rows)}: {len(made.rows)} rasters", markup=False)
    deliveries.complain(tuple(deliveries.Failed(*one) for one in made.failed), len(rows))


def main() -> NoReturn:
    """The entry point: exit 0 done, 1 failed with a message, 2 wrong usage, 130 interrupted."""
    try:
        app()
    except DioneError as error:
        err.print(f"error: {error}", style="bold red" if err.is_terminal else None, markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("stopped; run the same command again to go on where it stopped", markup=False)
        sys.exit(130)
    sys.exit(0)


def _stack(source: str, dates: str | None, area: str | None, *, bands: str | None, **options: Any) -> Any:
    """Open, cut to dates and area, check the values."""
    from dione.prepare.area import crop, parse
    from dione.prepare.radiometry import check_values
    from dione.prepare.select import between
    from dione.sources import open as open_source

    stack = open_source(source, bands=tuple(name.strip() for name in bands.split(",")) if bands else None, **options)
    if dates:
        start, _, end = dates.partition("/")
        stack = between(stack, start, end or start)
    if area:
        stack = crop(stack, parse(area))
    for note in check_values(stack):
        logging.getLogger("dione").info(note)
    return stack


def _numbers(text: str) -> list[int]:
    """1,2,4 as numbers; wrong usage otherwise."""
    words = text.split(",")
    if not all(word.strip().isdecimal() and int(word) for word in words):
        raise typer.BadParameter(f"'{text}' is not a list of numbers of dates, such as 1,2,4,8", param_hint="--dates")
    return [int(word) for word in words]


@contextmanager
def _progress(unit: str = "block") -> Iterator[Any]:
    """A bar on a terminal, plain lines elsewhere; how many a second, and how long it will take."""
    began: dict[str, tuple[float, int]] = {}

    def pace(what: str, done: int) -> float:
        since, first = began.setdefault(what, (time.monotonic(), done))
        return (done - first) / max(time.monotonic() - since, 1e-3)

    def tell(what: str, done: int, total: int) -> None:
        speed = pace(what, done)
        if done == total or (done and done % 50 == 0):
            left = f", {speed:.3g}/s, {timedelta(seconds=round((total - done) / speed))} left" if speed and done < total else ""
            err.print(f"{what}: {unit} {done} of {total}{left}", markup=False)

    if not err.is_terminal:
        yield tell
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]:.3g}/s"), TimeRemainingColumn(), console=err
    ) as bar:
        tasks: dict[str, Any] = {}

        def show_progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total, pace=0.0)
            bar.update(tasks[what], completed=done, pace=pace(what, done))

        yield show_progress


def _logging(verbose: bool) -> None:
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="%(levelname)s %(name)s: %(message)s", force=True)
