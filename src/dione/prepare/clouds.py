"""Validity from clouds and from values that no ground has; the classes themselves are in `dione.base.masks`."""

from typing import Any

import numpy as np
import xarray as xr

from dione.base import stack as stacks
from dione.base.errors import BadGrid
from dione.base.masks import HIGHEST, LOWEST, SCL, SCL_CLEAR, valid_from_clm, valid_from_scl

__all__ = ["HIGHEST", "LOWEST", "SCL", "SCL_CLEAR", "masked", "valid_from_clm", "valid_from_scl"]


def masked(stack: xr.Dataset, *, scl: Any = None, clm: Any = None) -> xr.Dataset:
    """The Stack, valid only where it was, where its values are possible, and where SCL and CLM (time, y, x) say clear.

    Values that are not finite become 0, so that no arithmetic with a mask lets them through. Lazy for a Stack of dask arrays (`stack.chunk()`).
    Raises BadGrid for a mask of another shape.
    """
    reflectance, valid = stack["reflectance"], stack["valid"]
    within = (reflectance >= LOWEST) & (reflectance <= HIGHEST)
    valid = valid & within.all("band")
    for name, mask, rule in (("SCL", scl, valid_from_scl), ("CLM", clm, valid_from_clm)):
        if mask is None:
            continue
        if np.shape(mask) != valid.shape:
            raise BadGrid(f"{name} has the shape {np.shape(mask)}, needs that of valid: {valid.shape} (time, y, x)")
        valid = valid & xr.apply_ufunc(rule, xr.DataArray(mask, dims=valid.dims), dask="parallelized", output_dtypes=[bool])
    finite = xr.where(np.isfinite(reflectance), reflectance, np.float32(0)).transpose(*stacks.DIMS["reflectance"])
    return stacks.check(stack.assign(reflectance=finite, valid=valid))
