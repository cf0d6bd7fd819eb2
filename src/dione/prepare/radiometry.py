"""Do the values look like reflectance? The commonest silent errors of the field, found before they cost an hour.

What is certain raises; what is only likely is logged as a warning. The rules are in `values/`.
"""

import logging
import re
from collections.abc import Iterable, Sequence

import numpy as np
import xarray as xr

from dione.prepare.values import offsets, units
from dione.prepare.values.looks import looks

log = logging.getLogger(__name__)

FEW = 4
"""Dates of an archive that are looked at before it is known which are used."""
ADDED = re.compile(r"number × \S+ ([+-]) (\d\S*)")
"""The offsets in the words of the Stack's attribute `radiometry`."""
SURE = ("given", "metadata")
"""Who told an offset (the Stack's attribute `offset_told_by`) knows what the numbers are: digital numbers of Sentinel-2, if no more than 255."""


def check_values(stack: xr.Dataset, dates: Sequence[int] | None = None) -> list[str]:
    """What was seen, in words; raises BadValues when values look unscaled, 8-bit, scaled twice, or keep an offset.

    dates: positions of those that are looked at; by default all, and FEW of an archive's, whose others `check_used` looks at.

    The offset is not questioned if it was given (the Stack's attribute `offset_told_by` is "given"). Where the metadata of each product
    told it ("metadata"), that they did is worth more than dark pixels that are missing, of which deserts and hazy air have none: it is
    only warned of.
    """
    seen = looks(stack, list(_first_looked_at(stack) if dates is None else dates))
    present = np.concatenate([look.present for look in seen], axis=1)
    if not present.shape[1]:
        return ["no data in the windows looked at"]
    units.in_units(present)
    units.each_in_units(seen)
    told_by = str(stack.attrs.get("offset_told_by", ""))
    as_they_are = _as_they_are(str(stack.attrs.get("radiometry", "")))
    units.not_bytes(present, None if told_by in SURE else as_they_are)
    notes = offsets.bright(seen)
    if told_by != "given":
        offsets.not_twice(seen)
        notes += offsets.no_offset(seen, as_they_are, certain=told_by not in SURE)
    low, high = np.percentile(present, [1, 99])
    span = f"reflectance from {low:.3f} to {high:.3f} (1st to 99th percentile of {present.shape[1]} pixels of {len(seen)} dates)"
    log.info(span)
    for note in notes:
        log.warning(note)
    return [span, *notes]


def check_used(stack: xr.Dataset, dates: Iterable[int]) -> None:
    """Raise BadValues as `check_values` does, for those of the dates that it did not look at: what an archive says is wrong of single ones."""
    if left := sorted(set(dates) - set(_first_looked_at(stack))):
        check_values(stack, left)


def check_not_twice(stack: xr.Dataset, dates: Sequence[int]) -> None:
    """Raise BadValues for dates whose reflectance lies so far below zero as if an offset was applied twice; not asked where it was given."""
    if stack.attrs.get("offset_told_by") != "given":
        offsets.not_twice(looks(stack, list(dates)))


def _first_looked_at(stack: xr.Dataset) -> Sequence[int]:
    """All dates; where metadata told the offset of each, and each is far away, a few will do until it is known which are used."""
    count = stack.sizes["time"]
    few = stack.attrs.get("offset_told_by") == "metadata" and count > FEW
    return sorted({round(at) for at in np.linspace(0, count - 1, FEW)}) if few else range(count)


def _as_they_are(radiometry: str) -> str:
    """How to say that the values are right. An offset that is given takes the place of what the files tell, so it has to be the same."""
    used = {float(sign + number) for sign, number in ADDED.findall(radiometry)} or {0.0}
    offset = f"--offset {used.pop():g}, or " if len(used) == 1 else ""
    return f"{offset}in Python stack.attrs['offset_told_by'] = 'given', if the values are right as they are"
