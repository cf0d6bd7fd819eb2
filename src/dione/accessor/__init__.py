"""What a Stack offers beside xarray's own: `stack.dione`, on every Dataset once `dione` was used (or this was imported).

stack.dione                      what it holds, as a table and a picture in a notebook
stack.dione.rgb("2024-05-11")    the colours of a date, as an image of bytes
stack.dione.plot()               the same as a picture that a notebook shows
stack.dione.indices("NDVI")      spectral indices with their uncertainty; boundaries(), change(a, b), zonal(parcels) likewise
stack.dione.save("out/")         GeoTIFFs, STAC items and more, or a Zarr store

xarray's own display of a Dataset cannot be replaced, so ours stands behind the accessor.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr
from PIL import Image

from dione.accessor import glance, looks
from dione.base import stack as stacks
from dione.base import when
from dione.base.errors import NotAStack

if TYPE_CHECKING:
    from dione.analysis.parcels import Parcels


@xr.register_dataset_accessor("dione")
class Accessor:
    """A Stack (docs/stack.md) seen through dione; whatever is asked of another Dataset raises NotAStack."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    @property
    def _stack(self) -> xr.Dataset:
        return stacks.check(self._dataset)

    def summary(self) -> str:
        """What the Stack holds in lines of text: size, place, and for each date how much of it was seen clear (of a result: is sharpened, which other dates filled too).

        >>> from dione.testing import landscape, series
        >>> import dione.accessor
        >>> print(series(landscape((24, 32)), days=2).stack.dione.summary())
        2 dates, 24×32 px of 10 m, EPSG:32631
        2024-05-01  100 % clear
        2024-05-06  100 % clear
        """
        return glance.words(glance.of(self._stack))

    def rgb(self, date: when.Date = "latest", *, colours: looks.Colours = "true") -> xr.DataArray:
        """One date as a picture: uint8 (y, x, rgb) with the Stack's coordinates, grey where it was not seen clear.

        date: YYYY-MM-DD, stack.time[3] or the like, or the latest. colours: "true", or "false" for near infrared, red and green.
        Black and white are the 2nd and 98th percentiles. Only this date is read. Raises NotAStack, NotFound.

        >>> from dione.testing import landscape, series
        >>> import dione.accessor
        >>> series(landscape((24, 32))).stack.dione.rgb("2024-05-06").shape
        (24, 32, 3)
        """
        return looks.rgb(self._stack, date, colours)

    def plot(self, date: when.Date = "latest", *, colours: looks.Colours = "true", max_side: int = 800) -> Image.Image:
        """The same as a picture of at most `max_side` pixels a side, small ones enlarged; a notebook shows it, `.save("a.png")` keeps it.

        For axes and coordinates: `stack.dione.rgb().plot.imshow()`, which needs matplotlib. Raises NotAStack, NotFound.

        >>> from dione.testing import landscape, series
        >>> import dione.accessor
        >>> series(landscape((24, 32))).stack.dione.plot().size
        (800, 600)
        """
        return looks.image(looks.rgb(self._stack, date, colours).values, max_side=max_side)

    def indices(self, *names: str, **options: Any) -> xr.Dataset:
        """Spectral indices with their 1σ, NaN where not trusted: see `dione.analysis.indices.indices`, whose options these are.

        >>> from dione.testing import landscape, series
        >>> import dione.accessor
        >>> list(series(landscape((24, 32))).stack.dione.indices("NDVI", "NDWI").data_vars)
        ['NDVI', 'NDWI']
        """
        from dione.analysis.indices import indices

        return indices(self._stack, *names, **options)

    def boundaries(self, **rule: Any) -> "Parcels":
        """Field boundaries as polygons: `dione.analysis.boundaries.boundaries`; the options are those of its BoundaryRule.

        >>> from dione.testing import landscape, series
        >>> import dione.accessor
        >>> found = series(landscape((48, 48), seed=2)).stack.dione.boundaries(least_m2=2000)
        >>> len(found) > 3, "NDVI" in found.columns
        (True, True)
        """
        from dione.analysis.boundaries import BoundaryRule, boundaries

        return boundaries(self._stack, BoundaryRule(**rule))

    def change(self, before: when.Date, after: when.Date, **rule: Any) -> xr.Dataset:
        """Change between two dates, flagged where both are trusted: `dione.analysis.change.change`; the options are those of its ChangeRule.

        >>> from dione.testing import landscape, series
        >>> import dione
        >>> sharp = dione.predict(series(landscape((12, 12)), days=2).stack, model="bicubic", target="all")
        >>> list(sharp.dione.change("2024-05-01", "2024-05-06").data_vars)
        ['difference', 'sigma', 'z', 'flag']
        """
        from dione.analysis.change import ChangeRule, change

        return change(self._stack, before, after, ChangeRule(**rule))

    def zonal(self, parcels: Any, **rule: Any) -> "Parcels":
        """Mean, sigma of the mean and n of each parcel: `dione.analysis.zonal.zonal`; the options are those of its ZonalRule.

        parcels: what `boundaries` found, a vector file, or whatever speaks GeoJSON, by the CRS that it names (a GeoDataFrame).

        >>> from dione.testing import landscape, series
        >>> import dione.accessor
        >>> stack = series(landscape((48, 48), seed=2), days=1).stack
        >>> list(stack.dione.zonal(stack.dione.boundaries(least_m2=2000)).columns)[-4:]
        ['NDVI_2024-05-01_mean', 'NDVI_2024-05-01_sigma', 'NDVI_2024-05-01_n', 'NDVI_2024-05-01_trusted']
        """
        from dione.analysis.parcels import taken
        from dione.analysis.zonal import ZonalRule, zonal

        return zonal(self._stack, taken(parcels), ZonalRule(**rule))

    def save(self, out: str | Path, *, source: xr.Dataset | None = None) -> list[Path]:
        """Keep the Stack: into a folder, or as a store if the name ends in .zarr.

        A folder gets cloud-optimised GeoTIFFs, one a date and variable; of what `dione.predict` made also STAC items and
        their collection, and QGIS styles. With the `source` that was predicted, all that `dione predict` writes: the dates
        as measured, quicklook, report and run.json too. Returns the files. Raises NotAStack, BadGrid (another source), CannotWrite.

        >>> from dione.testing import landscape, series
        >>> import dione, tempfile
        >>> stack = series(landscape((12, 12)), days=2).stack
        >>> made = dione.predict(stack, model="bicubic").dione.save(tempfile.mkdtemp(), source=stack)
        >>> sorted({file.suffix for file in made}), "report.html" in [file.name for file in made]
        (['.html', '.json', '.png', '.qml', '.tif'], True)
        """
        if str(out).rstrip("/").endswith(".zarr"):
            from dione.sources import zarrstack

            return [Path(zarrstack.save(self._stack, out))]
        from dione.prediction.keeping import keep

        return keep(self._stack, out, source=source)

    def __repr__(self) -> str:
        """Of another Dataset, what makes it no Stack: who looks at a value wants no traceback."""
        try:
            return self.summary()
        except NotAStack as error:
            return str(error)

    def _repr_html_(self) -> str | None:
        """None of another Dataset: a notebook then shows the text."""
        try:
            return glance.page(glance.of(self._stack), looks.thumbnail(self._stack))
        except NotAStack:
            return None
