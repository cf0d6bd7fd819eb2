"""Where `.SAFE` products are: told by names alone, so that nothing large is imported to find out that there are none."""

import re
from pathlib import Path

from dione.base.errors import BadSource, NotFound
from dione.sources.places import is_remote, near, shown

NAME = re.compile(r".*\.SAFE(\.zip)?|.*S2[A-D]_MSIL(1C|2A)_.*\.zip", re.IGNORECASE)


def is_safe(path: str | Path) -> bool:
    """Whether a source is a product, a pattern of some, or a folder that holds some."""
    text = str(path).rstrip("/")
    if NAME.fullmatch(text.rpartition("/")[2]):
        return True
    return not is_remote(text) and Path(text).is_dir() and any(NAME.fullmatch(one.name) for one in Path(text).iterdir())


def places(path: str | Path) -> list[Path]:
    """Each product, folder or zip, by name. Raises NotFound; BadSource for products that are not on this disk."""
    text = str(path).rstrip("/")
    if is_remote(text):
        raise BadSource(f"{shown(path)}: products are read from this disk only\ncopy them here, or name the bands' folder, as in GRANULE/*/IMG_DATA/R10m")
    base = Path(text)
    if NAME.fullmatch(base.name) and base.exists():
        return [base]
    found = sorted(base.iterdir()) if base.is_dir() else sorted(base.parent.glob(base.name)) if any(c in base.name for c in "*?[") else []
    products = [one for one in found if NAME.fullmatch(one.name)]
    if not products:
        raise NotFound(f"no .SAFE product at {shown(path)}{near(path)}\nneeds a .SAFE folder, a zip of one, or a folder that holds some")
    return products
