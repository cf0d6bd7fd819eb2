"""Arrays of a .npz, those of texts and times too, which NumPy keeps as pickles; no pickle is run.

A pickled array names five things: what makes an empty array, the array type, a dtype, and the datetimes in it. Each is
answered here by a stand-in of our own that keeps its arguments; whatever else is named is refused before it is called.
Times and their zones are those that the EOPatch reader admits.
"""

import io
import pickle
import zipfile
import zlib
from datetime import datetime
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dione.base.errors import BadSource, NotFound, faults
from dione.sources.eopatches import unpickling

LARGEST = 1 << 28
"""Bytes of one array."""
MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
DAMAGED = (TokenError, SyntaxError, *unpickling.DAMAGED)
ADVICE = "only arrays, texts and times are read from pickles: write it again with no other object in it"


class Dtype(metaclass=unpickling.Fixed):
    """What a pickled dtype calls; only dtype object is of use."""

    def __init__(self, name: object = "", *_: object) -> None:
        self.name = str(name)

    def __setstate__(self, state: object) -> None:
        """Byte order and sizes do not matter to objects."""


class Array(metaclass=unpickling.Fixed):
    """What a pickled array fills with its shape and its values."""

    values: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, _, dtype, _, values = state
        if not isinstance(dtype, Dtype) or dtype.name not in ("O", "O8") or not isinstance(values, list):
            raise pickle.UnpicklingError("it holds an array that is not of objects")
        self.values = tuple(values)


class _Type(metaclass=unpickling.Fixed):
    """Stands for the type of arrays, which is named but never called."""


def _empty(*_: object) -> Array:
    return Array()


ADMITTED: dict[tuple[str, str], Any] = {
    **unpickling.TIMES,
    **{(module, "_reconstruct"): unpickling.Call(_empty) for module in MODULES},
    ("numpy", "ndarray"): _Type,
    ("numpy", "dtype"): Dtype,
}


def values(data: bytes, where: str) -> tuple[object, ...]:
    """What a pickled array of objects holds, in order; raises BadSource for anything but texts, numbers and times, or for damage."""
    found = unpickling.load(data, where, admitted=ADMITTED, advice=ADVICE)
    if not isinstance(found, Array) or not all(isinstance(each, datetime | str | int | float | None) for each in found.values):
        raise unpickling.refused(where, f"it holds {type(found).__name__}, not an array of times or texts", ADVICE)
    return found.values


def read(path: Path, needed: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """These arrays of a .npz; arrays of objects have one axis or none. Raises NotFound, or BadSource with everything that is wrong."""
    if not path.is_file():
        raise NotFound(f"no file {path}")
    found: dict[str, NDArray[Any]] = {}
    wrong: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive:
            members = {Path(name).stem: name for name in archive.namelist()}
            wrong = [f"no array '{name}'; found {sorted(members)}" for name in needed if name not in members]
            for name in needed:
                if name in members:
                    found[name] = _array(archive, members[name], f"{path}: '{name}'")
    except BadSource:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, NotImplementedError, RuntimeError, *DAMAGED) as error:
        raise BadSource(f"{path} is not a whole .npz file: {error or type(error).__name__}\nput a whole copy there") from error
    if wrong:
        raise BadSource(faults(f"{path} is not a sample of the older pipeline", wrong, f"needed the arrays {', '.join(needed)}"))
    return found


def _array(archive: zipfile.ZipFile, member: str, where: str) -> NDArray[Any]:
    """One array: plain ones by NumPy, arrays of objects by our own reader."""
    if archive.getinfo(member).file_size > LARGEST:
        raise BadSource(f"{where} has {archive.getinfo(member).file_size} bytes, more than {LARGEST}\nit was not read")
    data = io.BytesIO(archive.read(member))
    version = np.lib.format.read_magic(data)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(data)
    if not dtype.hasobject:
        if (promised := int(np.prod([int(side) for side in shape], dtype=object)) * dtype.itemsize) != (there := len(data.getbuffer()) - data.tell()):
            raise BadSource(f"{where} holds {there} bytes, its header promises {promised}\nthe file is damaged; put a whole copy there")
        data.seek(0)
        return np.asarray(np.lib.format.read_array(data, allow_pickle=False))
    held = values(data.read(), where)
    if len(shape) > 1 or len(held) != (shape[0] if shape else 1):
        raise BadSource(f"{where} says that it is of shape {shape} and holds {len(held)} values\nthe file is damaged; put a whole copy there")
    made = np.empty(len(held), object)
    made[:] = held
    return made if shape else made.reshape(())
