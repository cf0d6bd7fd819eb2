"""How a series is named and read: the options that every verb on a series shares."""

import logging
from dataclasses import dataclass
from typing import Annotated, Any

import typer

Source = Annotated[
    str, typer.Argument(help="A folder of GeoTIFFs, a pattern in quotes, a .zarr Stack or an EOPatch folder; local or s3://.", show_default=False)
]
Dates = Annotated[str | None, typer.Option(help="START/END, both included: 2024-05-01/2024-08-31.")]


@dataclass(frozen=True)
class Reading:
    """What of a series is read, and what its files do not tell."""

    area: Annotated[str | None, typer.Option(help="west,south,east,north in degrees, or a GeoJSON file.")] = None
    bands: Annotated[
        str | None, typer.Option(help="Names of the bands in the file's order, where the file does not say: blue,green,red,nir; a dash skips one.")
    ] = None
    pattern: Annotated[str | None, typer.Option(help="How file names give the date (and band): '{date:%Y%m%d}_{band}'.")] = None
    scale: Annotated[float | None, typer.Option(help="Reflectance of one digital number, where the file does not say.")] = None
    offset: Annotated[
        float | None,
        typer.Option(help="Reflectance to add: -0.1 for products since baseline 04.00 whose offset is not applied yet, 0 to say that it is."),
    ] = None
    align: Annotated[bool, typer.Option("--align", help="Resample dates that stand on other grids onto the first one's, once.")] = False
    feature: Annotated[str | None, typer.Option(help="Which feature of an EOPatch holds the bands.")] = None

    def open(self, source: str, dates: str | None = None) -> Any:
        """The source as a Stack (xarray.Dataset), cut to dates and area, its values checked."""
        from dione.prepare.area import crop, parse
        from dione.prepare.radiometry import check_values
        from dione.prepare.select import between
        from dione.sources import open as open_source

        names = tuple(name.strip() for name in self.bands.split(",")) if self.bands else None
        stack = open_source(source, bands=names, pattern=self.pattern, scale=self.scale, offset=self.offset, align=self.align, feature=self.feature)
        if dates:
            start, _, end = dates.partition("/")
            stack = between(stack, start, end or start)
        if self.area:
            stack = crop(stack, parse(self.area))
        for note in check_values(stack):
            logging.getLogger("dione").info(note)
        return stack
