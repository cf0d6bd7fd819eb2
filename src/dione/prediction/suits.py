"""Whether a network was made for what it is given: these bands, these pixels. Values are looked at by `dione.prepare.radiometry`."""

import xarray as xr

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.errors import BadModel, faults
from dione.nets.resolver import Resolver

FINER, COARSER = 2.5, 5.0
"""How many times smaller or larger pixels may be than those that a network was made for. The weights that ship saw 4.8 to 40 m."""


def check(resolver: Resolver, stack: xr.Dataset) -> None:
    """Raise BadModel, with everything that does not fit, where a network would invent: it has not learnt such input."""
    bands, wrong = tuple(map(str, stack["band"].values)), []
    if bands != resolver.bands:
        wrong.append(f"the series has the bands {', '.join(bands)}, the model was made for {', '.join(resolver.bands)}")
    size, made_for = grids.size_m(stacks.grid_of(stack)), resolver.about.gsd_m
    if size is not None and resolver.has_weights and not made_for / FINER <= size <= made_for * COARSER:
        wrong.append(f"its pixels are {size:.3g} m, the model was made for {made_for:g} m, give or take ({made_for / FINER:g} to {made_for * COARSER:g} m)")
    if wrong:
        raise BadModel(faults(f"{resolver.name} was not made for this series", wrong, "take another model, or bicubic, which has learnt nothing"))
