"""One training sample of the older pipeline: a .npz of some Sentinel-2 dates, one sharp label, and their times.

features (t, h, w, 4) float64           reflectance, blue green red nir, t from oldest to newest
labels (zh, zw, 4) float32              the reference: normalised radiance
timestamps_s2 (t,), timetamps_deimos () datetimes, as arrays of objects (the second is spelt like that)
patchlet (), countries ()               text
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dione.base.bands import BANDS
from dione.base.errors import BadSource, faults
from dione.base.storage.files import whole
from dione.patches.older import objects

NAMES = ("features", "labels", "patchlet", "timetamps_deimos", "timestamps_s2", "countries")


@dataclass(frozen=True)
class Sample:
    """What a file holds."""

    features: NDArray[np.float64]
    """(date, y, x, band) reflectance, oldest first."""
    label: NDArray[np.float32]
    """(zoom·y, zoom·x, band) normalised radiance."""
    times: tuple[datetime | None, ...]
    """Of the dates, as the file has them; none where they are not known."""
    reference_time: datetime | None
    patchlet: str
    country: str


def read(path: Path) -> Sample:
    """A sample, its dates brought into order. Raises NotFound, or BadSource with everything that is wrong with it."""
    found = objects.read(path, NAMES)
    features, label = found["features"], found["labels"]
    times, reference = found["timestamps_s2"], found["timetamps_deimos"]
    wrong = _faults(features, label, times, reference)
    if wrong:
        raise BadSource(faults(f"{path} is not a sample of the older pipeline", wrong, "write it again, or leave it out of npz_info.pq"))
    order = np.argsort([_sortable(time) for time in times], kind="stable")
    return Sample(
        features[order].astype(np.float64),
        label.astype(np.float32),
        tuple(times[place] for place in order),
        reference.item(),
        str(found["patchlet"]),
        str(found["countries"]),
    )


def _faults(features: NDArray[Any], label: NDArray[Any], times: NDArray[Any], reference: NDArray[Any]) -> list[str]:
    if features.dtype.kind != "f" or label.dtype.kind != "f":
        return [f"features are {features.dtype} and labels {label.dtype}, both need to be floats"]
    if features.ndim != 4 or label.ndim != 3 or not features.size:
        return [f"features have the shape {features.shape} and labels {label.shape}, needed (date, y, x, band) and (y, x, band)"]
    wrong = []
    if features.shape[-1] != len(BANDS) or label.shape[-1] != len(BANDS):
        wrong.append(f"features have {features.shape[-1]} bands and labels {label.shape[-1]}, needed {len(BANDS)}: {', '.join(BANDS)}")
    zoom = label.shape[0] / features.shape[1]
    if zoom != int(zoom) or zoom < 1 or label.shape[1] != zoom * features.shape[2]:
        wrong.append(f"labels of {label.shape[:2]} px are no whole multiple of features of {features.shape[1:3]} px")
    if not np.isfinite(label).all():
        wrong.append(f"labels have {np.count_nonzero(~np.isfinite(label))} values that are not finite")
    if times.shape != features.shape[:1]:
        wrong.append(f"{times.size} times for {len(features)} dates")
    if reference.shape != () or not all(isinstance(time, datetime | None) for time in [*times.ravel(), reference.ravel()[0] if reference.size else None]):
        wrong.append("times that are not times: needed datetimes")
    return wrong


def _sortable(time: datetime | None) -> float:
    """Zones left out: the older pipeline's times are all UTC, some with a zone and some without."""
    return (time.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds() if time else 0.0


def write(path: Path, sample: Sample) -> Path:
    """A file that the older pipeline reads, whole."""
    times, reference = np.empty(len(sample.times), object), np.empty((), object)
    times[:] = sample.times
    reference[()] = sample.reference_time
    with whole(path) as partial, open(partial, "wb") as file:
        np.savez(
            file,
            features=sample.features,
            labels=sample.label,
            patchlet=np.array(sample.patchlet),
            timetamps_deimos=reference,
            timestamps_s2=times,
            countries=np.array(sample.country),
        )
    return path
