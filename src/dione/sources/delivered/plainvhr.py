"""A plain GeoTIFF of a VHR sensor: what its header does not tell comes from the table of sensors, or is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

import numpy as np

from dione.base import when
from dione.base.bands import BANDS, PAN, band_of
from dione.base.errors import BadBands, BadSource, BadValues, faults
from dione.sources.delivered.product import Product, VhrBand
from dione.sources.delivered.sensors import SENSORS, Sensor, named
from dione.sources.places import listing, shown
from dione.sources.rasters import headers, names
from dione.sources.rasters.headers import Header

ADVICE = "name the sensor with --sensor, or describe it in a TOML file (--sensors)"


@dataclass(frozen=True)
class Told:
    """What the user says of a GeoTIFF."""

    sensor: str | None = None
    date: str | None = None
    """YYYY-MM-DD, with or without THH:MM:SS, if the file's name has none."""
    sun_elevation: float | None = None
    """Degrees; for rasters of radiance."""


def read(path: str | Path, told: Told, *, sensors: Mapping[str, Sensor] = SENSORS) -> Product:
    """The scene in a GeoTIFF; only its header is read. Raises NotFound, BadBands, BadValues, BadSource."""
    (file, *_) = listing(path)
    header = headers.read(file)
    if told.sensor is None:
        raise BadBands(f"{shown(path)} comes without metadata that tell its order of bands and its gain\n{ADVICE}")
    sensor = named(told.sensor, sensors)
    if len(sensor.bands) != header.count:
        raise BadBands(f"{shown(path)} has {header.count} bands, {told.sensor} has {len(sensor.bands)}: {', '.join(sensor.bands)}\n{ADVICE}")
    _agreed(header, sensor, told.sensor)
    by_name = {band.name: band for band in _bands(header, sensor, told.sensor)}
    pan = tuple(by_name) == PAN
    return Product(
        scene=PurePosixPath(header.path).stem,
        kind="pan" if pan else "ms",
        sensor=told.sensor,
        time=_time(header, told),
        raster=header.path,
        metadata="",
        grid=header.grid,
        dtype=header.dtype,
        nodata=header.nodata[0],
        bands=tuple(by_name[name] for name in (PAN if pan else BANDS)),
        sun_elevation=told.sun_elevation,
    )


def _agreed(header: Header, sensor: Sensor, name: str) -> None:
    """Raises BadBands where the file describes all bands that the sensor has, in another order."""
    pairs = [(band_of(text), band) for text, band in zip(header.descriptions, sensor.bands, strict=True) if band != "-"]
    own, said = zip(*pairs, strict=True)
    if all(own) and own != said:
        found = f"describes its bands as {', '.join(map(str, own))}; those of {name} are {', '.join(said)}"
        raise BadBands(f"{shown(header.path)} {found}\n{ADVICE}, or correct the descriptions in the file")


def _bands(header: Header, sensor: Sensor, name: str) -> list[VhrBand]:
    """Gain and bias by the sensor, else by the file's tags; raises BadValues if neither tells them."""
    tagged = any(pair != (1.0, 0.0) for pair in zip(header.scales, header.offsets, strict=True))
    if sensor.unit is None or (sensor.gain is None and not tagged):
        wrong = ["no unit: radiance or reflectance"] if sensor.unit is None else []
        wrong += ["no gain"] if sensor.gain is None and not tagged else []
        raise BadValues(faults(f"{shown(header.path)} cannot become reflectance: sensor {name} and the file's tags leave open", wrong, ADVICE))
    gain = np.broadcast_to(header.scales if sensor.gain is None else sensor.gain, header.count)
    bias = np.broadcast_to(header.offsets if sensor.gain is None else sensor.bias, header.count)
    esun = sensor.esun or (None,) * header.count
    return [VhrBand(band, at + 1, float(gain[at]), float(bias[at]), sensor.unit, esun[at]) for at, band in enumerate(sensor.bands) if band != "-"]


def _time(header: Header, told: Told) -> datetime:
    try:
        found = when.utc(datetime.fromisoformat(told.date)) if told.date else names.date_in(header.name)
    except ValueError as error:
        raise BadSource(f"date is {told.date!r}, needs YYYY-MM-DD") from error
    if found is None:
        raise BadSource(f"no date in the name {header.name}\nput it into the name (2018-08-15 or 20180815), or give it with --date")
    return found
