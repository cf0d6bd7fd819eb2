"""Reflectance as if the ground was seen from straight above (NBAR), by sen2nbar: the extra `nbar`.

The angles of a granule's own metadata give a factor for each band every 5 km (the c-factor of Roy et al. 2016, Remote
Sensing of Environment 176, 255; Montero et al. 2024, sen2nbar). It takes most of what the two sides of a swath differ in.
"""

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from dione.base.errors import BadSource, DioneError
from dione.base.windows import Window
from dione.sources.rasters import sampling
from dione.sources.sentinel import xmlfile

BANDS = ("B02", "B03", "B04", "B08")
INSTALL = "pip install 'dione[nbar]'"


@dataclass(frozen=True, eq=False)
class Factors:
    """What the reflectance of one product is multiplied by."""

    values: NDArray[np.float32]
    """(band, y, x): blue, green, red, nir, every 5 km; finite."""
    grid: GeoBox

    def on(self, grid: GeoBox, window: Window) -> NDArray[np.float32]:
        """(band, y, x) on a window of a grid, interpolated between the values, the outermost of which go on beyond them."""
        at = sampling.places(self.grid, grid, window)
        places = np.stack([at.rows, at.columns])
        return np.stack([ndimage.map_coordinates(band, places, order=1, mode="nearest") for band in self.values])


def of_granule(xml: Path) -> Factors:
    """Of an L2A granule's MTD_TL.xml. Raises DioneError without the extra, BadSource for other metadata."""
    xmlfile.read(xml)
    try:
        from sen2nbar.c_factor import c_factor_from_metadata
    except ImportError as error:
        raise DioneError(f"NBAR is computed by sen2nbar, which is not installed ({error})\ninstall the extra: {INSTALL}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = c_factor_from_metadata(str(xml)).sel(band=list(BANDS))
        except (KeyError, ValueError, TypeError, IndexError) as error:
            raise BadSource(f"{xml.name} tells no angles of an L2A product, which NBAR needs ({type(error).__name__} {error})\nleave --nbar out") from error
    values = _filled(np.asarray(found.values, np.float32))
    x, y = np.asarray(found["x"], float), np.asarray(found["y"], float)
    step = float(x[1] - x[0])
    return Factors(values, GeoBox(values.shape[1:], Affine(step, 0, x[0] - step / 2, 0, -step, y[0] + step / 2), _crs(xml)))


def of_bytes(data: bytes) -> Factors:
    """The same of metadata that came from afar."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "MTD_TL.xml"
        path.write_bytes(data)
        return of_granule(path)


def _filled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where a detector saw nothing: the nearest value."""
    made = []
    for band in values:
        missing = ~np.isfinite(band)
        if missing.all():
            raise BadSource("the metadata tell no angle at which the granule was seen\nleave --nbar out")
        nearest: Any = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
        made.append(band[tuple(nearest)])
    return np.stack(made)


def _crs(xml: Path) -> str:
    code = xmlfile.read(xml).findtext(".//HORIZONTAL_CS_CODE")
    if not code:
        raise BadSource(f"{xml.name} tells no CRS")
    return code
