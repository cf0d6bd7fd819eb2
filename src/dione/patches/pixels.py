"""The arrays of a patch store as they are read: damage becomes a BadSource that names the store."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from dione.base.errors import BadSource, NotFound
from dione.base.machine import shortage
from dione.patches.location import Location
from dione.sources import chunks
from dione.sources.places import faults_of_stores, shown

DAMAGE: tuple[type[Exception], ...] = (*chunks.DAMAGE, OSError)
ADVICE = "the store is damaged; make it again, or put a whole copy there"


@dataclass(frozen=True)
class Pixels:
    """One array on disk; slicing reads."""

    array: zarr.Array[Any]
    where: str

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.array.dtype)

    @property
    def shards(self) -> tuple[int, ...] | None:
        return self.array.shards

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """What the array holds there; raises BadSource."""
        try:
            return np.asarray(self.array[rows])
        except (*DAMAGE, *faults_of_stores()) as error:
            raise BadSource(f"{self.where} cannot be read: {_first(error)}\n{shortage.advice(error, ADVICE)}") from error


def opened(store: Location, group_name: str, names: tuple[str, ...]) -> dict[str, Pixels]:
    """These arrays of a group of a store; raises NotFound, BadSource."""
    path = f"{store}/{group_name}"
    if not store.has_folder(group_name):
        raise NotFound(f"{path} is not there\n{ADVICE}")
    found = {}
    try:
        group = store.group(group_name)
        for name in names:
            array = group[name]
            if not isinstance(array, zarr.Array):
                raise ValueError(f"'{name}' is no array")
            chunks.check(array, f"{path}: '{name}'")
            found[name] = Pixels(array, f"{path}: '{name}'")
    except (*DAMAGE, *faults_of_stores()) as error:
        raise BadSource(f"{path} cannot be read: {_first(error)}\n{shortage.advice(error, ADVICE)}") from error
    return found


def _first(error: Exception) -> str:
    return shown(str(error).splitlines()[0]) if str(error) else type(error).__name__
