"""A folder of samples of the older pipeline → a patch store. Back again: export.py.

    FOLDER/npz_info.pq            one row a sample: singleton_npz_filename, patchlet, eopatch, countries,
                                  timestamp_deimos, num_tstamps, train_test_validation, is_shadow_v2, ...
    FOLDER/*.npz                  the samples (sample.py)
    FOLDER/s2_norm_per_country.pq, s2_min_max_norm.npz, deimos_min_max_norm.npz     what they are normalised with (tables.py)

The newest date becomes the target, as in their training; dates that a sample lacks are filled with invalid ones. Labels
become reflectance by the inverse of Sentinel-2's normalisation (tables.py), as floats, so nothing is lost.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dione.base import masks
from dione.base.errors import BadSource, DioneError, NotFound, faults, grouped
from dione.base.storage import parquet
from dione.patches import store
from dione.patches.older import sample, tables
from dione.sources.carrying import brought_from
from dione.sources.places import listing, shown

INDEX = "npz_info.pq"
NEEDED = ("singleton_npz_filename", "eopatch", "train_test_validation")
SENSOR = "deimos-2"
Progress = Callable[[str, int, int], None]


@dataclass
class Imported:
    """How an import went."""

    patches: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """File → why it is not in the store."""
    absent: list[str] = field(default_factory=list)
    """Files that the index names and that were allowed not to be there."""

    def raise_failed(self, out: str | Path) -> None:
        """Raises BadSource with every sample that is not in the store."""
        if self.failed:
            missing = len(self.failed)
            rest = f"are not in {out}, which holds the other {self.patches}" if self.patches else f"cannot be used, so {out} was not written"
            head = f"{missing} of {self.patches + missing} samples {rest}"
            raise BadSource(faults(head, grouped(self.failed.items()), f"mend these and import again, or leave them out of {INDEX}"))


def import_folder(
    folder: str | Path, out: str | Path, *, dates: int | None = None, sensor: str = SENSOR, allow_absent: bool = False, progress: Progress = lambda *_: None
) -> Imported:
    """Write a store at `out` of every sample that `folder`'s index names and that can be read; what cannot is told in the result.

    Both may be at s3://; samples are then brought here one by one.

    dates: of each patch, the newest kept (as many as the sample with the most has).
    allow_absent: a file that is not there is no failure, as in a part of a larger dataset.
    Raises NotFound or BadSource where nothing can be read: no index, no normalisation, no whole sample.
    """
    with brought_from(folder, (INDEX, *tables.FILES)) as here:
        rows = read_index(here, folder)
        norms = tables.read(here, folder)
    reader = partial(patch, norms=norms, dates=dates or longest(rows, folder), sensor=sensor, whole=dates is None)
    result = Imported()
    if allow_absent:
        there = {file.name for file in listing(folder)}
        result.absent = [name for row in rows if _plain(name := str(row["singleton_npz_filename"])) not in there]
        rows = [row for row in rows if str(row["singleton_npz_filename"]) not in set(result.absent)]
    about = {
        "made_by": "dione dataset import",
        tables.NOTED: norms.model_dump(mode="json"),
        "label": "normalised radiance, taken as Sentinel-2's normalised reflectance (dione.patches.older.tables)",
    }
    try:
        result.patches = store.write(out, _patches(folder, rows, reader, result, progress), about, exact=True)
    except BadSource as error:
        if result.failed:
            result.raise_failed(out)
        raise BadSource(f"{shown(folder)}/{INDEX} names no sample that is there") from error
    return result


def read_index(folder: Path, place: str | Path | None = None) -> list[dict[str, Any]]:
    """The rows of npz_info.pq; raises NotFound or BadSource. place: where the folder's files are from, if it holds copies."""
    path = folder / INDEX
    if not path.is_file():
        raise NotFound(f"no {INDEX} in {shown(place or folder)}\nneeded the older pipeline's index of samples, with the columns {', '.join(NEEDED)}")
    table = parquet.read(path, "index of samples", "put a whole copy there")
    missing = [name for name in NEEDED if name not in table.column_names]
    if missing:
        raise BadSource(f"{path} has no column {', '.join(missing)}; it has {', '.join(table.column_names)}")
    return list(table.to_pylist())


def longest(rows: list[dict[str, Any]], folder: str | Path) -> int:
    """Dates of the sample that has the most, by the index; 8 where it tells of none. Raises BadSource for what is no number of dates."""
    told = [number for row in rows if (number := row.get("num_tstamps")) is not None and number == number]  # NaN: pandas tells an absent one so
    wrong = sorted({repr(number) for number in told if not isinstance(number, int | float) or number < 0 or number % 1})
    if wrong:
        raise BadSource(f"{shown(folder)}/{INDEX} has num_tstamps {', '.join(wrong):.60}, needs how many dates each sample has\nmend it, or say --dates")
    return int(max(told, default=0)) or 8


def _patches(
    folder: str | Path, rows: list[dict[str, Any]], reader: Callable[[Path, dict[str, Any]], store.Patch], result: Imported, progress: Progress
) -> Iterator[store.Patch]:
    """Every sample that fits the first; the others are noted as failed."""
    first: tuple[int, ...] = ()
    times = Counter(str(row["singleton_npz_filename"]) for row in rows)
    for number, row in enumerate(rows):
        name = str(row["singleton_npz_filename"])
        try:
            if times[name] > 1:
                raise BadSource(f"{INDEX} names it {times[name]} times, so that it might be learnt from and judged by; needed once")
            with brought_from(folder, (_plain(name),)) as here:
                made = reader(here / name, row)
            shape = made.lr.shape + made.hr.shape
            if first and shape != first:
                raise BadSource(f"its sizes (dates, bands, px; bands, px) are {shape}, those of the first sample {first}; needed the same")
        except DioneError as error:
            result.failed[name] = str(error)
        else:
            first = shape
            yield made
        progress("import", number + 1, len(rows))


def _plain(name: str) -> str:
    """The name of a file, which leads nowhere else."""
    if Path(name).name != name:
        raise BadSource(f"'{name}' is not the name of a file beside {INDEX}")
    return name


def patch(path: Path, row: dict[str, Any], norms: tables.Tables, *, dates: int, sensor: str = SENSOR, whole: bool = False) -> store.Patch:
    """One sample as a row of a store: dates from newest to oldest; whole: one of more dates is an error. Raises NotFound or BadSource."""
    found = sample.read(path)
    if whole and len(found.times) > dates:
        raise BadSource(
            f"it has {len(found.times)} dates, and no sample more than {dates} by num_tstamps in {INDEX}\nmend it, or say how many to keep: --dates"
        )
    differ = [
        f"{name} is '{inside}' in the file and '{row[column]}' in {INDEX}"
        for name, column, inside in (("patchlet", "patchlet", found.patchlet), ("country", "countries", found.country))
        if row.get(column) not in (None, inside)
    ]
    if differ:
        raise BadSource(faults(f"{path} and its row disagree", differ, "mend one of them"))
    newest = np.moveaxis(found.features[::-1][:dates], -1, 1)
    seen: NDArray[np.bool_] = np.asarray(np.isfinite(newest).all(1))
    lr, valid = np.zeros((dates, *newest.shape[1:]), np.float32), np.zeros((dates, *seen.shape[1:]), bool)
    lr[: len(newest)], valid[: len(newest)] = np.where(seen[:, None], newest, 0), seen
    hr = np.moveaxis(norms.reflectance(found.label, found.country), -1, 0).astype(np.float32)
    strange = [name for name, values in (("features", newest), ("labels, normalised back,", hr[None])) if not masks.possible(values, axis=1).any()]
    if strange:
        needed = f"needed reflectance from {masks.LOWEST:g} to {masks.HIGHEST:g}, not in ten-thousandths"
        raise BadSource(faults(f"{path} holds nothing that can be reflectance", [f"no pixel of {name} can" for name in strange], needed))
    return store.Patch(lr, valid, hr, facts(found, row, valid, sensor))


def facts(found: sample.Sample, row: dict[str, Any], valid: NDArray[np.bool_], sensor: str) -> dict[str, Any]:
    """Its row of the store's index."""
    return {
        "site": found.country,
        "place": str(row["eopatch"]),
        "patchlet": found.patchlet,
        "country": found.country,
        "sensor": sensor,
        "split": str(row["train_test_validation"] or "none"),
        "dates": [_text(time) for time in found.times[::-1][: len(valid)]],
        "reference_date": _text(found.reference_time),
        "shadow": row.get("is_shadow_v2") in (True, 1),
        "files": [str(row["singleton_npz_filename"])],
        "clear": valid.mean((1, 2)).round(3).tolist(),
    }


def _text(time: datetime | None) -> str:
    return time.isoformat() if time else ""
