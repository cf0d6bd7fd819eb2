"""Whether a network was made for what it is given: these bands, these pixels. Values are looked at by `dione.prepare.radiometry`."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.base.errors import BadModel, BadRecipe, faults
from dione.nets.resolver import Resolver
from dione.prepare import sharpness

FINER, COARSER = 2.5, 5.0
"""How many times smaller or larger pixels may be than those that a network was made for. The weights that ship saw 4.8 to 40 m."""
SENSORS = (0.05, 0.63)
"""The modulation that a sensor can have left at Nyquist: less is none, more is sharper than plain averages of finer pixels."""
AS_GIVEN = (0.6, 1.8)
"""Times the modulation that a network was made for, within which its input is left as it is: single dates of Sentinel-2's own blur are measured as far off."""
BELIEVED = (0.6, 1.5)
"""Times the same: what is believed of input that is measured to be outside. Most of what can be gained is by then; where it only looks so, little is lost."""


def seeing(resolver: Resolver, stack: xr.Dataset, dates: tuple[int, ...], modulation: float | None = None) -> Resolver:
    """The same, told what these dates of a Stack have left at Nyquist, measured or as said: what is sharper or softer than it was made for, it brings there.

    Raises BadRecipe for a modulation that no sensor has, or that is told to a model which takes any input as it is.
    """
    if modulation is not None and not SENSORS[0] <= modulation <= SENSORS[1]:
        raise BadRecipe(f"modulation is {modulation:g}, needs {SENSORS[0]:g} to {SENSORS[1]:g}; leave it out to have it measured")
    made_for = resolver.about.modulation
    if made_for is None and modulation is not None:
        raise BadRecipe(f"modulation decides nothing for {resolver.name}, which does not know what sharpness it was made for; leave it out")
    if made_for is None:
        return resolver
    if modulation is not None:
        return resolver if AS_GIVEN[0] <= modulation / made_for <= AS_GIVEN[1] else replace(resolver, sees=modulation)
    measured = sharpness.modulation(stack, dates)
    side = None if measured is None else outside(measured / made_for)
    return resolver if side is None else replace(resolver, sees=BELIEVED[side] * made_for)


def outside(found: NDArray[np.float32]) -> int | None:
    """Of times the modulation that a network was made for, by band: 0 if they are softer than what is left as it is, 1 if sharper, else None.

    All have to be sharper: land that is speckled looks sharper than it was seen, seldom in every band.
    """
    found = found[np.isfinite(found)]
    if not found.size:
        return None
    return 1 if found.min() > AS_GIVEN[1] else 0 if np.median(found) < AS_GIVEN[0] else None


def doubts(resolver: Resolver) -> Iterator[str]:
    """What a person has to be told of the input."""
    made_for = resolver.about.modulation
    if resolver.sees and made_for:
        how, why, done = SHARPER if resolver.sees > made_for else SOFTER
        yield (
            f"the input is {how} than Sentinel-2's own pixels; {why}? It was {done} before, as if {resolver.sees:.2g} of the modulation "
            f"were left at the Nyquist frequency, where the model was made for {made_for:g}; if you know better, say so with --modulation"
        )


SHARPER = ("sharper", "averaged from finer pixels, or resampled by the nearest", "softened")
SOFTER = ("softer", "resampled by interpolation", "sharpened, and its noise with it,")


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
