"""The two pickles of an EOPatch of 2021, read without running them: a box and a list of times, and nothing else."""

from datetime import date, datetime
from typing import Any

from dione.base.errors import BadSource
from dione.sources.eopatches import unpickling

ADVICE = "only a box and times are read from pickles: write the patch again with eo-learn 1.0 or later, which keeps them as JSON"


class Box(metaclass=unpickling.Fixed):
    """What a pickled box fills with its edges and CRS."""


class Crs(metaclass=unpickling.Fixed):
    """What a pickled CRS calls with its code."""

    def __init__(self, code: object = "") -> None:
        self.code = str(code).upper().removeprefix("EPSG:")


ADMITTED: dict[tuple[str, str], Any] = {
    **unpickling.TIMES,
    ("copyreg", "__newobj__"): unpickling.Call(lambda kind: kind()),
    ("builtins", "list"): list,
    ("builtins", "tuple"): tuple,
    ("sentinelhub.constants", "CRS"): Crs,
    ("sentinelhub.geometry", "BBox"): Box,
    ("sentinelhub.common", "BBox"): Box,
}


def box(data: bytes, where: str) -> tuple[tuple[float, float, float, float], str]:
    """(left, bottom, right, top) and EPSG code of a pickled box; raises BadSource."""
    found = unpickling.load(data, where, admitted=ADMITTED, advice=ADVICE)
    kept = vars(found) if isinstance(found, Box) else {}
    crs = kept.get("_crs", kept.get("crs"))
    edges = [kept.get(name) for name in ("min_x", "min_y", "max_x", "max_y")]
    if not isinstance(crs, Crs) or not crs.code.isdigit() or not all(isinstance(edge, int | float) for edge in edges):
        raise BadSource(f"{where} holds no box with a CRS: found {type(found).__name__} with {sorted(kept) or 'nothing'}")
    left, bottom, right, top = (float(edge) for edge in edges if isinstance(edge, int | float))
    return (left, bottom, right, top), f"EPSG:{crs.code}"


def times(data: bytes, where: str) -> list[datetime]:
    """The times of a pickled list; raises BadSource."""
    found = unpickling.load(data, where, admitted=ADMITTED, advice=ADVICE)
    if not isinstance(found, list | tuple) or not all(isinstance(time, date) for time in found):
        raise BadSource(f"{where} holds no list of times: found {type(found).__name__}")
    return [time if isinstance(time, datetime) else datetime(time.year, time.month, time.day) for time in found]
