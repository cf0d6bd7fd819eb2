"""How a series is named and read: the options that every verb on a series shares."""

from dataclasses import dataclass, fields
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
        typer.Option(help="west,south,east,north in degrees; lat,lon with --size; a tile (31TCJ); WKT; or a file: GeoJSON, KML, GeoPackage, Shapefile."),
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
    as_sentinel_2a: Annotated[bool, typer.Option("--as-sentinel-2a", help="Green and red of Sentinel-2B as Sentinel-2A's bands see them.")] = False
    bands: Annotated[
        str | None, typer.Option(help="Names of the bands in the file's order, where the file does not say: blue,green,red,nir; a dash skips one.")
    ] = None
    pattern: Annotated[
        str | None, typer.Option(help="How whole file names give the date (and band): 'scene_%d%m%Y*.tif', '%Y%j_{band}.tif'; * stands for anything.")
    ] = None
    scale: Annotated[float | None, typer.Option(help="Reflectance of one digital number, where the file does not say.")] = None
    offset: Annotated[
        float | None,
        typer.Option(help="Reflectance to add: -0.1 for products since baseline 04.00 whose offset is not applied yet, 0 to say that it is."),
    ] = None
    align: Annotated[bool, typer.Option("--align", help="Resample dates that stand on other grids onto the first one's, once.")] = False
    feature: Annotated[str | None, typer.Option(help="Which feature of an EOPatch holds the bands.")] = None

    def none_for(self, source: str, kind: str) -> str:
        """The source itself, of a kind that is not read so; raises BadSource if any of this was said."""
        from dione.base.errors import BadSource

        said = [f"--{one.name.replace('_', '-')}" for one in fields(self) if getattr(self, one.name) != one.default]
        if said:
            raise BadSource(
                f"{source} is {kind}, for which {', '.join(said)} mean{'s' * (len(said) == 1)} nothing; leave {'it' if len(said) == 1 else 'them'} out"
            )
        return source

    def open(self, source: str, dates: str | None = None) -> Any:
        """The source as a Stack (xarray.Dataset), cut to dates and area, its values checked."""
        from dione.opening import open as opened
        from dione.prepare.radiometry import check_values

        if self.find_clouds not in (None, "l1c", "l2a"):
            raise typer.BadParameter(f"'{self.find_clouds}' is none of l1c, l2a", param_hint="--find-clouds")
        told: dict[str, Any] = {name: getattr(self, name) for name in ("max_scene_cloud", "bands", "scale", "offset", "align", "nbar", "feature", "pattern")}
        where: dict[str, Any] = {"area": self.area, "size_m": self.size, "dates": dates, "find_clouds": self.find_clouds}
        where["as_sentinel2a"] = self.as_sentinel_2a
        stack = opened(source, **where, **told)
        check_values(stack)
        return stack
