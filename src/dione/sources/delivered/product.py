"""A VHR scene as values: what its metadata say, checked and frozen. Past this point there is no XML."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from dione.base import radiance
from dione.base.errors import BadValues, faults

Kind = Literal["ms", "pan"]
Unit = Literal["radiance", "reflectance"]


@dataclass(frozen=True)
class VhrBand:
    """One band of a scene."""

    name: str
    """blue, green, red, nir or pan."""
    index: int
    """Where it stands in the raster, from 1."""
    gain: float
    bias: float
    unit: Unit = "radiance"
    """What number · gain + bias is: radiance in W m⁻² sr⁻¹ µm⁻¹, or reflectance."""
    esun: float | None = None
    """Irradiance of the sun outside the atmosphere, W m⁻² µm⁻¹."""
    lowest: float | None = None
    highest: float | None = None
    mean: float | None = None
    deviation: float | None = None
    """The last four in digital numbers, as delivered: none of them is computed here."""


@dataclass(frozen=True)
class Product:
    """One raster of a scene, multispectral or panchromatic, and what is known of it. Angles are in degrees."""

    scene: str
    """The same for both rasters of a scene."""
    kind: Kind
    sensor: str
    time: datetime
    """UTC, without zone."""
    raster: str
    metadata: str
    """Path of the metadata, '' for a plain GeoTIFF."""
    grid: GeoBox
    dtype: str
    nodata: float | None
    bands: tuple[VhrBand, ...]
    """blue, green, red, nir, or pan; not in the raster's order."""
    footprint: tuple[tuple[float, float], ...] = ()
    """Corners in longitude and latitude."""
    level: str = ""
    sun_elevation: float | None = None
    sun_azimuth: float | None = None
    view_angle: float | None = None
    """Off nadir."""
    incidence_angle: float | None = None
    view_azimuth: float | None = None
    earth_sun_distance_au: float | None = None
    """As delivered; otherwise it follows from the time."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(band.name for band in self.bands)

    @property
    def gain(self) -> NDArray[np.float64]:
        """(band,)"""
        return np.array([band.gain for band in self.bands])

    @property
    def bias(self) -> NDArray[np.float64]:
        """(band,)"""
        return np.array([band.bias for band in self.bands])

    @property
    def white(self) -> NDArray[np.float64] | None:
        """Radiance (band,) of reflectance 1; None if sun or ESUN are not known."""
        if self.sun_elevation is None or any(band.esun is None for band in self.bands):
            return None
        distance = self.earth_sun_distance_au or radiance.earth_sun_distance_au(self.time)
        return radiance.white([band.esun or 0.0 for band in self.bands], self.sun_elevation, distance)

    def scaling(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Scale and offset (band,) that turn numbers into reflectance at the top of the atmosphere; raises BadValues."""
        if all(band.unit == "reflectance" for band in self.bands):
            return self.gain, self.bias
        white = self.white
        if white is None:
            wrong = [f"band {band.name} has no ESUN" for band in self.bands if band.esun is None]
            wrong += ["no sun elevation"] if self.sun_elevation is None else []
            raise BadValues(
                faults(f"{self.raster} holds radiance that cannot become reflectance", wrong, "give the sensor's esun and the scene's sun elevation")
            )
        return self.gain / white, self.bias / white
