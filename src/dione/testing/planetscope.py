"""A made-up scene of PlanetScope as Planet delivers it: an orthorectified analytic product of four bands, radiance × 100.

FOLDER/20240512_105001_37_2407/20240512_105001_37_2407_3B_AnalyticMS.tif             blue, green, red, nir
                               20240512_105001_37_2407_3B_AnalyticMS_metadata.xml    reflectance = number × coefficient
                               20240512_105001_37_2407_3B_udm2.tif                   usable data mask: clear, …, unusable

Planet Imagery Product Specification: Earth Observation XML, PlanetScope Ortho Scene (level 3B).
"""

from datetime import datetime
from pathlib import Path

import numpy as np
from odc.geo.geobox import GeoBox

from dione.testing import Array, rasters

COEFFICIENTS = (2.1e-5, 2.3e-5, 2.6e-5, 3.9e-5)
"""Reflectance of one digital number of blue, green, red, nir."""
SUN_ELEVATION, INCIDENCE_ANGLE = 51.5, 3.25
"""Degrees."""
MASKS = ("clear", "snow", "shadow", "light_haze", "heavy_haze", "cloud", "confidence", "udm1")


def write_planetscope(folder: Path, reflectance: Array, grid: GeoBox, time: datetime) -> Path:
    """Write (blue green red nir, y, x) of a projected grid as a product below `folder`; its own folder."""
    name = f"{time:%Y%m%d_%H%M%S}_37_2407"
    place = folder / name
    numbers = np.round(reflectance / np.array(COEFFICIENTS)[:, None, None]).astype(np.uint16)
    rasters.write(place / f"{name}_3B_AnalyticMS.tif", numbers, grid, nodata=0)
    clear = np.zeros((len(MASKS), *grid.shape), np.uint8)
    clear[0], clear[6] = 1, 100
    rasters.write(place / f"{name}_3B_udm2.tif", clear, grid, bands=MASKS)
    (place / f"{name}_3B_AnalyticMS_metadata.xml").write_text(_metadata(name, grid, time))
    return place


def _metadata(name: str, grid: GeoBox, time: datetime) -> str:
    rows, columns = grid.shape
    assert grid.crs is not None
    corners = grid.extent.to_crs("EPSG:4326").boundingbox
    ring = " ".join(
        f"{lon},{lat}"
        for lon, lat in ((corners.left, corners.top), (corners.right, corners.top), (corners.right, corners.bottom), (corners.left, corners.bottom))
    )
    bands = "".join(
        f"<ps:bandSpecificMetadata><ps:bandNumber>{number}</ps:bandNumber><ps:radiometricScaleFactor>0.01</ps:radiometricScaleFactor>"
        f"<ps:reflectanceCoefficient>{coefficient}</ps:reflectanceCoefficient></ps:bandSpecificMetadata>"
        for number, coefficient in enumerate(COEFFICIENTS, 1)
    )
    spaces = (
        'xmlns:gml="http://www.opengis.net/gml" xmlns:eop="http://earth.esa.int/eop" xmlns:opt="http://earth.esa.int/opt" '
        'xmlns:ps="http://schemas.planet.com/ps/v1/planet_product_metadata_geocorrected_level"'
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ps:EarthObservation {spaces} version="1.2.1">
 <gml:metaDataProperty><ps:EarthObservationMetaData>
  <eop:identifier>{name}_3B_AnalyticMS</eop:identifier><eop:acquisitionType>NOMINAL</eop:acquisitionType>
  <eop:productType>L3B</eop:productType><eop:status>ARCHIVED</eop:status>
 </ps:EarthObservationMetaData></gml:metaDataProperty>
 <gml:using><eop:EarthObservationEquipment>
  <eop:platform><eop:Platform><eop:shortName>PlanetScope</eop:shortName><eop:serialIdentifier>2407</eop:serialIdentifier></eop:Platform></eop:platform>
  <eop:instrument><eop:Instrument><eop:shortName>PS2</eop:shortName></eop:Instrument></eop:instrument>
  <eop:acquisitionParameters><ps:Acquisition>
   <eop:orbitDirection>DESCENDING</eop:orbitDirection><eop:incidenceAngle uom="deg">{INCIDENCE_ANGLE}</eop:incidenceAngle>
   <opt:illuminationAzimuthAngle uom="deg">150.5</opt:illuminationAzimuthAngle>
   <opt:illuminationElevationAngle uom="deg">{SUN_ELEVATION}</opt:illuminationElevationAngle>
   <ps:azimuthAngle uom="deg">98.5</ps:azimuthAngle><ps:spaceCraftViewAngle uom="deg">3.0</ps:spaceCraftViewAngle>
   <eop:acquisitionDate>{time:%Y-%m-%dT%H:%M:%S}+00:00</eop:acquisitionDate>
  </ps:Acquisition></eop:acquisitionParameters>
 </eop:EarthObservationEquipment></gml:using>
 <gml:target><ps:Footprint><gml:Polygon><gml:outerBoundaryIs><gml:LinearRing><gml:coordinates>{ring}</gml:coordinates></gml:LinearRing></gml:outerBoundaryIs></gml:Polygon>
 </ps:Footprint></gml:target>
 <gml:resultOf><ps:EarthObservationResult>
  <eop:product><ps:ProductInformation>
   <eop:fileName>{name}_3B_AnalyticMS.tif</eop:fileName><ps:numRows>{rows}</ps:numRows><ps:numColumns>{columns}</ps:numColumns><ps:numBands>4</ps:numBands>
   <ps:spatialReferenceSystem><ps:epsgCode>{grid.crs.to_epsg()}</ps:epsgCode></ps:spatialReferenceSystem>
  </ps:ProductInformation></eop:product>
  {bands}
  <opt:cloudCoverPercentage uom="percentage">0</opt:cloudCoverPercentage><ps:unusableDataPercentage uom="percentage">0</ps:unusableDataPercentage>
 </ps:EarthObservationResult></gml:resultOf>
</ps:EarthObservation>
"""
