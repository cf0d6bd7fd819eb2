"""The porch: the outside world comes in as Stacks."""

from inspect import signature
from pathlib import Path
from typing import Any

import xarray as xr

from dione.base.errors import BadSource, NotFound
from dione.sources import eopatch, geotiff, results, vhr, zarrstack
from dione.sources.places import naming, near, shown, system
from dione.sources.sentinel import safenames, theianames

WHERE = ("area", "dates", "max_scene_cloud")
"""Options that say what to fetch: doors to archives take them, others are cut afterwards."""


def open(source: str | Path, **options: Any) -> xr.Dataset:
    """A Stack from a folder of GeoTIFFs, a pattern, one GeoTIFF, a `.zarr` Stack, an EOPatch folder, what dione wrote itself or a `.dim`, also on `s3://`.

    options: those of `dione.sources.geotiff.open`, `dione.sources.eopatch.open` or `dione.sources.stac.open`; one that is
    None says nothing. `area` and `dates` matter to archives only; cut other Stacks with `dione.prepare`.
    Nothing but headers is read. Raises NotFound, NotAStack, BadSource and its kinds.
    """
    name = str(source)
    kind, opener = _opener(name)
    known = signature(opener).parameters.keys()
    said = {key: value for key, value in options.items() if value is not None and value is not False and (key in known or key not in WHERE)}
    unknown = sorted(said.keys() - known)
    if unknown:
        raise BadSource(f"{shown(name)} is {kind}, for which {', '.join(unknown)} means nothing; leave it out")
    opened: xr.Dataset = opener(source, **said)
    return opened


def _opener(name: str) -> tuple[str, Any]:
    """What a source is, in words, and the function that opens it; raises NotFound."""
    if name.startswith("stac:"):
        from dione.sources import stac  # not before it is needed: it brings pystac-client and odc-stac

        return "a STAC catalogue", stac.open
    if name.startswith("sentinelhub:"):
        from dione.sources import sentinelhub

        return "Sentinel Hub", sentinelhub.open
    if theianames.is_theia(name):
        from dione.sources import theia

        return "a product of Theia", theia.open
    if safenames.is_safe(name):
        from dione.sources import safe

        return "a .SAFE product", safe.open
    fs, inside = system(name)
    with naming(name):
        if name.lower().endswith(".dim"):
            return "a VHR scene", vhr.open
        if not fs.isdir(inside):
            if fs.exists(inside) or any(c in name for c in "*?["):
                return "GeoTIFF", geotiff.open
            needs = "needs a folder of GeoTIFFs, a pattern in quotes such as 'series/*.tif', a .zarr Stack or an EOPatch folder"
            raise NotFound(f"nothing found at {shown(name)}{near(name)}\n{needs}")
        if name.rstrip("/").endswith(".zarr") or fs.exists(f"{inside.rstrip('/')}/zarr.json"):
            return "a Zarr store", zarrstack.open
    if results.is_results(name):
        return "a folder of results", results.open
    return ("an EOPatch folder", eopatch.open) if eopatch.is_eopatch(name) else ("a folder of GeoTIFFs", geotiff.open)
