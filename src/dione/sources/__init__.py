"""The porch: the outside world comes in as Stacks."""

from importlib import import_module
from inspect import signature
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr

from dione.base.errors import BadSource, BadValues, NotFound, faults
from dione.sources import results
from dione.sources.eopatches import eonames
from dione.sources.places import naming, near, shown, system
from dione.sources.sentinel import safenames, theianames
from dione.sources.stacks import scaling

WHERE = ("area", "dates")
"""Options that say what to fetch: doors to archives take them, others are cut afterwards."""

ONE_PLACE = "name the folder that holds the files, or a pattern such as 'series/*.tif'; a Stack is open already: dione.predict(stack)"


def open(source: str | Path, **options: Any) -> xr.Dataset:
    """A Stack from a folder of GeoTIFFs, a pattern, one GeoTIFF, a `.zarr` Stack, an EOPatch folder, what dione wrote itself or a `.dim`, also on `s3://`.

    options: those of `dione.sources.geotiff.open`, `dione.sources.eopatch.open` or `dione.sources.stac.open`; one that is
    None says nothing; `bands` may be one text, "blue,green,red,nir". `area` and `dates` matter to archives only; cut other Stacks with `dione.prepare`.
    Nothing but headers is read. Raises NotFound, NotAStack, BadSource and its kinds.
    """
    name = one_place(source)
    if isinstance(bands := options.get("bands"), str):
        options["bands"] = tuple(band.strip() for band in bands.split(",")) if bands else None
    kind, door = _door(name)
    opener = import_module(f"dione.sources.{door}").open  # not before it is needed: some bring much with them
    known = signature(opener).parameters.keys()
    said = {key: value for key, value in options.items() if value is not None and value is not False and (key in known or key not in WHERE)}
    unknown = sorted(said.keys() - known)
    if unknown:
        raise BadSource(f"{shown(name)} is {kind}, for which {', '.join(unknown)} means nothing; leave it out")
    if wrong := scaling.wrong(options.get("scale"), options.get("offset")):
        raise BadValues(faults("numbers cannot become reflectance", wrong, "say another --scale or --offset, or leave it out"))
    opened: xr.Dataset = opener(source, **said)
    return opened


def one_place(source: Any) -> str:
    """A source as text; raises BadSource for what is no one place."""
    if not isinstance(source, str | PathLike):
        raise BadSource(f"a source is one place, as text or a Path; found a {type(source).__name__}\n{ONE_PLACE}")
    return str(source)


def _door(name: str) -> tuple[str, str]:
    """What a source is, in words, and the module whose `open` it takes; raises NotFound."""
    if not name.strip():
        raise NotFound("no source is named: its name is empty\nwas it a variable of the shell that is not set? This folder is called .")
    if name.startswith("stac:"):
        return "a STAC catalogue", "stac"
    if name.startswith("sentinelhub:"):
        return "Sentinel Hub", "sentinelhub"
    fs, inside = system(name)
    with naming(name):
        if theianames.is_theia(name):
            return "a product of Theia", "theia"
        if safenames.is_safe(name):
            return "a .SAFE product", "safe"
        if name.lower().endswith(".dim"):
            return "a VHR scene", "vhr"
        if not fs.isdir(inside):
            if fs.exists(inside) or any(c in name for c in "*?["):
                return "GeoTIFF", "geotiff"
            needs = "needs a folder of GeoTIFFs, a pattern in quotes such as 'series/*.tif', a .zarr Stack or an EOPatch folder"
            raise NotFound(f"nothing found at {shown(name)}{near(name)}\n{needs}")
        if name.rstrip("/").endswith(".zarr") or fs.exists(f"{inside.rstrip('/')}/zarr.json"):
            return "a Zarr store", "zarrstack"
        if results.is_results(name):
            return "a folder of results", "results"
        return ("an EOPatch folder", "eopatch") if eonames.is_eopatch(name) else ("a folder of GeoTIFFs", "geotiff")
