"""A made-up `.SAFE` product: the little of its XML that is read, and its pictures under the names that real ones have.

folder = write_safe(tmp, product)                # dione.testing.archive.MadeProduct says what is in it
sources.open(folder)
"""

from pathlib import Path
from typing import Any

from odc.geo.geobox import GeoBox
from rasterio.warp import transform_geom

from dione.testing import rasters
from dione.testing.archive import BANDS, MadeProduct, coarser

SCHEMA = "https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd"
LOSSLESS: dict[str, Any] = dict(driver="JP2OpenJPEG", QUALITY="100", REVERSIBLE="YES", YCBCR420="NO")
FIRST_WITH_OFFSET = "04.00"


def write_safe(folder: Path, product: MadeProduct) -> Path:
    """The product, L2A, below `folder`; its numbers stand in JPEG 2000 without loss."""
    root = folder / f"{product.name}.SAFE"
    granule = f"GRANULE/L2A_T{product.tile}_A046277_{product.start}"
    pictures = {
        f"{granule}/IMG_DATA/R10m/T{product.tile}_{product.start}_{name}_10m": numbers for name, numbers in zip(BANDS.values(), product.numbers, strict=True)
    }
    for name, numbers in pictures.items():
        rasters.write(root / f"{name}.jp2", numbers, product.grid, **LOSSLESS)
    classes = f"{granule}/IMG_DATA/R20m/T{product.tile}_{product.start}_SCL_20m"
    if product.scl is not None:
        rasters.write(root / f"{classes}.jp2", product.scl, coarser(product.grid), **LOSSLESS)
    (root / "MTD_MSIL2A.xml").write_text(_product(product, [*pictures, *([classes] if product.scl is not None else [])]))
    (root / granule / "MTD_TL.xml").write_text(_tile(product))
    (root / "manifest.safe").write_text(_manifest(granule))
    return root


def _product(product: MadeProduct, images: list[str]) -> str:
    start = f"{product.start[:4]}-{product.start[4:6]}-{product.start[6:8]}T{product.start[9:11]}:{product.start[11:13]}:{product.start[13:15]}.024Z"
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{band}">-1000</BOA_ADD_OFFSET>' for band in range(13))
    strip = f"S2{product.platform}_OPER_MSI_L2A_DS_2APS_{product.made}_S{product.start}_N{product.baseline}"
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-2A_User_Product xmlns:n1="{SCHEMA}">
  <n1:General_Info>
    <Product_Info>
      <PRODUCT_START_TIME>{start}</PRODUCT_START_TIME>
      <PRODUCT_URI>{product.name}.SAFE</PRODUCT_URI>
      <PRODUCT_TYPE>S2MSI2A</PRODUCT_TYPE>
      <PROCESSING_BASELINE>{product.baseline}</PROCESSING_BASELINE>
      <GENERATION_TIME>{start}</GENERATION_TIME>
      <Datatake datatakeIdentifier="GS2{product.platform}_{product.start}_046277_N{product.baseline}">
        <SPACECRAFT_NAME>Sentinel-2{product.platform}</SPACECRAFT_NAME>
        <DATATAKE_TYPE>INS-NOBS</DATATAKE_TYPE>
        <SENSING_ORBIT_NUMBER>51</SENSING_ORBIT_NUMBER>
        <SENSING_ORBIT_DIRECTION>DESCENDING</SENSING_ORBIT_DIRECTION>
      </Datatake>
      <Product_Organisation><Granule_List>
        <Granule datastripIdentifier="{strip}" granuleIdentifier="{_granule(product)}" imageFormat="JPEG2000">
          {"".join(f"<IMAGE_FILE>{image}</IMAGE_FILE>" for image in images)}
        </Granule>
      </Granule_List></Product_Organisation>
    </Product_Info>
    <Product_Image_Characteristics>
      <QUANTIFICATION_VALUES_LIST><BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>
      {f"<BOA_ADD_OFFSET_VALUES_LIST>{offsets}</BOA_ADD_OFFSET_VALUES_LIST>" if product.baseline >= FIRST_WITH_OFFSET else ""}
      <Reflectance_Conversion><U>0.968</U></Reflectance_Conversion>
    </Product_Image_Characteristics>
  </n1:General_Info>
  <n1:Geometric_Info><Product_Footprint><Product_Footprint><Global_Footprint>
    <EXT_POS_LIST>{_outline(product.grid)}</EXT_POS_LIST>
  </Global_Footprint></Product_Footprint></Product_Footprint></n1:Geometric_Info>
  <n1:Quality_Indicators_Info><Image_Content_QI/></n1:Quality_Indicators_Info>
</n1:Level-2A_User_Product>
"""


def _granule(product: MadeProduct) -> str:
    return f"S2{product.platform}_OPER_MSI_L2A_TL_2APS_{product.made}_A046277_T{product.tile}_N{product.baseline}"


def _outline(grid: GeoBox) -> str:
    """Latitude and longitude of the corners, the first once more."""
    rows, columns = grid.shape
    ring = [grid.affine * corner for corner in ((0, 0), (columns, 0), (columns, rows), (0, rows), (0, 0))]
    placed = transform_geom(str(grid.crs), "EPSG:4326", {"type": "Polygon", "coordinates": [ring]})
    return " ".join(f"{latitude} {longitude}" for longitude, latitude in placed["coordinates"][0])


def _tile(product: MadeProduct) -> str:
    sizes, corner = [], product.grid.affine * (0, 0)
    for metres in (10, 20, 60):
        rows, columns = (-(-side * 10 // metres) for side in product.grid.shape)
        sizes.append(f'<Size resolution="{metres}"><NROWS>{rows}</NROWS><NCOLS>{columns}</NCOLS></Size>')
    angles = "".join(
        f'<Mean_Viewing_Incidence_Angle bandId="{band}"><ZENITH_ANGLE>5.1</ZENITH_ANGLE><AZIMUTH_ANGLE>100.2</AZIMUTH_ANGLE></Mean_Viewing_Incidence_Angle>'
        for band in range(13)
    )
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-2A_Tile_ID xmlns:n1="{SCHEMA}">
  <n1:General_Info><TILE_ID>{_granule(product)}</TILE_ID></n1:General_Info>
  <n1:Geometric_Info>
    <Tile_Geocoding>
      <HORIZONTAL_CS_CODE>{product.grid.crs}</HORIZONTAL_CS_CODE>
      {"".join(sizes)}
      <Geoposition resolution="10"><ULX>{corner[0]:g}</ULX><ULY>{corner[1]:.0f}</ULY><XDIM>10</XDIM><YDIM>-10</YDIM></Geoposition>
    </Tile_Geocoding>
    <Tile_Angles>
      <Mean_Sun_Angle><ZENITH_ANGLE>43.1</ZENITH_ANGLE><AZIMUTH_ANGLE>150.2</AZIMUTH_ANGLE></Mean_Sun_Angle>
      <Mean_Viewing_Incidence_Angle_List>{angles}</Mean_Viewing_Incidence_Angle_List>
    </Tile_Angles>
  </n1:Geometric_Info>
  <n1:Quality_Indicators_Info><Image_Content_QI><CLOUDY_PIXEL_PERCENTAGE>{product.cloud}</CLOUDY_PIXEL_PERCENTAGE>
    <SNOW_ICE_PERCENTAGE>0</SNOW_ICE_PERCENTAGE></Image_Content_QI></n1:Quality_Indicators_Info>
</n1:Level-2A_Tile_ID>
"""


def _manifest(granule: str) -> str:
    files = {"Product_Metadata": "MTD_MSIL2A.xml", "Tile1_Metadata": f"{granule}/MTD_TL.xml", "Datastrip1_Metadata": "DATASTRIP/DS/MTD_DS.xml"}
    objects = [
        f'<dataObject ID="S2_Level-2A_{name}"><byteStream mimeType="text/xml" size="1"><fileLocation locatorType="URL" href="./{path}"/></byteStream></dataObject>'
        for name, path in files.items()
    ]
    inspire = '<dataObject ID="INSPIRE_Metadata"><byteStream><fileLocation href="./INSPIRE.xml"/></byteStream></dataObject>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1"><dataObjectSection>{"".join(objects)}{inspire}</dataObjectSection></xfdu:XFDU>\n'
