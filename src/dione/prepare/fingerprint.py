"""What tells one Stack from another: a hash."""

import hashlib

import xarray as xr

from dione.base import stack as stacks
from dione.base import when
from dione.base.windows import lattice
from dione.prepare.area import sample

WHOLE_PX = 8e6
"""Pixels of all dates together that are all looked at: eight dates of 10 × 10 km."""
SIDE_PX = 512
"""Looked at at a time."""


def of(stack: xr.Dataset) -> str:
    """Of dates, items, grid and pixels, of a large scene a sample and the versions of its files: the same input gives the same.

    An archive tells by itself which version of its files they are (the attribute `identity`); no pixel is fetched for it
    as long as they are still to be read, so that nobody can have changed them.
    """
    facts = when.days(stack), stack["item"].values.tolist(), tuple(stacks.grid_of(stack).affine), stack["reflectance"].shape
    digest = hashlib.sha256(repr(facts).encode())
    if "inside" in stack.coords:
        digest.update(stack["inside"].values.tobytes())
    lazy = all(not stack[name].variable._in_memory and stack[name].chunks is None for name in stacks.DIMS)
    if lazy and (identity := stack.attrs.get("identity")):
        digest.update(str(identity).encode())
        return digest.hexdigest()
    shape = stack.sizes["y"], stack.sizes["x"]
    whole = stack["valid"].size <= WHOLE_PX
    digest.update(b"" if whole else str(stack.encoding.get(stacks.VERSIONS)).encode())
    for window in lattice(shape, SIDE_PX) if whole else sample(shape, side=64, count=3):
        rows, columns = window.slices
        part = stack[["reflectance", "valid"]].isel(y=rows, x=columns).compute()
        digest.update(part["reflectance"].values.tobytes() + part["valid"].values.tobytes())
    return digest.hexdigest()
