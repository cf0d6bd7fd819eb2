"""Where products of Theia (MAJA) are, told by names alone, and which file of one holds what.

    SENTINEL2A_20170706-090107-511_L2A_T33KWP_D/
    ├── …_MTD_ALL.xml
    ├── …_FRE_B2.tif       surface reflectance, slopes corrected; …_SRE_B2.tif without that
    └── MASKS/…_CLM_R1.tif   R1: of 10 m

(CNES/CESBIO, "Sentinel-2 L2A product format".)
"""

import re
from pathlib import Path

from dione.base.errors import BadSource, NotFound
from dione.sources.places import near, shown
from dione.sources.sentinel.packing import Form
from dione.sources.sentinel.products import holds, meant

NAME = re.compile(r"SENTINEL2[A-D]_\d{8}-\d{6}-\d{3}_L\d[A-Z]_T\d\d[A-Z]{3}(_[\w-]+)?(\.zip)?", re.IGNORECASE)
FORM = Form(re.compile(r".*_MTD_ALL\.xml"), re.compile(NAME.pattern, re.IGNORECASE), "one folder SENTINEL2…_L2A_T…, as Theia names it, with its …_MTD_ALL.xml")
FILES = {"blue": "B2", "green": "B3", "red": "B4", "nir": "B8"}
REFLECTANCE = ("FRE", "SRE")
"""Which is taken, the first that is there."""
MASKS = ("CLM", "MG2", "EDG", "SAT")


def is_theia(path: str | Path) -> bool:
    """Whether a source is a product, a pattern of some, or a folder that holds some."""
    text = str(path).rstrip("/")
    last = text.rpartition("/")[2]
    if NAME.fullmatch(last) or (last.upper().startswith("SENTINEL2") and not last.lower().endswith((".tif", ".tiff")) and "*" in last):
        return True
    return holds(text, NAME)


def places(path: str | Path) -> list[Path]:
    """Each product, folder or zip, by name. Raises NotFound; BadSource for products that are not on this disk."""
    found = meant(path, NAME, instead="copy them here")
    products = [one for one in found if NAME.fullmatch(one.name)]
    others = [one.name for one in found if one.name.upper().endswith((".SAFE", ".SAFE.ZIP"))]
    if products and others:
        raise BadSource(
            f"{shown(path)} holds products of Theia and of ESA ({others[0]}), whose reflectance is made in two ways\nput each kind into a folder of its own"
        )
    if not products:
        raise NotFound(f"no product of Theia at {shown(path)}{near(path)}\nneeds a folder SENTINEL2…_L2A_T…, a zip of one, or a folder that holds some")
    return products


def named(names: tuple[str, ...], ending: str) -> str | None:
    """The one file of a product whose name ends so; None if there is none."""
    return next((name for name in names if name.endswith(f"_{ending}")), None)
