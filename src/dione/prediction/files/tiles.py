"""A date as a grid of files: cloud-optimised GeoTIFFs of a bounded size, and a virtual raster (VRT) that shows them as one.

    OUT/2018-08-15_sr.vrt                        opens as the one file would; written last
    OUT/2018-08-15/2018-08-15_r00c01_sr.tif      a tile: a canvas of its own, so that what is lost in a kill is what was under way

The VRT names its tiles by relative paths: the folder can be moved. A tile's blocks go when it is whole, so that only one
tile of a file stands twice on the disk.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from dione.base.storage.files import folder, write_text
from dione.base.windows import Window, lattice
from dione.prediction.files.canvas import RUN_TAG, WORK, Canvas
from dione.prediction.files.mosaic import Notes, halvings, mosaic


@dataclass(frozen=True)
class Tiles:
    """What a Canvas is, in several files; equal ones are one."""

    whole: Canvas
    """What it would be as one file."""
    side: int
    """Of a tile, pixels of the grid; whole blocks."""

    @property
    def path(self) -> Path:
        """Where the VRT stands."""
        return self.whole.path.with_suffix(".vrt")

    @property
    def home(self) -> Path:
        """Where the tiles of a date stand."""
        return self.whole.out / self._parts[0]

    @property
    def run(self) -> str:
        """A short name for all tiles and the key."""
        return hashlib.sha256(repr((self.side, [canvas.run for canvas in self.canvases.values()])).encode()).hexdigest()[:16]

    @property
    def canvases(self) -> dict[Window, Canvas]:
        """Each tile and where it lies, row by row."""
        height, width = self.whole.grid.shape
        return {window: self._canvas(window) for window in lattice((height, width), self.side)}

    def windows(self) -> Iterator[Window]:
        """Every block, tile by tile."""
        for place, canvas in self.canvases.items():
            yield from (_moved(window, place) for window in canvas.windows())

    def missing(self) -> list[Window]:
        """The blocks still to paint."""
        return [_moved(window, place) for place, canvas in self.canvases.items() for window in canvas.missing()]

    def has(self, window: Window) -> bool:
        """Whether this block is painted."""
        place = self._place(window)
        return self._canvas(place).has(window.within(place))

    def finished(self) -> bool:
        """Whether the VRT stands and came from this very run, and all of its tiles are there."""
        if not self.path.exists():
            return False
        try:
            with rasterio.open(self.path, driver="VRT") as file:
                return file.tags().get(RUN_TAG) == self.run and all(canvas.path.exists() for canvas in self.canvases.values())
        except RasterioError:
            return False

    def paint(self, window: Window, values: NDArray[np.generic], *, valid: NDArray[np.bool_]) -> None:
        """Keep one block as Canvas.paint does."""
        place = self._place(window)
        self._canvas(place).paint(window.within(place), values, valid=valid)

    def finish(self, tags: Mapping[str, str] | None = None) -> Path:
        """Every tile whole, then the VRT over them. Raises CannotWrite; what is whole then stays."""
        canvases = self.canvases
        self.begin()
        for canvas in canvases.values():
            canvas.finish(tags)
        if not self.finished():
            pieces, grid = {place: canvas.path for place, canvas in canvases.items()}, self.whole.grid
            notes = Notes({"AREA_OR_POINT": "Area", **(tags or {}), RUN_TAG: self.run}, self.whole.form)
            write_text(self.path, mosaic(pieces, grid=grid, notes=notes, beside=self.whole.out, coarser=halvings(tuple(grid.shape))) + "\n")
        return self.path

    def begin(self) -> None:
        """What has to be done before the first tile is finished: there never is a VRT over tiles of two runs."""
        folder(self.home)
        if not self.finished():
            self.path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget every block; finished tiles stay."""
        for canvas in self.canvases.values():
            canvas.clear()

    def remove(self) -> None:
        """Forget every block and every file."""
        self.path.unlink(missing_ok=True)
        for canvas in self.canvases.values():
            canvas.remove()

    @property
    def block(self) -> int:
        """As a Canvas has it."""
        return self.whole.block

    @property
    def _parts(self) -> tuple[str, str]:
        """Date and ending of the name."""
        date, _, ending = self.whole.name.rpartition("_")
        return date, ending

    def _place(self, window: Window) -> Window:
        """The tile that holds a block."""
        top, left = (edge // self.side * self.side for edge in (window.top, window.left))
        return Window(top, left, *(min(edge + self.side, end) for edge, end in zip((top, left), self.whole.grid.shape, strict=True)))

    def _canvas(self, place: Window) -> Canvas:
        rows, columns = place.slices
        date, ending = self._parts
        name = f"{date}_r{place.top // self.side:02}c{place.left // self.side:02}_{ending}"
        return replace(self.whole, out=self.home, name=name, grid=self.whole.grid[rows, columns], levels=halvings(tuple(self.whole.grid.shape)))


Surface = Canvas | Tiles
"""Where a date is painted: one file or several."""


def whole_blocks(shape: tuple[int, int], block: int, most: int) -> int:
    """Side of a tile: as many whole blocks as `most` pixels hold, so that the longer side of `shape` divides evenly."""
    along = -(-max(shape) // block)
    count = -(-along // max(most // block, 1))
    return -(-along // count) * block


def replaces(made: Surface) -> None:
    """Take away what an earlier run into the same folder left of this date in the other form, or in tiles of another size."""
    whole = made.whole if isinstance(made, Tiles) else made
    keep = {canvas.path for canvas in made.canvases.values()} if isinstance(made, Tiles) else set()
    whole.path.with_suffix(".tif" if keep else ".vrt").unlink(missing_ok=True)
    date, _, ending = whole.name.rpartition("_")
    for tile in set((whole.out / date).glob(f"{date}_r*c*_{ending}.tif")) - keep:
        tile.unlink(missing_ok=True)
    for blocks in (whole.out / date / WORK).glob(f"{date}_r*c*_{ending}"):
        shutil.rmtree(blocks, ignore_errors=True)


def _moved(window: Window, place: Window) -> Window:
    """A block of a tile as one of the whole."""
    return Window(window.top + place.top, window.left + place.left, window.bottom + place.top, window.right + place.left)
