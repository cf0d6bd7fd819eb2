"""Made-up DIMAP 1.1 metadata, in the form of a Deimos-2 delivery; GDAL and EOReader open it too."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as Xml

from odc.geo.geobox import GeoBox

from dione.base.crs import DEGREES, turn
from dione.base.radiance import earth_sun_distance_au

NAMES = {4: ("NIR", "Red", "Green", "Blue"), 1: ("PAN",)}


@dataclass(frozen=True)
class Raster:
    """What a `.dim` tells of its raster; one value a band, in the raster's order."""

    name: str
    grid: GeoBox
    gain: tuple[float, ...]
    bias: tuple[float, ...]
    esun: tuple[float, ...]
    statistics: tuple[tuple[float, float, float, float], ...]
    """Lowest, highest, mean and deviation of the digital numbers."""


def write_dim(path: Path, raster: Raster, *, start: datetime, sun_elevation: float) -> Path:
    """The `.dim` at `path`, beside the raster that it names."""
    root = Xml.Element("Dimap_Document")
    _tree(root, "Metadata_Id", METADATA_FORMAT="DIMAP", METADATA_PROFILE="DEIMOS")
    root[0][0].set("version", "1.1")
    _tree(root, "Dataset_Id", DATASET_NAME=path.stem)
    _frame(root, raster.grid)
    _tree(root, "Production", DATASET_PRODUCER_NAME="made up", PRODUCT_TYPE="ORTHO")
    _tree(root, "Data_Processing", PROCESSING_LEVEL="L1C", START_TIME=f"{start:%Y-%m-%dT%H:%M:%S}", STOP_TIME=f"{start:%Y-%m-%dT%H:%M:%S}")
    _tree(_tree(root, "Coordinate_Reference_System"), "Horizontal_CS", HORIZONTAL_CS_CODE=str(raster.grid.crs))
    _tree(root, "Raster_CS", RASTER_CS_TYPE="CELL", PIXEL_ORIGIN="1")
    a = raster.grid.affine
    _tree(_tree(root, "Geoposition"), "Geoposition_Insert", ULXMAP=a.c, ULYMAP=a.f, XDIM=a.a, YDIM=-a.e)
    _tree(root, "Raster_Encoding", NBITS="16", DATA_TYPE="UNSIGNED", BYTEORDER="I")
    file = _tree(_tree(root, "Data_Access", DATA_FILE_FORMAT="GEOTIFF"), "Data_File")
    Xml.SubElement(file, "DATA_FILE_PATH", href=raster.name)
    rows, columns = raster.grid.shape
    _tree(root, "Raster_Dimensions", NCOLS=columns, NROWS=rows, NBANDS=len(raster.gain))
    _bands(root, raster)
    source = _tree(_tree(root, "Dataset_Sources"), "Source_Information")
    angles = dict(SUN_AZIMUTH=145.2, SUN_ELEVATION=sun_elevation, INCIDENCE_ANGLE=81.5, VIEWING_ANGLE=7.9)
    angles["EARTH_SUN_DISTANCE"] = earth_sun_distance_au(start)
    _tree(source, "Scene_Source", MISSION="Deimos-2", MISSION_INDEX="", INSTRUMENT="HiRAIS", **angles)
    quality = _tree(source, "Quality_Assessment")
    _tree(quality, "Quality_Parameter", QUALITY_PARAMETER_CODE="SPACEMETRIC:SENSOR_AZIMUTH", QUALITY_PARAMETER_VALUE=101.25)
    Xml.indent(root)
    path.write_bytes(Xml.tostring(root, encoding="UTF-8", xml_declaration=True))
    return path


def _bands(root: Xml.Element, raster: Raster) -> None:
    interpretation, display = _tree(root, "Image_Interpretation"), _tree(root, "Image_Display")
    rows = zip(NAMES[len(raster.gain)], raster.gain, raster.bias, raster.esun, raster.statistics, strict=True)
    for index, (name, gain, bias, esun, (lowest, highest, mean, deviation)) in enumerate(rows, 1):
        physical = dict(PHYSICAL_UNIT="W/m^2/sr/um", PHYSICAL_GAIN=gain, PHYSICAL_BIAS=bias, ESUN=esun)
        _tree(interpretation, "Spectral_Band_Info", BAND_INDEX=index, BAND_DESCRIPTION=name, **physical)
        _tree(display, "Band_Statistics", STX_MIN=lowest, STX_MAX=highest, STX_MEAN=mean, STX_STDV=deviation, BAND_INDEX=index)
    _tree(display, "Special_Value", SPECIAL_VALUE_INDEX=0, SPECIAL_VALUE_TEXT="NODATA")


def _frame(root: Xml.Element, grid: GeoBox) -> None:
    """The four corners, clockwise from the upper left."""
    frame = _tree(root, "Dataset_Frame")
    rows, columns = grid.shape
    for row, column in ((0, 0), (0, columns), (rows, columns), (rows, 0)):
        x, y = grid.affine * (column, row)
        longitude, latitude = _degrees(grid, x, y)
        _tree(frame, "Vertex", FRAME_LON=longitude, FRAME_LAT=latitude, FRAME_X=x, FRAME_Y=y, FRAME_ROW=row + 1, FRAME_COL=column + 1)


def _degrees(grid: GeoBox, x: float, y: float) -> tuple[float, float]:
    longitude, latitude = turn(x, y, source=str(grid.crs), target=DEGREES)
    return float(longitude), float(latitude)


def _tree(parent: Xml.Element, name: str, **children: object) -> Xml.Element:
    """An element below `parent`, with children that hold text."""
    made = Xml.SubElement(parent, name)
    for tag, text in children.items():
        Xml.SubElement(made, tag).text = repr(float(text)) if isinstance(text, float) else str(text)
    return made
