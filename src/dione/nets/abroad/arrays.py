"""A Resolver on arrays of other libraries: NumPy, or whatever speaks DLPack (PyTorch, JAX, CuPy)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from dione.base.errors import BadBands, faults


def tensor(array: Any) -> Tensor:
    """The same memory as a tensor, where that can be."""
    if isinstance(array, Tensor):
        return array
    if isinstance(array, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(array) if array.flags.writeable else array.copy())
    made: Tensor = torch.from_dlpack(array)
    return made


def checked(lr: Any, valid: Any, bands: int) -> tuple[Tensor, Tensor]:
    """lr (b, t, band, y, x) float32 and valid (b, t, y, x) bool; a batch of one is made if there is none. Raises BadBands with every fault."""
    x = tensor(lr)
    if x.ndim not in (4, 5):
        raise BadBands(f"lr has {x.ndim} axes, needs (date, band, y, x) or (batch, date, band, y, x), reflectance, 1.0 = 100 %")
    seen = torch.isfinite(x).all(-3) if valid is None else tensor(valid).bool()
    x, seen = (part[None] if part.ndim == whole - 1 else part for part, whole in ((x, 5), (seen, 4)))
    wrong = [f"lr has {x.shape[-3]} bands, needs {bands}"] * (x.shape[-3] != bands)
    wrong += [f"lr is {x.dtype}, needs reflectance as floats, 1.0 = 100 %"] * (not x.is_floating_point())
    wrong += [f"valid is {tuple(seen.shape)}, needs lr's shape without bands"] * (tuple(seen.shape) != (*x.shape[:2], *x.shape[3:]))
    wrong += ["lr is empty"] * (0 in x.shape)
    if wrong:
        raise BadBands(faults("these arrays cannot be resolved", wrong, "see dione.Resolver.resolve"))
    return x.float(), seen


def like(made: Tensor, given: Any, *, batched: bool) -> Any:
    """NumPy for NumPy, a tensor (which speaks DLPack) for all else; without the batch if none was given."""
    made = made if batched else made[0]
    return made.numpy() if isinstance(given, np.ndarray) else made
