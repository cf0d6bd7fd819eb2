"""Where `.SAFE` products are: told by names alone, so that nothing large is imported to find out that there are none."""

import os
import re
from pathlib import Path

from dione.base.errors import BadSource, NotFound
from dione.sources.places import is_remote, near, shown
from dione.sources.sentinel.products import holds, meant

MANIFEST = "manifest.safe"
NAME = re.compile(r"(?!manifest\.).*\.SAFE(\.zip)?|.*S2[A-D]_MSIL(1C|2A)_.*\.zip", re.IGNORECASE)


def is_safe(path: str | Path) -> bool:
    """Whether a source is a product, a pattern of some, or a folder that holds some."""
    text = _written_out(path)
    if NAME.fullmatch(text.rpartition("/")[2]) or holds(text, NAME) or (Path(text) / MANIFEST).is_file():
        return True
    return not is_remote(path) and Path(text).is_dir() and any(_unpacked(one) != one for one in Path(text).iterdir())


def places(path: str | Path) -> list[Path]:
    """Each product, folder or zip, by name. Raises NotFound; BadSource for products that are not on this disk, or called otherwise."""
    text = _written_out(path)
    found = meant(text, NAME, instead="copy them here, or name the bands' folder, as in GRANULE/*/IMG_DATA/R10m")
    products = [one for one in map(_unpacked, found) if NAME.fullmatch(one.name)]
    if not products and (Path(text) / MANIFEST).is_file():
        raise BadSource(f"{shown(path)} is a product by its {MANIFEST}, but not by its name\ncall the folder as ESA does: NAME.SAFE")
    if not products:
        raise NotFound(f"no .SAFE product at {shown(path)}{near(path)}\nneeds a .SAFE folder, a zip of one, or a folder that holds some")
    return products


def _unpacked(place: Path) -> Path:
    """The product in a folder named as its zip, where Windows unpacks it: NAME/NAME.SAFE, or NAME.SAFE/NAME.SAFE; none where nobody may look (lost+found)."""
    inner = place / f"{place.name.removesuffix('.SAFE')}.SAFE"
    return inner if os.path.isdir(inner) and not os.path.isfile(place / MANIFEST) else place


def _written_out(path: str | Path) -> str:
    """With all of its folders: `.` and `..` may be products too."""
    return str(path).rstrip("/") if is_remote(path) else os.path.abspath(path)
