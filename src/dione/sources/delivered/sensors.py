"""VHR sensors whose rasters come without metadata that is read here: the order of bands, gain, bias and pixel.

Values that differ from scene to scene (Deimos-2, SPOT, Pléiades as delivered in digital numbers) stand in the scene's
metadata and are None here. Other sensors, or other values, come from a TOML file:

    [sensors.our-camera]
    bands = ["red", "green", "blue", "nir"]
    pixel_m = 0.5
    unit = "reflectance"
    gain = 0.0001

Sources: GEOSAT-2 Imagery User Guide 3.2; SPOT 6 & 7 Technical Sheet and Pléiades Imagery User Guide (Airbus: bands in
the order red, green, blue, near infrared; reflectance × 10000 in products corrected for the atmosphere); Planet Imagery
Product Specification (radiance × 100 in analytic products, reflectance × 10000 in surface reflectance).
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, PositiveFloat, ValidationError, model_validator

from dione.base.bands import BANDS
from dione.base.errors import BadRecipe, NotFound, faults
from dione.base.storage import documents
from dione.sources.delivered.product import Unit


class Sensor(BaseModel):
    """What is alike in all scenes of a sensor; one number stands for all bands, or one a band in the raster's order."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    bands: tuple[str, ...]
    """Names in the raster's order; "-" skips one. Four of them are blue, green, red and nir, or the only one is pan."""
    pixel_m: PositiveFloat
    """Side of a pixel as it is usually delivered, metres."""
    unit: Unit | None = None
    gain: PositiveFloat | tuple[PositiveFloat, ...] | None = None
    bias: float | tuple[float, ...] = 0.0
    esun: tuple[PositiveFloat, ...] | None = None
    """W m⁻² µm⁻¹, a band."""
    missions: tuple[str, ...] = ()
    """How metadata call it, upper case."""

    @model_validator(mode="after")
    def _whole(self) -> "Sensor":
        named, wrong = [band for band in self.bands if band != "-"], []
        if sorted(named) != sorted(BANDS) and named != ["pan"]:
            wrong.append(f"bands are {list(self.bands)}, need blue, green, red and nir once each, or pan alone")
        given = {field: value for field in ("gain", "bias", "esun") if isinstance(value := getattr(self, field), tuple)}
        wrong += [f"{field} has {len(value)} values for {len(self.bands)} bands" for field, value in given.items() if len(value) != len(self.bands)]
        if self.gain is not None and self.unit is None:
            wrong.append("a gain needs a unit: radiance or reflectance")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


NRGB, RGBN, BGRN = ("nir", "red", "green", "blue"), ("red", "green", "blue", "nir"), BANDS

SENSORS: Mapping[str, Sensor] = MappingProxyType(
    {
        "deimos-2": Sensor(bands=NRGB, pixel_m=4, unit="radiance", missions=("DEIMOS-2", "DEIMOS 2", "DEIMOS2", "GEOSAT-2", "GEOSAT 2", "GEOSAT2", "DE2")),
        "spot-6-7": Sensor(bands=RGBN, pixel_m=6, unit="reflectance", gain=1e-4),
        "pleiades": Sensor(bands=RGBN, pixel_m=2, unit="reflectance", gain=1e-4),
        "planetscope": Sensor(bands=BGRN, pixel_m=3, unit="radiance", gain=0.01),
        "planetscope-sr": Sensor(bands=BGRN, pixel_m=3, unit="reflectance", gain=1e-4),
    }
)


def table(path: str | Path | None = None) -> Mapping[str, Sensor]:
    """All sensors by name, those of a TOML file over ours. Raises NotFound, BadRecipe with every fault."""
    if path is None:
        return SENSORS
    try:
        read = documents.toml_of(Path(path).read_bytes()).get("sensors", {})
    except OSError as error:
        raise NotFound(f"no table of sensors {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadRecipe(f"{path} is not TOML: {error}") from error
    if not isinstance(read, dict):
        raise BadRecipe(f"{path} is no table of sensors: 'sensors' is a {type(read).__name__}, needs tables [sensors.NAME]")
    made, wrong = dict(SENSORS), []
    for name, values in read.items():
        try:
            made[name] = Sensor.model_validate(values)
        except ValidationError as error:
            wrong += [f"sensors.{name}{''.join(f'.{part}' for part in fault['loc'])}: {fault['msg']}" for fault in error.errors()]
    if wrong or not read:
        raise BadRecipe(faults(f"{path} is no table of sensors", wrong or ["no [sensors.NAME] in it"], "each needs bands and pixel_m"))
    return MappingProxyType(made)


def named(name: str, sensors: Mapping[str, Sensor] = SENSORS) -> Sensor:
    """A sensor by its name; raises NotFound with the names there are."""
    if name not in sensors:
        raise NotFound(f"no sensor '{name}'; there are {', '.join(sensors)}\ndescribe it in a TOML file and name that with --sensors")
    return sensors[name]


def of_mission(mission: str, sensors: Mapping[str, Sensor] = SENSORS) -> str | None:
    """The name of the sensor that metadata call `mission`; None if none does."""
    wanted = mission.strip().upper()
    return next((name for name, sensor in sensors.items() if wanted in sensor.missions), None)
