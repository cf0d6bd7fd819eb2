"""One target of a run: from the blocks that are still missing to its finished, measured files."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from math import lcm
from pathlib import Path

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from dione.base import stack as stacks
from dione.base import when
from dione.base.grid import finer
from dione.base.windows import Window
from dione.nets.resolver import Resolver
from dione.prediction import cluster, record, run
from dione.prediction.check import measure
from dione.prediction.config import PredictConfig
from dione.prediction.files.canvas import TILES_PX, Canvas
from dione.prediction.files.form import FORMS, REFLECTANCE, Form
from dione.prediction.files.tiles import Surface, Tiles, replaces, whole_blocks
from dione.prediction.looks import picture
from dione.prediction.looks.preview import preview
from dione.prediction.looks.supports import seen
from dione.prediction.painting import Painting
from dione.prediction.windows import budget
from dione.prediction.windows.allocation import give_back
from dione.prediction.windows.engine import Engine
from dione.prediction.windows.overlap import abreast
from dione.prepare.select import Choice
from dione.sources.rasters import openfiles

Progress = Callable[[str, int, int], None]
"""Called with what is done, how many blocks are, and how many there are."""
KEPT_PX = 2048
"""Side of the pieces in which a target is copied, pixels of the input."""


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
        """Side of a window, coarse pixels: of whole tiles of the file."""
        views = len(choice.views) if self.config.tiles is None else min(self.config.views, self.stack.sizes["time"])  # tiles are those of every date
        largest = self.config.block or budget.block_px(self.shape, self.resolver, views=views, precision=self.engine.precision)
        step = lcm(TILES_PX[-1], self.resolver.zoom) // self.resolver.zoom
        if self.config.tiles is not None and largest * self.resolver.zoom > self.config.tiles:
            return max(self.config.tiles // self.resolver.zoom // step, 1) * step
        return -(-largest // step) * step

    @property
    def shape(self) -> tuple[int, int]:
        """Of the input, pixels."""
        return self.stack.sizes["y"], self.stack.sizes["x"]

    def side(self, choice: Choice) -> int | None:
        """Of a tile, coarse pixels."""
        return None if self.config.tiles is None else whole_blocks(self.shape, self.block(choice), self.config.tiles // self.resolver.zoom)

    def canvas(self, choice: Choice, ending: str, form: Form) -> Surface:
        """Where one file of one target is painted; blocks of another input, model or choice of dates are not taken up."""
        model, name = self.resolver, f"{when.label(self.stack, choice.target)}_{ending}"
        key = self.identity, model.name, model.digest, model.sees, choice.views, self.engine.precision, record.installed("dione")
        grid = finer(stacks.grid_of(self.stack), model.zoom)
        return self._surface(choice, self._canvas(name, grid, self.block(choice) * model.zoom, key, form), model.zoom)

    def measured(self, choice: Choice) -> Surface:
        """Where the target itself is kept, at 10 m."""
        name, key = f"{when.label(self.stack, choice.target)}_input", (self.identity, choice.target)
        return self._surface(choice, self._canvas(name, stacks.grid_of(self.stack), KEPT_PX, key), 1)

    def _canvas(self, name: str, grid: GeoBox, block: int, key: tuple[object, ...], form: Form = REFLECTANCE) -> Canvas:
        return Canvas(self.out, name, grid=grid, block=block, key=repr(key), form=form, compress=self.config.compress)

    def _surface(self, choice: Choice, whole: Canvas, zoom: int) -> Surface:
        """One file, or its tiles; empty, if the run starts over."""
        side = self.side(choice)
        made = whole if side is None else Tiles(whole, side * zoom)
        if self.fresh:
            made.remove()
        return made

    def keep(self, choice: Choice, source: Surface, tags: dict[str, str]) -> Path:
        """The target as it was seen clear, beside its result: to compare with, wherever the series came from."""
        for window in source.missing():
            values = seen(self.stack, choice.target, window)
            source.paint(window, values, valid=np.asarray(np.isfinite(values).all(0)))
        return source.finish(tags)

    def paint(self, painting: Painting) -> None:
        """Paint every block that is still missing, here or on a cluster."""
        missing, name = painting.missing(), when.label(self.stack, painting.choice.target)
        done = count(painting.count - len(missing) + 1)
        self.progress(name, painting.count - len(missing), painting.count)
        if self.scheduler:
            cluster.paint(painting, self.scheduler, lambda _: self.progress(name, next(done), painting.count))
            return
        for _ in painting.paint(missing):
            self.progress(name, next(done), painting.count)

    def sharpen(self, choice: Choice, *, crop: Window | None = None) -> run.Target:
        """One target from its blocks to its finished files, measured; `crop` is the part that its close-up shows, if it is not to choose."""
        began = time.perf_counter()
        painting = Painting(self.stack, self.resolver, choice, self.engine, *(self.canvas(choice, ending, form) for ending, form in FORMS.items()))
        self.paint(painting)
        openfiles.close_all()
        give_back()
        painted = time.perf_counter()
        tags, stack = record.provenance(record.model(self.resolver), choice), self.stack
        if self.scheduler:
            cluster.join(painting, self.scheduler, partial(Canvas.finish, tags=tags, shared=True))  # a worker that is taken for lost may be at it too
        sr, *others = (partial(canvas.finish, tags) for canvas in painting.canvases)
        source = self.measured(choice)
        joining = [sr, partial(self.keep, choice, source, tags), *others]  # each keeps one core busy most of the time
        list(abreast(lambda finish: finish(), joining, threads=len(joining)))
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
            warnings=measured.warnings(len(choice.views), learned=self.resolver.has_weights),
        )


def tiles_of(sr: Surface, sigma: Surface, support: Surface, source: Surface) -> tuple[run.Tile, ...]:
    """What each tile holds; none of a date in one file."""
    if not (isinstance(sr, Tiles) and isinstance(sigma, Tiles) and isinstance(support, Tiles) and isinstance(source, Tiles)):
        return ()
    files = zip(*(each.canvases.values() for each in (sr, sigma, support, source)), strict=True)
    return tuple(run.Tile(made[-1].grid, *(one.path for one in made)) for made in files)
