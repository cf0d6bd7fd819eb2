"""One canvas a file, painted block by block: killed at any moment, it goes on where it stopped.

    canvas = Canvas(out, "2018-08-15_sr", grid=fine, block=2048, key=recipe_hash)
    for window in canvas.missing():                    # whatever order, thread or process
        canvas.paint(window, reflectance, valid=seen)  # OUT/.dione/2018-08-15_sr/<run>/0-0-2048-2048.tif
    canvas.finish({"DIONE_MODEL": "dione-1"})          # OUT/2018-08-15_sr.tif, the blocks are gone

A canvas holds nothing in memory: what is painted is what lies in its folder.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError

from dione.base.crs import named
from dione.base.errors import BadSource, CannotWrite, faults
from dione.base.storage.files import folder, write_bytes
from dione.base.windows import Window, lattice
from dione.prediction.files.cog import assemble, copied
from dione.prediction.files.form import REFLECTANCE, Form
from dione.prediction.files.mosaic import TILE_PX, Notes
from dione.prediction.files.packing import Packing, packed
from dione.sources.places import File
from dione.sources.rasters import headers

WORK = ".dione"
"""The hidden folder inside OUT where blocks wait."""
RUN_TAG = "DIONE_RUN"
"""The TIFF tag that says which run a finished file belongs to."""
TILES_PX = (TILE_PX, TILE_PX // 2)
"""Sides of tiles that GDAL's COG driver takes, the one to be preferred first."""


@dataclass(frozen=True)
class Canvas:
    """One output file on `grid`; equal canvases are one canvas."""

    out: Path
    name: str
    """The file's name without its ending: 2018-08-15_sr."""
    _: KW_ONLY
    grid: GeoBox
    """The fine grid."""
    block: int
    """Largest side of a block, fine pixels: the whole grid's, or a number of tiles."""
    key: str = ""
    """What decides the pixels (recipe, model, inputs), hashed by the caller; blocks of another key are not taken up."""
    form: Form = REFLECTANCE
    compress: Packing = "DEFLATE"
    """How blocks, and so the file, are packed."""
    levels: int = 0
    """How many coarser copies the file has at least; a small one has none by itself."""

    @property
    def tile(self) -> int:
        """Side of the file's tiles, so that they are the blocks' too. Raises ValueError for a block that cannot be cut into any."""
        if self.block >= max(self.grid.shape):
            return TILE_PX
        sides = [side for side in TILES_PX if self.block % side == 0]
        if not sides:
            raise ValueError(f"a block of {self.block} px is no whole number of tiles of {TILES_PX[-1]}")
        return sides[0]

    @property
    def copies(self) -> int:
        """How many coarser levels of the file are copied from its blocks, tile by tile."""
        return copied(tuple(self.grid.shape), self.block, self.tile)

    @property
    def path(self) -> Path:
        """Where the finished file stands."""
        return self.out / f"{self.name}.tif"

    @property
    def run(self) -> str:
        """A short name for this grid, these blocks and this key."""
        facts = repr(
            (
                tuple(self.grid.shape),
                tuple(self.grid.affine),
                str(named(self.grid.crs)),
                self.block,
                self.copies,
                self.levels,
                self.key,
                self.compress,
            )
        )
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    @property
    def work(self) -> Path:
        """Where the blocks wait."""
        return self.out / WORK / self.name / self.run

    def windows(self) -> Iterator[Window]:
        """Every block, row by row, fine pixels."""
        height, width = self.grid.shape
        return lattice((height, width), self.block)

    def missing(self) -> list[Window]:
        """The blocks still to paint; none once the file is finished."""
        return [] if self.finished() else [window for window in self.windows() if not self.has(window)]

    def has(self, window: Window) -> bool:
        """Whether this block is painted."""
        return self._piece(window).exists()

    def finished(self) -> bool:
        """Whether the file stands with its final name, whole, and came from this very run."""
        if not self.path.exists():
            return False
        try:
            headers.read(File(str(self.path), self.path.name, self.path.stat().st_size))
            with rasterio.open(self.path) as file:
                return bool(file.tags().get(RUN_TAG) == self.run)
        except (RasterioError, BadSource):
            return False

    def paint(self, window: Window, values: NDArray[np.generic], *, valid: NDArray[np.bool_]) -> None:
        """Keep one block, whole or not at all.

        values: (band, h, w) as the form says: reflectance or its 1σ of blue, green, red, nir; classes; valid: (h, w).
        Raises CannotWrite (full disk, folder not writable), ValueError (not a block of this canvas).
        """
        bands = len(self.form.bands)
        if values.shape != (bands, *window.shape) or valid.shape != window.shape:
            raise ValueError(f"{window} takes values {(bands, *window.shape)} and valid {window.shape}, not {values.shape} and {valid.shape}")
        folder(self.work)
        numbers = self.form.encode(values, valid)
        made = packed(numbers, tile=self.tile, compress=self.compress, classes=bool(self.form.classes), copies=self.copies + 1)
        # GDAL may close a file on a full disk without a word; Python does not. A worker that is taken for lost may be at it too.
        write_bytes(self._piece(window), made, shared=True)

    def finish(self, tags: Mapping[str, str] | None = None, *, shared: bool = False) -> Path:
        """The blocks as one cloud-optimised GeoTIFF with its final name; the blocks are removed.

        tags: provenance, kept as TIFF tags. shared: others may be finishing the same file at the same time. Raises CannotWrite; the blocks then stay, so that the same run can go on.
        """
        if self.finished():
            self.clear()
            return self.path
        if wanting := [f"rows {w.top}–{w.bottom}, columns {w.left}–{w.right}" for w in self.missing()]:
            shown = wanting[:5] + ([f"and {len(wanting) - 5} more"] if len(wanting) > 5 else [])
            raise CannotWrite(faults(f"{self.path} is not complete, blocks are missing", shown, "run the same command again; it paints only these"))
        notes = Notes({"AREA_OR_POINT": "Area", **(tags or {}), RUN_TAG: self.run}, self.form)
        pieces = {window: self._piece(window) for window in self.windows()}
        layout = dict(tile=self.tile, copies=self.copies, levels=self.levels)
        workshop = folder(self.work / uuid4().hex[:8]) if shared else self.work
        try:
            assemble(pieces, self.path, grid=self.grid, notes=notes, workshop=workshop, compress=self.compress, **layout)
        except CannotWrite:
            if not (shared and self.finished()):  # somebody was quicker, and took the blocks away
                raise
        self.clear()
        return self.path

    def clear(self) -> None:
        """Forget every block painted under this name, by any run; a finished file stays."""
        shutil.rmtree(self.work.parent, ignore_errors=True)
        with suppress(OSError):  # the last one out closes the hidden folder
            self.work.parent.parent.rmdir()

    def remove(self) -> None:
        """Forget every block and the file."""
        self.clear()
        self.path.unlink(missing_ok=True)

    def _piece(self, window: Window) -> Path:
        return self.work / f"{window.top}-{window.left}-{window.bottom}-{window.right}.tif"
