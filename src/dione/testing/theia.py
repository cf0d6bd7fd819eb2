"""A made-up Sentinel-2 L2A product as Theia (MAJA) delivers it: XML, reflectance and masks under their real names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from dione.testing import rasters

FILES = ("B2", "B3", "B4", "B8")
MASKS = ("CLM", "MG2", "EDG", "SAT")
XML = """<?xml version="1.0" encoding="UTF-8"?>
<Muscate_Metadata_Document>
  <Product_Characteristics>
    <PRODUCT_ID>{name}</PRODUCT_ID>
    <ACQUISITION_DATE>{date}T{clock}Z</ACQUISITION_DATE>
    <PRODUCTION_DATE>{made}</PRODUCTION_DATE>
    <PRODUCT_LEVEL>{level}</PRODUCT_LEVEL>
    <PLATFORM>SENTINEL2{platform}</PLATFORM>
  </Product_Characteristics>
  <Radiometric_Informations>
    <REFLECTANCE_QUANTIFICATION_VALUE>{quantification}</REFLECTANCE_QUANTIFICATION_VALUE>
    <Special_Values_List>
      <SPECIAL_VALUE name="nodata">{nodata}</SPECIAL_VALUE>
      <SPECIAL_VALUE name="water_vapor_content_nodata">0</SPECIAL_VALUE>
    </Special_Values_List>
  </Radiometric_Informations>
</Muscate_Metadata_Document>
"""


@dataclass(frozen=True)
class MadeTheia:
    """One product of one tile."""

    numbers: NDArray[np.int16]
    """(band, y, x) as the files hold them."""
    grid: GeoBox
    masks: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    """Bits (y, x) of CLM, MG2, EDG or SAT; those that are left out are 0."""
    date: str = "2018-07-06"
    clock: str = "10:56:21.511"
    tile: str = "31TCJ"
    platform: str = "A"
    level: str = "L2A"
    quantification: str = "10000"
    nodata: str = "-10000"
    made: str = "2018-07-08T03:00:00.000Z"

    @property
    def name(self) -> str:
        return f"SENTINEL2{self.platform}_{self.date.replace('-', '')}-{self.clock.replace(':', '').replace('.', '-')}_{self.level}_T{self.tile}_C_V2-2"


def write(product: MadeTheia, folder: Path, *, kind: str = "FRE") -> Path:
    """The product's folder; `kind` is what its reflectance is called."""
    place = folder / product.name
    (place / "MASKS").mkdir(parents=True)
    told = {key: getattr(product, key) for key in ("name", "date", "clock", "made", "level", "platform", "quantification", "nodata")}
    (place / f"{product.name}_MTD_ALL.xml").write_text(XML.format(**told))
    for band, numbers in zip(FILES, product.numbers, strict=True):
        rasters.write(place / f"{product.name}_{kind}_{band}.tif", numbers, product.grid)
    for mask in MASKS:
        rasters.write(place / "MASKS" / f"{product.name}_{mask}_R1.tif", product.masks.get(mask, np.zeros(product.grid.shape, np.uint8)), product.grid)
    return place
