"""The older pipeline's normalisation, its formulas and its files.

    Sentinel-2   ((reflectance − median) / deviation − p1) / (p99 − p1)      median and deviation of the country
    reference    (label − q1) / (q99 − q1)                                   label: the sensor's own normalised radiance

Band by band; p1 and p99 are percentiles of (reflectance − median) / deviation, q1 and q99 of the labels, over all
countries. Both come to lie on about 0 … 1, and are taken as the same quantity: what the older pipeline gave out was
turned back to reflectance by the inverse of the first, and so is a label.

    s2_norm_per_country.pq    country, mean_0 … 3, median_0 … 3, std_0 … 3
    s2_min_max_norm.npz       p1, p99
    deimos_min_max_norm.npz   p1, p99
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dione.base.bands import BANDS
from dione.base.errors import BadSource, NotFound, faults
from dione.base.storage import parquet
from dione.base.storage.files import whole
from dione.patches.older import objects
from dione.patches.store import Store
from dione.sources.places import shown

COUNTRIES, SENTINEL, REFERENCE = "s2_norm_per_country.pq", "s2_min_max_norm.npz", "deimos_min_max_norm.npz"
FILES = (COUNTRIES, SENTINEL, REFERENCE)
NOTED = "normalisation"
"""What a store says of itself: the tables that it was imported with."""
Array = NDArray[np.float64]
Numbers = NDArray[np.floating[Any]]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Four = tuple[Finite, Finite, Finite, Finite]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Moments(BaseModel):
    """Of Sentinel-2 in one country, reflectance, blue green red nir."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: Four
    median: Four
    std: tuple[Positive, Positive, Positive, Positive]


class Span(BaseModel):
    """1st and 99th percentile of each band."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    p1: Four
    p99: Four

    @model_validator(mode="after")
    def _ascends(self) -> "Span":
        if not all(low < high for low, high in zip(self.p1, self.p99, strict=True)):
            raise ValueError(f"p99 {self.p99} needs to be above p1 {self.p1} in every band")
        return self

    @property
    def low(self) -> Array:
        return np.array(self.p1)

    @property
    def width(self) -> Array:
        return np.array(self.p99) - np.array(self.p1)


class Tables(BaseModel):
    """All that the older pipeline normalises with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    countries: dict[str, Moments]
    sentinel: Span
    reference: Span

    def scaling(self, country: str) -> tuple[Array, Array]:
        """(centre, spread) of each band: Sentinel-2 normalised is (reflectance − centre) / spread. Raises NotFound."""
        if country not in self.countries:
            raise NotFound(f"no normalisation for the country '{country}'\nthere is one for {', '.join(sorted(self.countries))}")
        of = self.countries[country]
        return np.array(of.median) + np.array(of.std) * self.sentinel.low, np.array(of.std) * self.sentinel.width

    def normalised(self, reflectance: Numbers, country: str) -> Array:
        """Sentinel-2 (..., band) as the older network took it."""
        centre, spread = self.scaling(country)
        return np.asarray((reflectance - centre) / spread)

    def normalised_label(self, label: Numbers) -> Array:
        """A label (..., band) as the older network was compared with it."""
        return np.asarray((label - self.reference.low) / self.reference.width)

    def reflectance(self, label: Numbers, country: str) -> Array:
        """A label (..., band) as reflectance of Sentinel-2's."""
        centre, spread = self.scaling(country)
        return np.asarray(self.normalised_label(label) * spread + centre)

    def label(self, reflectance: Numbers, country: str) -> Array:
        """The label that `reflectance` gives this."""
        return np.asarray(self.normalised(reflectance, country) * self.reference.width + self.reference.low)


def read(folder: Path, place: str | Path | None = None) -> Tables:
    """The three files of a folder; raises NotFound with those that are missing, BadSource for what does not fit.

    place: where the folder's files are from, if it holds copies.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise NotFound(f"{shown(place or folder)} lacks {', '.join(missing)}\nneeded what the older pipeline normalised with, beside its samples")
    spans = {name: {key: array.tolist() for key, array in objects.read(folder / file, ("p1", "p99")).items()} for name, file in _SPANS.items()}
    return _checked({"countries": _moments(folder / COUNTRIES), **spans}, folder)


def of_store(store: Store) -> Tables | None:
    """Those that a store was imported with, if any; raises BadSource where they cannot be used."""
    return _checked(store.about[NOTED], store.path) if NOTED in store.about else None


def _checked(values: Any, where: object) -> Tables:
    try:
        return Tables.model_validate(values)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()}" for fault in error.errors()]
        raise BadSource(faults(f"the normalisation in {where} cannot be used", wrong, f"needed one number for each of {', '.join(BANDS)}")) from error


_SPANS = {"sentinel": SENTINEL, "reference": REFERENCE}


def _moments(path: Path) -> dict[str, Any]:
    rows = parquet.read(path, "table of countries", "put a whole copy there").to_pylist()
    try:
        return {row["country"]: {name: tuple(row[f"{name}_{band}"] for band in range(len(BANDS))) for name in Moments.model_fields} for row in rows}
    except KeyError as error:
        raise BadSource(f"{path} has no column {error}\nneeded country, and mean, median and std of bands 0 to 3: mean_0, …") from error


def write(folder: Path, tables: Tables) -> None:
    """The three files, as the older pipeline reads them."""
    rows = [
        {"country": country, **{f"{name}_{band}": value for name, four in moments.model_dump().items() for band, value in enumerate(four)}}
        for country, moments in tables.countries.items()
    ]
    parquet.write(folder / COUNTRIES, pa.Table.from_pylist(rows))
    for name, file in _SPANS.items():
        span: Span = getattr(tables, name)
        with whole(folder / file) as partial, open(partial, "wb") as opened:
            np.savez(opened, p1=np.array(span.p1), p99=np.array(span.p99))
