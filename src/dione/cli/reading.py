"""How a series is named and read: the options that every verb on a series shares."""

import logging
from dataclasses import dataclass
from typing import Annotated, Any

import typer

Source = Annotated[
    str,
    typer.Argument(
        help="A folder of GeoTIFFs, a pattern in quotes, a .zarr Stack, an EOPatch folder, .SAFE products; or an archive: stac:earth-search, stac:URL#collection, sentinelhub:PROFILE.",
        show_default=False,
    ),
]
Dates = Annotated[str | None, typer.Option(help="START/END, both included: 2024-05-01/2024-08-31, or whole months: 2024-05/2024-08.")]


@dataclass(frozen=True)
class Reading:
    """What of a series is read, and what its files do not tell."""

    area: Annotated[
        str | None,
        typer.Option(help="west,south,east,north in degrees; lat,lon with --size; a tile (31TCJ); WKT; or a file: GeoJSON, GeoPackage, Shapefile."),
    ] = None
    size: Annotated[float | None, typer.Option(help="Side of the square around a point, metres.")] = None
    max_scene_cloud: Annotated[
        float | None, typer.Option(min=0, max=1, help="From an archive, leave out scenes that it calls cloudier than this fraction.")
    ] = None
    find_clouds: Annotated[
        str | None,
        typer.Option(help="Where a source has no cloud mask: find clouds with ukis-csmask (extra clouds) in l1c (top of the atmosphere) or l2a (ground)."),
    ] = None
    nbar: Annotated[bool, typer.Option("--nbar", help="Of L2A: reflectance as if seen from straight above (extra nbar).")] = False
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
        from dione.base import period
        from dione.prepare.area import crop
        from dione.prepare.naming import parse
        from dione.prepare.radiometry import check_values
        from dione.prepare.select import between
        from dione.sources import open as open_source

        names = tuple(name.strip() for name in self.bands.split(",")) if self.bands else None
        area = parse(self.area, size_m=self.size) if self.area else None
        span = period.parse(dates) if dates else None
        numbers = {
            "scale": self.scale,
            "offset": self.offset,
            "align": self.align,
            "nbar": self.nbar,
            "feature": self.feature,
            "bands": names,
            "pattern": self.pattern,
        }
        stack = open_source(source, area=area, dates=span, max_scene_cloud=self.max_scene_cloud, **numbers)
        if span:
            stack = between(stack, *span)
        if area is not None:
            stack = crop(stack, area)
        if self.find_clouds:
            stack = self._without_clouds(stack)
        for note in check_values(stack):
            logging.getLogger("dione").info(note)
        return stack

    def _without_clouds(self, stack: Any) -> Any:
        from dione.prepare.csmask import without_clouds

        if self.find_clouds not in ("l1c", "l2a"):
            raise typer.BadParameter(f"'{self.find_clouds}' is none of l1c, l2a", param_hint="--find-clouds")
        found = without_clouds(stack, level="l1c" if self.find_clouds == "l1c" else "l2a")
        return found.drop_vars("clear", errors="ignore").assign_attrs({"clouds": "found by ukis-csmask"})
