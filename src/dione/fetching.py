"""Many areas fetched, a Stack for each: what is there whole is left alone, and one that fails stops no other.

FOLDER/<name>.zarr     a Stack, which appears whole or not at all, and says what it was fetched as
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import xarray as xr

from dione.base.errors import BadSource, CannotWrite, DioneError, NotAStack, NotFound, faults, grouped
from dione.base.machine import shortage
from dione.base.storage import identity
from dione.sources import zarrstack

log = logging.getLogger(__name__)

AS = "fetched_as"
"""Attribute of a kept Stack: a hash of where it came from and how it was read."""
Opener = Callable[[Mapping[str, Any]], xr.Dataset]
"""From a GeoJSON geometry to its Stack."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Fetched:
    """What came of it, by name."""

    fresh: tuple[str, ...]
    there: tuple[str, ...]
    """Those that stood in the folder already, of the same settings."""
    failed: Mapping[str, str]
    """And why."""

    def raise_failed(self, folder: str) -> None:
        """Raises BadSource with a table of what failed."""
        if self.failed:
            missing, whole = len(self.failed), len(self.fresh) + len(self.there)
            head = f"{missing} of {missing + whole} areas were not fetched; {folder} holds the others"
            raise BadSource(faults(head, grouped(self.failed.items()), "the same command goes on"))


def fetch(
    fields: Mapping[str, Mapping[str, Any]],
    folder: str,
    opener: Opener,
    *,
    settings: object,
    wrong: Mapping[str, str] | None = None,
    overwrite: bool = False,
    progress: Progress = lambda *_: None,
) -> Fetched:
    """Keep the Stack of every area in a folder, here or at s3://.

    wrong: areas that are none, and why; they count as failed.
    settings: all that the Stacks depend on beside their area; one that was fetched by other settings is reported, or replaced
    if `overwrite`. An account that has no more to give fails the areas that are left, which the same command then fetches.
    """
    fresh: list[str] = []
    there: list[str] = []
    failed = dict(wrong or {})
    for done, (name, geometry) in enumerate(fields.items(), 1):
        place, key = f"{folder.rstrip('/')}/{name}.zarr", identity.of(json.dumps(geometry, sort_keys=True), settings)
        try:
            if not overwrite and _is_there(place, key):
                there.append(name)
            else:
                by_us = _brought(opener(geometry).assign_attrs({AS: key}), place, key, overwrite=overwrite)
                (fresh if by_us else there).append(name)
        except DioneError as error:
            failed[name] = str(error)
            log.info("area %s: %s", name, error)
        progress("area", done, len(fields))
    return Fetched(tuple(fresh), tuple(there), failed)


def _brought(made: xr.Dataset, place: str, key: str, *, overwrite: bool) -> bool:
    """Whether it was this run that wrote it, not another one meanwhile. Raises CannotWrite, BadSource."""
    try:
        zarrstack.save(made, place, overwrite=overwrite)
    except CannotWrite:
        if overwrite or not _is_there(place, key):
            raise
        return False
    return True


def _is_there(place: str, key: str) -> bool:
    """Whether a Stack stands there, of these settings. Raises CannotWrite for one of others, BadSource or NotAStack for a damaged one."""
    try:
        kept = zarrstack.open(place)
    except NotFound:
        return False
    except (BadSource, NotAStack) as error:
        if zarrstack.half_sent(place):
            return False
        if shortage.advice(error) or isinstance(error.__cause__, OSError):
            raise
        raise type(error)(f"{error}\nremove {place}, and the same command fetches it; with --overwrite all are fetched again") from error
    if kept.attrs.get(AS) != key:
        raise CannotWrite(f"{place} was fetched with another area, period or option\nname another folder, or replace it with --overwrite")
    return True
