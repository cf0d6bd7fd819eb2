"""DIMAP 1.1 as Deimos-2 / GEOSAT-2 deliver it: a `.dim` of XML beside each GeoTIFF.

    Dataset_Id                        DATASET_NAME
    Production, Data_Processing       level, START_TIME
    Raster_CS, Raster_Dimensions      CRS, rows, columns, bands; all compared with the raster
    Dataset_Frame/Vertex              FRAME_LON/LAT (also FRAME_X/Y, FRAME_ROW/COL)
    Data_Access/Data_File @href       the raster; it has to lie in the same folder or below
    Image_Interpretation/Spectral_Band_Info    BAND_INDEX, PHYSICAL_GAIN, _BIAS, _UNIT, ESUN: radiance = number · gain + bias
    Image_Display/Band_Statistics     STX_MIN, _MAX, _MEAN, _STDV
    Dataset_Sources/Source_Information          Scene_Source (mission, angles), Quality_Assessment

SPOT DIMAP 1.1 specification; GEOSAT-2 Imagery User Guide 3.2: bands are delivered nir, red, green, blue.
"""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from dione.base.errors import BadBands, BadSource, faults
from dione.sources.delivered.dimapbands import bands_of
from dione.sources.delivered.dimapraster import header_of
from dione.sources.delivered.fields import Fields
from dione.sources.delivered.matching import disagreements
from dione.sources.delivered.product import Product
from dione.sources.delivered.sensors import SENSORS, Sensor, of_mission
from dione.sources.places import shown
from dione.sources.sentinel import xmlfile

KINDS = re.compile(r"_(MS4|PAN|PM4|PSH|PS3|PS4)_", re.IGNORECASE)
"""What GEOSAT's names call a raster; without it, both rasters of a scene have one name."""


AGAIN = "ask for the delivery again, or take the scene out of the folder"
DESCRIBE = "if its bands have a fixed order, describe the sensor in a TOML file, with missions = ['{}'] (docs/add-a-sensor.md), and name it with --sensors"


def read(path: str | Path, *, sensors: Mapping[str, Sensor] = SENSORS) -> Product:
    """The scene that a `.dim` describes; of its raster, only the header is read.

    Raises NotFound, BadBands for bands missing or in an unknown order, BadSource for other faults; all of them at once:
    what is missing, what is no number, and where metadata and raster disagree.
    """
    fields = Fields(xmlfile.read(path))
    if fields.root.tag != "Dimap_Document":
        raise BadSource(f"{shown(path)} is no DIMAP document: its root is '{fields.root.tag}', needs 'Dimap_Document'")
    header = header_of(path, fields)
    mission = fields.text(".//Scene_Source/MISSION")
    mission = f"{mission} {fields.text('.//Scene_Source/MISSION_INDEX')}".strip()
    sensor = of_mission(mission, sensors) or of_mission(mission.partition(" ")[0], sensors)
    bands = bands_of(fields, sensors[sensor].bands if sensor else (), mission)
    facts = _facts(fields)
    if header:
        fields.faults += disagreements(fields, header, facts["footprint"])
    if fields.faults or header is None or bands is None:
        kind = BadBands if bands is None else BadSource
        advice = f"{DESCRIBE.format(mission.upper())}; or {AGAIN}" if bands is None and mission and not sensor else AGAIN
        raise kind(faults(f"{shown(path)} cannot be used", fields.faults, advice))
    name = fields.text("Dataset_Id/DATASET_NAME", ".//DATASET_NAME") or PurePosixPath(str(path)).stem
    return Product(
        scene=KINDS.sub("_", name, count=1),
        kind="pan" if bands[0].name == "pan" else "ms",
        sensor=sensor or mission,
        raster=header.path,
        metadata=str(path),
        grid=header.grid,
        dtype=header.dtype,
        nodata=_nodata(fields) if header.nodata[0] is None else header.nodata[0],
        bands=bands,
        **facts,
    )


def _facts(fields: Fields) -> dict[str, Any]:
    """What the whole scene shares."""
    quality = {
        (one.findtext("QUALITY_PARAMETER_CODE") or "").rpartition(":")[2]: fields.number("QUALITY_PARAMETER_VALUE", of=one)
        for one in fields.root.iter("Quality_Parameter")
        if "AZIMUTH" in (one.findtext("QUALITY_PARAMETER_CODE") or "")
    }
    elevation = fields.number(".//SUN_ELEVATION")
    if elevation is not None and not 0 < elevation <= 90:
        fields.faults.append(f"SUN_ELEVATION is {elevation:g}, needs to be above 0 and up to 90 degrees")
    return {
        "time": fields.time(".//START_TIME", ".//IMAGING_DATE"),
        "footprint": _frame(fields),
        "level": fields.text(".//Data_Processing/PROCESSING_LEVEL", ".//Production/PRODUCT_TYPE", ".//Data_Processing/GEOMETRIC_PROCESSING"),
        "sun_elevation": elevation,
        "sun_azimuth": fields.number(".//SUN_AZIMUTH"),
        "view_angle": fields.number(".//VIEWING_ANGLE"),
        "incidence_angle": fields.number(".//INCIDENCE_ANGLE"),
        "view_azimuth": quality.get("SENSOR_AZIMUTH"),
        "earth_sun_distance_au": fields.number(".//EARTH_SUN_DISTANCE"),
    }


def _frame(fields: Fields) -> tuple[tuple[float, float], ...]:
    """The corners in longitude and latitude; () if they are not told."""
    corners = [(fields.number("FRAME_LON", of=one), fields.number("FRAME_LAT", of=one)) for one in fields.root.iterfind(".//Dataset_Frame/Vertex")]
    return tuple((lon, lat) for lon, lat in corners if lon is not None and lat is not None)


def _nodata(fields: Fields) -> float | None:
    """The number of pixels without data, where Image_Display tells it."""
    for value in fields.root.iter("Special_Value"):
        if "NODATA" in fields.text("SPECIAL_VALUE_TEXT", of=value).upper().replace(" ", ""):
            return fields.number("SPECIAL_VALUE_INDEX", of=value)
    return None
