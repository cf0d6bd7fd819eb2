"""Where `.SAFE` products are: told by names alone, so that nothing large is imported to find out that there are none."""

import re
from pathlib import Path

from dione.base.errors import NotFound
from dione.sources.places import near, shown
from dione.sources.sentinel.products import holds, meant

NAME = re.compile(r".*\.SAFE(\.zip)?|.*S2[A-D]_MSIL(1C|2A)_.*\.zip", re.IGNORECASE)


def is_safe(path: str | Path) -> bool:
    """Whether a source is a product, a pattern of some, or a folder that holds some."""
    text = str(path).rstrip("/")
    return bool(NAME.fullmatch(text.rpartition("/")[2])) or holds(text, NAME)


def places(path: str | Path) -> list[Path]:
    """Each product, folder or zip, by name. Raises NotFound; BadSource for products that are not on this disk."""
    found = meant(path, NAME, instead="copy them here, or name the bands' folder, as in GRANULE/*/IMG_DATA/R10m")
    products = [one for one in found if NAME.fullmatch(one.name)]
    if not products:
        raise NotFound(f"no .SAFE product at {shown(path)}{near(path)}\nneeds a .SAFE folder, a zip of one, or a folder that holds some")
    return products
