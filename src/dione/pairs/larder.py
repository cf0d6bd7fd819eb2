"""Areas kept between two runs: a folder, or a place in an object store, that holds for each area its two Stacks and a note.

FOLDER/areas.parquet                     every area: zone, lattice, site, neighbours (areas.py)
FOLDER/visits.parquet                    every scene in every area: paired, left out or failed, and why
FOLDER/<area>/sentinel2.zarr             its dates, Sentinel-2's own pixels
FOLDER/<area>/reference.zarr             a date a paired scene, on the finer grid, resampled once
FOLDER/<area>/area.json                  pairs, visits, and the key of what made them; written last
"""

import io
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from dione.base.storage import documents
from dione.pairs.areas import Area
from dione.pairs.visit import Gathered, Visit
from dione.sources import zarrstack
from dione.sources.carrying import put
from dione.sources.places import naming, shown, system, writing

log = logging.getLogger(__name__)

Stacks = tuple[xr.Dataset, xr.Dataset]
"""Sentinel-2, and the references."""
NOTE, COARSE, REFERENCE = "area.json", "sentinel2.zarr", "reference.zarr"
NOTED = {"key": str, "visits": list, "pairs": list, "land": list}


@dataclass(frozen=True)
class Kept:
    """One area as it stands in the larder; its Stacks are read when asked for."""

    folder: str
    note: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.folder.rsplit("/", 1)[-1]

    @property
    def key(self) -> str:
        return str(self.note["key"])

    @property
    def pairs(self) -> list[dict[str, Any]]:
        return list(self.note["pairs"])

    @property
    def visits(self) -> list[Visit]:
        return [Visit(**{**row, "time": np.datetime64(row["time"], "ns")}) for row in self.note["visits"]]

    @property
    def land(self) -> list[int]:
        """Pixels of each class of land cover; empty where nothing was paired."""
        return list(self.note["land"])

    def forget(self) -> None:
        """Take the note away, so that the area counts as not made."""
        fs, inside = system(self.folder)
        with writing(self.folder):
            fs.rm_file(f"{inside}/{NOTE}")

    def stacks(self) -> Stacks:
        """What was kept, in memory. Raises BadSource."""
        return zarrstack.load(f"{self.folder}/{COARSE}"), zarrstack.load(f"{self.folder}/{REFERENCE}")


def read(kept: Iterable[Kept]) -> Iterator[tuple[Kept, Future[Stacks]]]:
    """Each with its Stacks, as soon as they are there; the next ones are read meanwhile, so that two areas are held."""
    before: tuple[Kept, Future[Stacks]] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="areas") as behind:
        for one in kept:
            coming = one, behind.submit(one.stacks)
            if before is not None:
                yield before
            before = coming
        if before is not None:
            yield before


@dataclass(frozen=True)
class Larder:
    """Where areas are kept; a path, or s3://BUCKET/…"""

    folder: str

    def table(self, name: str, table: pa.Table) -> None:
        """Write a table beside the areas; raises CannotWrite."""
        data = io.BytesIO()
        pq.write_table(table, data)
        fs, inside = system(self.folder)
        with writing(self.folder):
            fs.makedirs(inside, exist_ok=True)
        put(f"{self.folder.rstrip('/')}/{name}", data.getvalue())

    def kept(self, area: Area) -> Kept | None:
        """What is there of an area, whole; None where nothing is, or its note is damaged."""
        place = f"{self.folder.rstrip('/')}/{area.name}"
        fs, inside = system(place)
        with naming(place):
            if not fs.exists(f"{inside}/{NOTE}"):
                return None
            try:
                note = documents.json_of(fs.cat_file(f"{inside}/{NOTE}"))
            except ValueError:
                note = None
            if isinstance(note, dict) and all(isinstance(note.get(name), kind) for name, kind in NOTED.items()):
                return Kept(place, note)
            log.warning("%s/%s is no note of an area: the area is made again", shown(place), NOTE)
            return None

    def keep(self, made: Gathered, key: str) -> Kept:
        """Write an area in place of what was there of it; the note comes last, so that a half one is none."""
        place = f"{self.folder.rstrip('/')}/{made.area.name}"
        fs, inside = system(place)
        with writing(place):
            if fs.exists(f"{inside}/{NOTE}"):
                fs.rm_file(f"{inside}/{NOTE}")
            fs.makedirs(inside, exist_ok=True)
        for name, stack in ((COARSE, made.coarse), (REFERENCE, made.references)):
            if stack is not None:
                zarrstack.save(stack, f"{place}/{name}", overwrite=True)
        area = {**{part: getattr(made.area, part) for part in ("site", "epsg", "column", "row", "size_m", "buffer_m")}, "facts": dict(made.area.facts)}
        note = {"key": key, "area": area, "visits": [visit.row for visit in made.visits], "pairs": list(made.pairs), "land": list(made.land)}
        put(f"{place}/{NOTE}", json.dumps(note, indent=1).encode())
        return Kept(place, note)
