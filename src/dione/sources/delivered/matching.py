"""Do metadata and raster tell of the same image?"""

from odc.geo.crs import CRS
from pyproj.exceptions import CRSError

from dione.base.crs import DEGREES, turn
from dione.sources.delivered.fields import Fields
from dione.sources.rasters.headers import Header

NEAR = 0.01
"""Two pixel sizes agree to this fraction."""


def disagreements(fields: Fields, header: Header, frame: tuple[tuple[float, float], ...]) -> list[str]:
    """Every way in which they differ, in words: rows, columns, bands, CRS, pixel and place."""
    rows, columns = header.grid.shape
    found = []
    for tag, held in (("NROWS", rows), ("NCOLS", columns), ("NBANDS", header.count)):
        told = fields.whole(f".//Raster_Dimensions/{tag}", needed=True)
        if told is not None and told != held:
            found.append(f"{tag} is {told}, the raster has {held}")
    described = len(list(fields.root.iter("Spectral_Band_Info")))
    if described != header.count:
        found.append(f"{described} bands are described, the raster has {header.count}")
    pixel = fields.number(".//Geoposition_Insert/XDIM")
    size = abs(header.grid.affine.a)
    if pixel is not None and abs(pixel - size) > NEAR * size:
        found.append(f"XDIM is {pixel:g}, the raster's pixels are {size:g} wide")
    return found + _crs(fields, header) + _place(frame, header)


def _crs(fields: Fields, header: Header) -> list[str]:
    if header.grid.crs is None:
        return ["the raster has no CRS: dione needs orthorectified scenes (level 1C or above)"]
    told = fields.text(".//HORIZONTAL_CS_CODE", ".//Projection_OGCWKT")
    if not told:
        return []
    code = told.upper().removeprefix("EPSG:").strip()
    try:
        crs = CRS(f"EPSG:{code}" if code.isdecimal() else told)
    except CRSError:
        return [f"the CRS '{told[:60]}' is not known"]
    if crs == header.grid.crs or (crs.proj.name == header.grid.crs.proj.name and crs.proj.equals(header.grid.crs.proj, ignore_axis_order=True)):
        return []
    return [f"the CRS is {crs.to_epsg() or told[:60]}, the raster's {header.grid.crs.to_epsg() or header.grid.crs}"]


def _place(frame: tuple[tuple[float, float], ...], header: Header) -> list[str]:
    """The middle of the corners has to lie in the raster."""
    if not frame or header.grid.crs is None:
        return []
    longitude, latitude = (sum(values) / len(frame) for values in zip(*frame, strict=True))
    x, y = turn(longitude, latitude, source=DEGREES, target=str(header.grid.crs))
    column, row = ~header.grid.affine * (x, y)
    if 0 <= column <= header.grid.shape[1] and 0 <= row <= header.grid.shape[0]:
        return []
    return [f"the corners of Dataset_Frame lie around {longitude:.4f}, {latitude:.4f}, outside of the raster"]
