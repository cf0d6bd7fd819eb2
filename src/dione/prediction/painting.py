"""One target being painted: its three canvases, and all that it takes to paint any of their blocks, here or on another machine."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import xarray as xr

from dione.base.windows import Window, lattice, widest
from dione.nets.resolver import Resolver
from dione.prediction.files.tiles import Surface
from dione.prediction.windows import budget
from dione.prediction.windows.engine import Engine
from dione.prediction.windows.scene import Piece, pieces, reach
from dione.prepare.select import Choice


@dataclass(frozen=True)
class Painting:
    """A value: it can be pickled as long as the Stack reads its pixels when asked for."""

    stack: xr.Dataset
    resolver: Resolver
    choice: Choice
    engine: Engine
    sr: Surface
    sigma: Surface
    support: Surface
    """Where the detail comes from."""

    @property
    def canvases(self) -> tuple[Surface, Surface, Surface]:
        return self.sr, self.sigma, self.support

    @property
    def count(self) -> int:
        """Of blocks."""
        return sum(1 for _ in self.sr.windows())

    @property
    def reads(self) -> tuple[int, int]:
        """Rows and columns that are read for a block: the same for all, and whichever of them are painted in one go."""
        zoom, shape = self.resolver.zoom, (self.stack.sizes["y"], self.stack.sizes["x"])
        return widest(lattice(shape, self.sr.block // zoom), reach(self.resolver), shape)

    def missing(self) -> list[Window]:
        """Blocks that one of the canvases lacks, row by row, coarse pixels."""
        zoom, missing = self.resolver.zoom, {window for canvas in self.canvases for window in canvas.missing()}
        return [Window(*(edge // zoom for edge in (w.top, w.left, w.bottom, w.right))) for w in self.sr.windows() if w in missing]

    def has(self, window: Window) -> bool:
        """Whether this block (coarse pixels) is on every canvas."""
        fine = window.zoomed(self.resolver.zoom)
        return all(canvas.has(fine) for canvas in self.canvases)

    def paint(self, windows: Iterable[Window]) -> Iterator[Window]:
        """Paint these blocks (coarse pixels), as many at a time as there are cores; each in its turn when it is kept."""
        at_once = budget.at_once(self.count, self.sr.block // self.resolver.zoom, self.engine, self.resolver, views=len(self.choice.views))
        yield from pieces(self.stack, self.resolver, self.choice, windows, self.engine, use=self._keep, least=self.reads, at_once=at_once)

    def _keep(self, made: Piece) -> Window:
        fine = made.window.zoomed(self.resolver.zoom)
        self.sr.paint(fine, made.sr, valid=made.valid)
        self.sigma.paint(fine, made.sigma, valid=made.valid)
        self.support.paint(fine, made.support[None], valid=made.valid)
        return made.window
