"""A made-up product of SPOT 7 as Airbus delivers it: DIMAP 2, orthorectified, reflectance × 10000.

FOLDER/IMG_SPOT7_MS_001_A/DIM_SPOT7_MS_….XML              metadata, which GDAL and EOReader open
                          IMG_SPOT7_MS_…_R1C1.TIF         red, green, blue, nir
                          MASKS/ROI_SPOT7_MS_…_MSK.GML    the ground that was ordered
"""

from datetime import datetime
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from dione.testing import Array, rasters

ORDER = {"MS": ("red", "green", "blue", "nir"), "P": ("pan",)}
IDS = {"red": "R", "green": "G", "blue": "B", "nir": "NIR", "pan": "P"}
MASKS = ("CLD", "DET", "QTE", "ROI", "SLT", "SNW")
SUN_ELEVATION, INCIDENCE_ANGLE = 52.5, 12.25
"""Degrees."""


def write_spot(folder: Path, reflectance: Array, grid: GeoBox, time: datetime) -> Path:
    """Write (blue green red nir, y, x), or (pan, y, x), of a projected grid as a product below `folder`; its own folder."""
    kind = "MS" if len(reflectance) == 4 else "P"
    order = [("blue", "green", "red", "nir").index(name) for name in ORDER[kind]] if kind == "MS" else [0]
    place = folder / f"IMG_SPOT7_{kind}_001_A"
    (place / "MASKS").mkdir(parents=True)
    name = f"SPOT7_{kind}_{time:%Y%m%d%H%M%S}0_ORT_1000000001"
    raster = place / f"IMG_{name}_R1C1.TIF"
    rasters.write(raster, np.round(reflectance[order] * 10_000).astype(np.uint16), grid, nodata=0)
    (place / f"DIM_{name}.XML").write_text(_metadata(name, raster.name, kind, grid, time))
    left, bottom, right, top = grid.boundingbox.bbox
    ring = " ".join(f"{x},{y}" for x, y in ((left, top), (right, top), (right, bottom), (left, bottom), (left, top)))
    for mask in MASKS:
        (place / "MASKS" / f"{mask}_{name}_MSK.GML").write_text(_mask(_code(grid), ring if mask == "ROI" else ""))
    return place


def _code(grid: GeoBox) -> str:
    assert grid.crs is not None
    return f"EPSG:{grid.crs.to_epsg()}"


def _mask(crs: str, ring: str) -> str:
    """One polygon, or none."""
    edge = f"<gml:LinearRing><gml:coordinates>{ring}</gml:coordinates></gml:LinearRing>"
    polygon = f'<gml:Polygon srsName="{crs}"><gml:outerBoundaryIs>{edge}</gml:outerBoundaryIs></gml:Polygon>'
    member = f'<gml:featureMember><eop:MaskFeature fid="m.0"><eop:extentOf>{polygon}</eop:extentOf></eop:MaskFeature></gml:featureMember>'
    spaces = 'xmlns:gml="http://www.opengis.net/gml" xmlns:eop="http://www.opengis.net/eop"'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<eop:Mask {spaces}>{member if ring else ""}</eop:Mask>\n'


def _metadata(name: str, raster: str, kind: str, grid: GeoBox, time: datetime) -> str:
    rows, columns = grid.shape
    corners = grid.extent.to_crs("EPSG:4326").boundingbox
    vertices = "".join(
        f"<Vertex><LON>{lon}</LON><LAT>{lat}</LAT></Vertex>"
        for lon, lat in ((corners.left, corners.top), (corners.right, corners.top), (corners.right, corners.bottom), (corners.left, corners.bottom))
    )
    values = {"INCIDENCE_ANGLE": INCIDENCE_ANGLE, "AZIMUTH_ANGLE": 180.0, "SUN_ELEVATION": SUN_ELEVATION, "SUN_AZIMUTH": 150.5}
    angles = "".join(f"<{tag}>{value}</{tag}>" for tag, value in values.items())
    display = "".join(f"<{tag}_CHANNEL>{IDS[band]}</{tag}_CHANNEL>" for tag, band in zip(("RED", "GREEN", "BLUE", "ALPHA"), ORDER[kind], strict=False))
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Dimap_Document>
 <Metadata_Identification><METADATA_FORMAT version="2.15">DIMAP</METADATA_FORMAT></Metadata_Identification>
 <Dataset_Identification><DATASET_TYPE>RASTER_ORT</DATASET_TYPE><DATASET_NAME>{name}</DATASET_NAME></Dataset_Identification>
 <Dataset_Content>
  <CLOUD_COVERAGE unit="percent">0</CLOUD_COVERAGE>
  <Dataset_Extent>{vertices}</Dataset_Extent>
 </Dataset_Content>
 <Coordinate_Reference_System><Projected_CRS><PROJECTED_CRS_CODE>{_code(grid)}</PROJECTED_CRS_CODE></Projected_CRS></Coordinate_Reference_System>
 <Geoposition><Geoposition_Insert>
  <ULXMAP>{grid.affine.c}</ULXMAP><ULYMAP>{grid.affine.f}</ULYMAP><XDIM>{grid.affine.a}</XDIM><YDIM>{-grid.affine.e}</YDIM>
 </Geoposition_Insert></Geoposition>
 <Processing_Information><Product_Settings>
  <SPECTRAL_PROCESSING>{kind}</SPECTRAL_PROCESSING>
  <Radiometric_Settings><RADIOMETRIC_PROCESSING>REFLECTANCE</RADIOMETRIC_PROCESSING></Radiometric_Settings>
 </Product_Settings></Processing_Information>
 <Raster_Data>
  <Data_Access><DATA_FILE_FORMAT>image/tiff</DATA_FILE_FORMAT>
   <Data_Files><Data_File tile_R="1" tile_C="1"><DATA_FILE_PATH href="{raster}"/></Data_File></Data_Files>
  </Data_Access>
  <Raster_Dimensions><NROWS>{rows}</NROWS><NCOLS>{columns}</NCOLS><NBANDS>{len(ORDER[kind])}</NBANDS>
   <Tile_Set><NTILES>1</NTILES><Regular_Tiling><NTILES_SIZE nrows="{rows}" ncols="{columns}"/></Regular_Tiling></Tile_Set>
  </Raster_Dimensions>
  <Raster_Encoding><DATA_TYPE>INTEGER</DATA_TYPE><NBITS>16</NBITS><SIGN>UNSIGNED</SIGN></Raster_Encoding>
  <Raster_Display><Band_Display_Order>{display}</Band_Display_Order></Raster_Display>
 </Raster_Data>
 <Geometric_Data><Use_Area>
  <Located_Geometric_Values><LOCATION_TYPE>Center</LOCATION_TYPE>{angles}</Located_Geometric_Values>
 </Use_Area></Geometric_Data>
 <Dataset_Sources><Source_Identification><Strip_Source>
  <MISSION>SPOT</MISSION><MISSION_INDEX>7</MISSION_INDEX><INSTRUMENT>NAOMI</INSTRUMENT>
  <IMAGING_DATE>{time:%Y-%m-%d}</IMAGING_DATE><IMAGING_TIME>{time:%H:%M:%S}.0Z</IMAGING_TIME>
 </Strip_Source></Source_Identification></Dataset_Sources>
</Dimap_Document>
"""
