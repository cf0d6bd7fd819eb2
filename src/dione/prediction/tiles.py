"""A date as a grid of files: cloud-optimised GeoTIFFs of a bounded size, and a virtual raster (VRT) that shows them as one.

    OUT/2018-08-15_sr.vrt                        opens as the one file would; written last
    OUT/2018-08-15/2018-08-15_r00c01_sr.tif      a tile: a canvas of its own, so that what is lost in a kill is what was under way

The VRT names its tiles by relative paths: the folder can be moved. A tile's blocks go when it is whole, so that only one
tile of a file stands twice on the disk.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError

from dione.base.files import folder, write_text
from dione.base.windows import Window, lattice
from dione.prediction.canvas import RUN_TAG, WORK, Canvas
from dione.prediction.cog import Notes, Packing, mosaic
from dione.prediction.form import REFLECTANCE, Form


@dataclass(frozen=True)
class Tiles:
    """What a Canvas is, in several files; equal ones are one."""

    out: Path
    name: str
    """The VRT's name without its ending: 2018-08-15_sr."""
    _: KW_ONLY
    grid: GeoBox
    """The whole date's."""
    block: int
    """Largest side of a block, pixels of `grid`."""
    side: int
    """Of a tile, pixels of `grid`; whole blocks."""
    key: str = ""
    """As a Canvas has it."""
    form: Form = REFLECTANCE

    @property
    def path(self) -> Path:
        """Where the VRT stands."""
        return self.out / f"{self.name}.vrt"

    @property
    def home(self) -> Path:
        """Where the tiles of a date stand."""
        return self.out / self._date

    @property
    def run(self) -> str:
        """A short name for all tiles and the key."""
        return hashlib.sha256(repr((self.side, [canvas.run for canvas in self.canvases.values()])).encode()).hexdigest()[:16]

    @property
    def canvases(self) -> dict[Window, Canvas]:
        """Each tile and where it lies, row by row."""
        height, width = self.grid.shape
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

    def finish(self, tags: Mapping[str, str] | None = None, *, compress: Packing = "DEFLATE") -> Path:
        """Every tile whole, then the VRT over them. Raises CannotWrite; what is whole then stays."""
        canvases = self.canvases
        self.begin()
        for canvas in canvases.values():
            canvas.finish(tags, compress=compress)
        if not self.finished():
            pieces = {place: canvas.path for place, canvas in canvases.items()}
            notes = Notes({"AREA_OR_POINT": "Area", **(tags or {}), RUN_TAG: self.run}, self.form)
            write_text(self.path, mosaic(pieces, grid=self.grid, notes=notes, beside=self.out) + "\n")
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
    def _date(self) -> str:
        return self.name.rpartition("_")[0]

    def _place(self, window: Window) -> Window:
        """The tile that holds a block."""
        top, left = (edge // self.side * self.side for edge in (window.top, window.left))
        return Window(top, left, min(top + self.side, self.grid.shape[0]), min(left + self.side, self.grid.shape[1]))

    def _canvas(self, place: Window) -> Canvas:
        rows, columns = place.slices
        date, _, ending = self.name.rpartition("_")
        name = f"{date}_r{place.top // self.side:02}c{place.left // self.side:02}_{ending}"
        return Canvas(self.home, name, grid=self.grid[rows, columns], block=self.block, key=self.key, form=self.form)


Surface = Canvas | Tiles
"""Where a date is painted: one file or several."""


def surface(out: Path, name: str, *, grid: GeoBox, block: int, side: int | None, key: str, form: Form = REFLECTANCE) -> Surface:
    """One file, or tiles of `side` pixels."""
    if side is None:
        return Canvas(out, name, grid=grid, block=block, key=key, form=form)
    return Tiles(out, name, grid=grid, block=block, side=side, key=key, form=form)


def whole_blocks(shape: tuple[int, int], block: int, most: int) -> int:
    """Side of a tile: as many whole blocks as `most` pixels hold, so that the longer side of `shape` divides evenly."""
    along = -(-max(shape) // block)
    count = -(-along // max(most // block, 1))
    return -(-along // count) * block


def replaces(made: Surface) -> None:
    """Take away what an earlier run into the same folder left of this date in the other form, or in tiles of another size."""
    date, _, ending = made.name.rpartition("_")
    keep = {canvas.path for canvas in made.canvases.values()} if isinstance(made, Tiles) else set()
    (made.out / f"{made.name}.{'tif' if keep else 'vrt'}").unlink(missing_ok=True)
    for tile in set((made.out / date).glob(f"{date}_r*c*_{ending}.tif")) - keep:
        tile.unlink(missing_ok=True)
    for blocks in (made.out / date / WORK).glob(f"{date}_r*c*_{ending}"):
        shutil.rmtree(blocks, ignore_errors=True)


def _moved(window: Window, place: Window) -> Window:
    """A block of a tile as one of the whole."""
    return Window(window.top + place.top, window.left + place.left, window.bottom + place.top, window.right + place.left)
