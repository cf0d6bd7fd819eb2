"""Many areas out of one file: each feature with a name of its own, to be fetched one by one."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shapely.geometry import mapping

from dione.base.errors import BadRecipe, faults
from dione.base.vectors import vectorfile
from dione.base.vectors.features import NAMED_BY

NAME = re.compile(r"[\w][\w.-]*")
"""What can be a file's name everywhere."""


def fields(path: str | Path, *, name: str = NAMED_BY) -> tuple[dict[str, Mapping[str, Any]], dict[str, str]]:
    """GeoJSON geometries in longitude and latitude by the features' property `name`, or by their number where one has none; and why others are none.

    path: a vector file, as `dione.base.vectors.vectorfile` reads it. Raises NotFound; BadRecipe for what is no vector file, a property
    that no feature has, and with every name that is double or no file's name.
    """
    found = vectorfile.read(path, source=f"the file of areas {path}").in_degrees()
    if name != NAMED_BY and name not in found.columns:
        raise BadRecipe(f"no feature of {path} has a property '{name}'; there are {', '.join(found.columns) or 'none'}\nname one of these with --name")
    names = [str(row[name]) if row.get(name) is not None else f"{number:04d}" for number, row in enumerate(found.rows(), 1)]
    wrong = [f"{one} is the {name} of {count} features" for one, count in Counter(names).items() if count > 1]
    wrong += [f"'{one}' cannot be a file's name" for one in names if not NAME.fullmatch(one)]
    if wrong:
        raise BadRecipe(faults(f"{path} cannot be fetched", wrong, "each area needs a name of letters, digits, - and _: see --name"))
    good, none = found.parted()
    shapes = zip((one for at, one in enumerate(names) if at not in none), good.geometries, strict=True)
    return {one: mapping(shape) for one, shape in shapes}, {names[at]: f"it {why}" for at, why in none.items()}
