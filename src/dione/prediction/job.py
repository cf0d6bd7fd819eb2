"""A whole prediction: choose dates, paint every block of every target, write what a person needs to judge it."""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Annotated

import numpy as np
import xarray as xr
from pydantic import BaseModel, ConfigDict, Field

from dione.base import stack as stacks
from dione.base.files import alone, folder
from dione.base.grid import finer
from dione.base.windows import Window
from dione.nets.resolver import Modulation, Resolver
from dione.prediction import budget, cluster, collection, disk, item, picture, quicklook, report, run, styles, suits
from dione.prediction.allocation import give_back
from dione.prediction.canvas import Canvas
from dione.prediction.check import measure
from dione.prediction.cog import Packing
from dione.prediction.engine import AnyPrecision, Engine, engine
from dione.prediction.form import REFLECTANCE, SIGMA, SUPPORT, Form
from dione.prediction.overlap import abreast
from dione.prediction.painting import Painting
from dione.prediction.preview import preview
from dione.prediction.supports import seen, supports
from dione.prediction.tiles import Surface, Tiles, replaces, surface, whole_blocks
from dione.prepare.area import sample
from dione.prepare.select import Choice, Supports, choose

log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]
"""Called with what is done, how many blocks are, and how many there are."""


FORMS = {"sr": REFLECTANCE, "sigma": SIGMA, "support": SUPPORT}
"""What is written of each target, by the ending of its file."""
KEPT_PX = 2048
"""Side of the pieces in which a target is copied, pixels of the input."""


class PredictConfig(BaseModel):
    """What decides the pixels of a prediction."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str = "latest"
    """A date, 'latest' (clear enough) or 'all'."""
    views: int = 8
    max_cloud: float = 0.5
    supports: Supports = "best"
    """The best dates, or the latest clear ones before the target."""
    support_cloud: float = 0.05
    """Of those in the past: largest cloudy fraction."""
    block: Annotated[int, Field(ge=16)] | None = None
    """Side of a window, pixels of the input; by default what 4 GB are enough for."""
    device: str = "auto"
    """Where to compute: a GPU if there is one, else the processor; or cpu, cuda, cuda:1."""
    modulation: Modulation | None = None
    """What the input's sensor left at Nyquist, by default measured. What is sharper or softer than the model was made for is brought there first."""
    precision: AnyPrecision = "auto"
    """Of the network's inner layers: the faster one here, or as said."""
    compress: Packing = "DEFLATE"
    """DEFLATE opens everywhere; ZSTD packs twice as fast."""
    tiles: Annotated[int, Field(ge=512)] | None = None
    """Largest side of a file, pixels of the result: each date becomes a grid of such files and a VRT over them. One file by default."""


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
    Raises NothingClear, NotFound (no such date), BadModel (made for another pixel size), CannotWrite.
    """
    with alone(folder(out)):
        return _predicted(stack, out, resolver, config, fresh, progress or (lambda *_: None), scheduler)


def _predicted(stack: xr.Dataset, out: Path, resolver: Resolver, config: PredictConfig, fresh: bool, progress: Progress, scheduler: str | None) -> run.Run:
    began = time.perf_counter()
    suits.check(resolver, stack)
    rule = config.model_dump(include={"target", "views", "max_cloud", "supports", "support_cloud"})
    choices = choose(stack, **rule)
    resolver = suits.seeing(resolver, stack, choices[0].views, config.modulation)
    disk.check(out, choices, (stack.sizes["y"], stack.sizes["x"]), resolver.zoom)
    used = engine(config.device, config.precision)
    if config.block:
        budget.check(config.block, (stack.sizes["y"], stack.sizes["x"]), resolver, views=len(choices[0].views), precision=used.precision)
    session = Session(stack, out, resolver, config, used, fingerprint(stack), fresh, progress, scheduler)
    targets: list[run.Target] = []
    for choice in choices:
        targets.append(session.sharpen(choice, crop=targets[0].before.window if targets else None))
    done = run.Run(
        source=stack.attrs.get("source", ""),
        model=model_facts(resolver),
        coarse=stacks.grid_of(stack),
        zoom=resolver.zoom,
        targets=tuple(targets),
        warnings=tuple(suits.doubts(resolver)),
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
    pages = collection.write(out, done), quicklook.write(out, done), report.write(out, done), run.write(out, done)
    return [*beside, *(path for path in pages if path is not None)]


def named(stack: xr.Dataset, date: int) -> str:
    """How the files of a date begin: its day, with the time of day if the series has several that day."""
    day = stacks.days(stack)[date]
    alone = stacks.days(stack).count(day) == 1
    return day if alone else f"{day}T{str(stack['time'].values[date])[11:19].replace(':', '')}"


def fingerprint(stack: xr.Dataset) -> str:
    """A hash of dates, items, grid and a sample of pixels: the same input gives the same.

    An archive tells by itself which version of its files they are (the attribute `identity`); no pixel is fetched for it
    as long as they are still to be read, so that nobody can have changed them.
    """
    digest = hashlib.sha256(repr((stacks.days(stack), stack["item"].values.tolist(), tuple(stacks.grid_of(stack).affine), dict(stack.sizes))).encode())
    if "inside" in stack.coords:
        digest.update(stack["inside"].values.tobytes())
    lazy = all(not stack[name].variable._in_memory and stack[name].chunks is None for name in stacks.DIMS)
    if lazy and (identity := stack.attrs.get("identity")):
        digest.update(str(identity).encode())
        return digest.hexdigest()
    for window in sample((stack.sizes["y"], stack.sizes["x"]), side=64, count=3):
        rows, columns = window.slices
        part = stack[["reflectance", "valid"]].isel(y=rows, x=columns).compute()
        digest.update(part["reflectance"].values.tobytes() + part["valid"].values.tobytes())
    return digest.hexdigest()


def model_facts(resolver: Resolver) -> run.Model:
    """What the pages say of the network."""
    about = resolver.about
    facts = {"network": about.net, "parameters": str(sum(p.numel() for p in resolver.net.parameters()))}
    return run.Model(resolver.name, resolver.digest, facts | {key: _words(value) for key, value in about.provenance.items()})


def _words(value: object) -> str:
    """A fact as people write it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items())
    return "; ".join(map(_words, value)) if isinstance(value, list | tuple) else str(value)


@dataclass(frozen=True)
class Session:
    """What all targets of one run have in common."""

    stack: xr.Dataset
    out: Path
    resolver: Resolver
    config: PredictConfig
    engine: Engine
    identity: str
    """Fingerprint of the input."""
    fresh: bool
    progress: Progress
    scheduler: str | None = None
    """Address of a Dask scheduler whose workers paint the blocks."""

    def block(self, choice: Choice) -> int:
        """Side of a window, coarse pixels."""
        views = len(choice.views) if self.config.tiles is None else min(self.config.views, self.stack.sizes["time"])  # tiles are those of every date
        largest = self.config.block or budget.block_px(self.shape, self.resolver, views=views, precision=self.engine.precision)
        return largest if self.config.tiles is None else min(largest, self.config.tiles // self.resolver.zoom)

    @property
    def shape(self) -> tuple[int, int]:
        """Of the input, pixels."""
        return self.stack.sizes["y"], self.stack.sizes["x"]

    def side(self, choice: Choice) -> int | None:
        """Of a tile, coarse pixels."""
        return None if self.config.tiles is None else whole_blocks(self.shape, self.block(choice), self.config.tiles // self.resolver.zoom)

    def canvas(self, choice: Choice, ending: str, form: Form) -> Surface:
        """Where one file of one target is painted; blocks of another input, model or choice of dates are not taken up."""
        key = repr((self.identity, self.resolver.name, self.resolver.digest, self.resolver.sees, choice.views, self.engine.precision, run.installed("dione")))
        grid, zoom, side = finer(stacks.grid_of(self.stack), self.resolver.zoom), self.resolver.zoom, self.side(choice)
        name = f"{named(self.stack, choice.target)}_{ending}"
        made = surface(self.out, name, grid=grid, block=self.block(choice) * zoom, side=side and side * zoom, key=key, form=form)
        if self.fresh:
            made.remove()
        return made

    def measured(self, choice: Choice) -> Surface:
        """Where the target itself is kept, at 10 m."""
        grid, key = stacks.grid_of(self.stack), repr((self.identity, choice.target))
        made = surface(self.out, f"{named(self.stack, choice.target)}_input", grid=grid, block=KEPT_PX, side=self.side(choice), key=key)
        if self.fresh:
            made.remove()
        return made

    def keep(self, choice: Choice, source: Surface, tags: dict[str, str]) -> Path:
        """The target as it was seen clear, beside its result: to compare with, wherever the series came from."""
        for window in source.missing():
            values = seen(self.stack, choice.target, window)
            source.paint(window, values, valid=np.asarray(np.isfinite(values).all(0)))
        return source.finish(tags, compress=self.config.compress)

    def paint(self, painting: Painting) -> None:
        """Paint every block that is still missing, here or on a cluster."""
        missing, day = painting.missing(), painting.choice.day
        done = count(painting.count - len(missing) + 1)
        self.progress(day, painting.count - len(missing), painting.count)
        if self.scheduler:
            cluster.paint(painting, self.scheduler, lambda _: self.progress(day, next(done), painting.count))
            return
        for _ in painting.paint(missing):
            self.progress(day, next(done), painting.count)

    def sharpen(self, choice: Choice, *, crop: Window | None = None) -> run.Target:
        """One target from its blocks to its finished files, measured; `crop` is the part that its close-up shows, if it is not to choose."""
        began = time.perf_counter()
        painting = Painting(self.stack, self.resolver, choice, self.engine, *(self.canvas(choice, ending, form) for ending, form in FORMS.items()))
        self.paint(painting)
        give_back()
        painted = time.perf_counter()
        tags, stack = run.provenance(model_facts(self.resolver), choice), self.stack
        if self.scheduler:
            cluster.join(painting, self.scheduler, partial(Canvas.finish, tags=tags, compress=self.config.compress))
        sr, *others = (partial(canvas.finish, tags, compress=self.config.compress) for canvas in painting.canvases)
        # Much of this keeps one core busy at a time.
        source = self.measured(choice)
        list(abreast(lambda finish: finish(), [sr, partial(self.keep, choice, source, tags), *others], threads=2))
        for made in (*painting.canvases, source):
            replaces(made)
        finished = time.perf_counter()
        measured = measure(painting.sr.path, stack, choice, zoom=self.resolver.zoom, modulation=self.resolver.sees)
        before = preview(lambda window: picture.read(source.path, window=window), self.shape, crop=crop)
        return run.Target(
            choice=choice,
            time=stack["time"].values[choice.target],
            sr=painting.sr.path,
            sigma=painting.sigma.path,
            support=painting.support.path,
            input=source.path,
            tiles=tiles_of(*painting.canvases, source),
            before=before,
            clear=measured.clear,
            filled=measured.filled,
            consistency=measured.consistency,
            seconds={
                "predict": round(painted - began, 3),
                "finish": round(finished - painted, 3),
                "measure": round(time.perf_counter() - finished, 3),
            },
            warnings=tuple(_warnings(measured.clear, measured.filled, len(choice.views))),
        )


def tiles_of(sr: Surface, sigma: Surface, support: Surface, source: Surface) -> tuple[run.Tile, ...]:
    """What each tile holds; none of a date in one file."""
    if not (isinstance(sr, Tiles) and isinstance(sigma, Tiles) and isinstance(support, Tiles) and isinstance(source, Tiles)):
        return ()
    files = zip(*(each.canvases.values() for each in (sr, sigma, support, source)), strict=True)
    return tuple(run.Tile(made[-1].grid, *(one.path for one in made)) for made in files)


def _warnings(clear: float, filled: float, views: int) -> list[str]:
    found = []
    if views == 1:
        found.append("one date only: all added detail comes from what the model learned, none from other dates")
    if filled > 0.01:
        found.append(f"{filled:.0%} of the area was under cloud and is filled from other dates; its sigma is larger")
    if 1 - clear - filled > 0.01:
        found.append(f"{1 - clear - filled:.0%} of the area was seen on no date and is nodata")
    return found
