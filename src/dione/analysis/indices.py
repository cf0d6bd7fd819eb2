"""Spectral indices with their uncertainty.

The formulas are those of Awesome Spectral Indices (Montero et al. 2023, Scientific Data 10, 197), by spyndex. The
uncertainty is carried along by the delta method (JCGM 100:2008, "GUM", 5.1.2 and 5.2.2):

    σ² = Σ_i Σ_j ρ_ij (∂f/∂x_i σ_i) (∂f/∂x_j σ_j)

with ρ = 1 on the diagonal and one correlation of the bands' errors beside it, by default 0. Errors of sharpened red and
near infrared are of opposite sign along vegetation's edge (σ of NDVI is then larger, at most by √2) and of one sign on
built-up ground (smaller). Derivatives are central differences. First order: where σ is a good part of a denominator,
draw instead (tests/analysis holds both against one another).
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np
import xarray as xr

from dione.analysis.trust import TRUST, Trust
from dione.base import stack as stacks
from dione.base.errors import BadBands, BadRecipe, NotFound

LETTERS = {"B": "blue", "G": "green", "R": "red", "N": "nir"}
"""What spyndex calls our bands."""
STEP = 1e-6
"""Reflectance, of a central difference in float64: far below a digital number, so that no denominator changes its sign in between."""


def indices(stack: xr.Dataset, *names: str, trust: Trust = TRUST, band_correlation: float = 0.0, **constants: float) -> xr.Dataset:
    """Indices of a Stack: NAME (time, y, x) float32, and NAME_sigma, one standard deviation, if the Stack has sigma; NaN where not trusted.

    names: as spyndex lists them (NDVI, NDWI, SAVI, ...). band_correlation: of the bands' errors, 0 to 1.
    constants: of the formulas, where not spyndex's own are wanted: L=0.5 for SAVI, whose default there is 1.
    Lazy if the Stack is made of dask arrays.
    Raises NotAStack, NotFound (no such index), BadBands (one that needs other bands), BadRecipe.
    """
    stacks.check(stack)
    if not names or not 0 <= band_correlation <= 1:
        raise BadRecipe(f"{len(names)} indices with a correlation of {band_correlation:g}; needs at least one, and 0 to 1")
    seen = trust.of(stack)
    made: dict[str, xr.DataArray] = {}
    for name in names:
        given = parameters(name, constants)
        bands = {letter: stack["reflectance"].sel(band=LETTERS[letter], drop=True) for letter in LETTERS if letter in given}
        made[name] = _plain(_value(name, given | bands), stack).where(seen).assign_attrs(_words(name))
        if "sigma" in stack:
            sigma = _plain(_sigma(name, given | bands, bands, stack["sigma"], band_correlation), stack).where(seen)
            made[f"{name}_sigma"] = sigma.assign_attrs(long_name=f"1σ of {name}", units="1")
    return xr.Dataset(made, attrs={**stack.attrs, "trusted": f"sigma up to {trust.max_sigma:g}{', confirmed' if trust.confirmed else ''}"})


def parameters(name: str, constants: Mapping[str, float]) -> dict[str, Any]:
    """What a formula takes: None for each of our bands, a number for each constant. Raises NotFound, BadBands, BadRecipe."""
    import spyndex

    if name not in spyndex.indices:
        close = get_close_matches(name.upper(), list(spyndex.indices), 3)
        raise NotFound(
            f"no index '{name}'{f'; near are {chr(44).join(close)}' if close else ''}\nthey are listed at https://awesome-ee-spectral-indices.readthedocs.io"
        )
    needed = spyndex.indices[name].bands
    known = {constant: constants.get(constant, spyndex.constants[constant].default) for constant in needed if constant in spyndex.constants}
    missing = [letter for letter in needed if letter not in LETTERS and known.get(letter) is None]
    if missing:
        raise BadBands(
            f"{name} needs {', '.join(needed)}, of which {', '.join(missing)} is not there\nsharpened are B, G, R and N; a constant can be given by name"
        )
    if unknown := sorted(constants.keys() - set(spyndex.constants)):
        trusting = (
            "\nwhat is trusted is told by trust=dione.analysis.trust.Trust(max_sigma=0.1, confirmed=True)" if {"max_sigma", "confirmed"} & {*unknown} else ""
        )
        raise BadRecipe(f"{', '.join(unknown)} is no constant of any index; {name} takes {', '.join(known) or 'none'}{trusting}")
    return {letter: known.get(letter) for letter in needed}


def _words(name: str) -> dict[str, str]:
    """What axes of plots are called, and netCDF tells (CF conventions)."""
    import spyndex

    return {"long_name": spyndex.indices[name].long_name, "units": "1"}


def _value(name: str, given: Mapping[str, Any]) -> Any:
    """Of dask arrays chunk by chunk, later: a denominator of zero is no news then either."""
    import spyndex

    bands = {letter: values for letter, values in given.items() if isinstance(values, xr.DataArray)}

    def formula(*values: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return spyndex.computeIndex(name, {**given, **dict(zip(bands, values, strict=True))})

    return xr.apply_ufunc(formula, *bands.values(), dask="parallelized", output_dtypes=[np.result_type(*(values.dtype for values in bands.values()))])


def _sigma(name: str, given: Mapping[str, Any], bands: Mapping[str, xr.DataArray], sigma: xr.DataArray, correlation: float) -> Any:
    """Of equal correlation ρ: σ² = (1 − ρ) Σ (g σ)² + ρ (Σ g σ)²."""
    terms = []
    exact = {letter: values.astype(np.float64) for letter, values in bands.items()}
    for letter, values in exact.items():
        up, down = (_value(name, {**given, **exact, letter: values + step}) for step in (STEP, -STEP))
        terms.append((up - down) / (2 * STEP) * sigma.sel(band=LETTERS[letter], drop=True))
    squares, total = sum(term**2 for term in terms), sum(terms)
    return ((1 - correlation) * squares + correlation * total**2) ** 0.5


def _plain(values: Any, stack: xr.Dataset) -> xr.DataArray:
    """float32 (time, y, x); what is not finite, of a denominator of zero, is NaN."""
    made = xr.DataArray(values).transpose("time", "y", "x").astype(np.float32)
    return made.where(np.isfinite(made)).assign_coords(spatial_ref=stack["spatial_ref"])
