"""A whole prediction: choose dates, have every target sharpened, write what a person needs to judge it."""

import time
from contextlib import suppress
from pathlib import Path

import xarray as xr

from dione.base import stack as stacks
from dione.base.storage.files import alone, folder
from dione.nets.resolver import Resolver
from dione.prediction import record, run, suits
from dione.prediction.config import PredictConfig
from dione.prediction.files import collection, disk, item, styles
from dione.prediction.looks import quicklook, report
from dione.prediction.looks.supports import supports
from dione.prediction.session import Progress, Session
from dione.prediction.windows import budget
from dione.prediction.windows.engine import engine
from dione.prediction.windows.overlap import abreast
from dione.prepare import fingerprint
from dione.prepare.radiometry import check_used
from dione.prepare.select import choose, passed_over


def predict_to(
    stack: xr.Dataset,
    out: Path,
    *,
    resolver: Resolver,
    config: PredictConfig = PredictConfig(),
    fresh: bool = False,
    progress: Progress | None = None,
    scheduler: str | None = None,
) -> run.Run:
    """Sharpen `stack` into the folder `out`: GeoTIFFs, STAC items and their collection, quicklook, report and run.json.

    Stopped and started again with the same input and options it goes on where it stopped; `fresh` starts over.
    scheduler: address of a Dask scheduler whose workers paint the blocks; this process by default.
    Raises NothingClear, NotFound (no such date), BadModel (made for another pixel size), BadValues (of a date that is used), CannotWrite.
    """
    out = disk.a_folder(out.absolute() if scheduler else out)  # workers stand in folders of their own
    disk.apart(out, str(stack.attrs.get("source", "")))
    ours = not out.exists()
    try:
        with alone(folder(out)):
            return _predicted(stack, out, resolver, config, fresh, progress or (lambda *_: None), scheduler)
    finally:
        if ours:
            with suppress(OSError):  # what holds anything stays
                out.rmdir()


def _predicted(stack: xr.Dataset, out: Path, resolver: Resolver, config: PredictConfig, fresh: bool, progress: Progress, scheduler: str | None) -> run.Run:
    began = time.perf_counter()
    suits.check(resolver, stack)
    rule = config.model_dump(include={"target", "views", "max_cloud", "supports", "support_cloud"})
    choices = choose(stack, **rule)
    check_used(stack, (at for choice in choices for at in choice.views))
    resolver = suits.seeing(resolver, stack, choices[0].clearest, config.modulation)
    disk.check(out, choices, (stack.sizes["y"], stack.sizes["x"]), resolver.zoom)
    used = engine(config.device, config.precision)
    if config.block:
        budget.check(config.block, (stack.sizes["y"], stack.sizes["x"]), resolver, views=len(choices[0].views), precision=used.precision)
    session = Session(stack, out, resolver, config, used, fingerprint.of(stack), fresh, progress, scheduler)
    targets: list[run.Target] = []
    for choice in choices:
        targets.append(session.sharpen(choice, crop=targets[0].before.window if targets else None))
    done = run.Run(
        source=stack.attrs.get("source", ""),
        model=record.model(resolver),
        coarse=stacks.grid_of(stack),
        zoom=resolver.zoom,
        targets=tuple(targets),
        warnings=(*suits.doubts(resolver), *passed_over(stack, config.target, choices[0])),
        supports=supports(stack, targets),
        options=config.model_dump() | {"engine": str(session.engine)},
        notes={key: str(value) for key, value in stack.attrs.items() if key != "source"},
        seconds={"total": round(time.perf_counter() - began, 3)},
    )
    describe(out, done)
    return done


def describe(out: Path, done: run.Run) -> list[Path]:
    """All that a person needs beside the finished files of a run, in the same folder."""
    beside = [path for target in done.targets for path in (*item.write(out, done, target), *styles.write(out, target))]
    pages = [collection.write(out, done), *abreast(lambda write: write(out, done), (quicklook.write, report.write), threads=2), record.write(out, done)]
    return [*beside, *(path for path in pages if path is not None)]
