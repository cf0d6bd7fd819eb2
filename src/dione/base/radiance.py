"""From digital numbers to radiance to reflectance at the top of the atmosphere, and back.

    radiance     L = number · gain + bias                        W m⁻² sr⁻¹ µm⁻¹
    reflectance  ρ = π · L · d² / (ESUN · sin(sun elevation))    1.0 = 100 %

Chander, Markham and Helder (2009), Remote Sensing of Environment 113, 893–903, equations 1 and 3.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dione.base.errors import BadValues

Values = Sequence[float] | NDArray[Any]
"""One value a band."""
J2000 = datetime(2000, 1, 1, 12)
NEAREST_AU, FARTHEST_AU = 0.983, 1.017
"""The earth's orbit lies between these."""


def radiance(numbers: NDArray[Any], gain: Values, bias: Values) -> NDArray[np.float32]:
    """Radiance (band, ...) in W m⁻² sr⁻¹ µm⁻¹ of digital numbers (band, ...), each band by its own gain and bias."""
    return np.asarray(numbers, np.float32) * _each(gain, numbers.ndim) + _each(bias, numbers.ndim)


def white(esun: Values, sun_elevation_deg: float, distance_au: float) -> NDArray[np.float64]:
    """Radiance (band,) of a surface of reflectance 1: ESUN · sin(elevation) / (π d²). Divide radiance by it.

    esun: (band,) mean irradiance of the sun outside the atmosphere, W m⁻² µm⁻¹. Raises BadValues for a sun that is not up
    or a distance that the earth never has.
    """
    if not 0 < sun_elevation_deg <= 90:
        raise BadValues(f"the sun stands at {sun_elevation_deg:g}°, needs an elevation above 0° and up to 90°\nlook into the scene's metadata")
    if not NEAREST_AU <= distance_au <= FARTHEST_AU:
        raise BadValues(f"the sun is {distance_au:g} AU away, needs {NEAREST_AU} to {FARTHEST_AU}\nlook into the scene's metadata")
    return np.asarray(esun, np.float64) * np.sin(np.radians(sun_elevation_deg)) / (np.pi * distance_au**2)


def earth_sun_distance_au(time: datetime) -> float:
    """Distance from earth to sun in astronomical units, right to 1e-4. A time without zone is UTC.

    Approximate solar coordinates of the Astronomical Almanac, page C5 (US Naval Observatory).
    """
    naive = time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time
    days = (naive - J2000).total_seconds() / 86_400
    anomaly = np.radians(357.529 + 0.98560028 * days)
    return float(1.00014 - 0.01671 * np.cos(anomaly) - 0.00014 * np.cos(2 * anomaly))


def _each(values: Values, dims: int) -> NDArray[np.float32]:
    """One value a band, along the first of `dims` dimensions."""
    return np.asarray(values, np.float32).reshape(-1, *[1] * (dims - 1))
