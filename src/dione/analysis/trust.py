"""Which pixels of a result are trusted: one rule for all that is worked out from them."""

from dataclasses import dataclass

import xarray as xr

from dione.base.errors import BadRecipe
from dione.prediction.files.form import LEARNED


@dataclass(frozen=True)
class Trust:
    """Valid, not too unsure in any band and, if wanted, not merely learned."""

    max_sigma: float = 0.05
    """Reflectance."""
    confirmed: bool = False
    """Leave out detail that no date confirms, too."""

    def of(self, stack: xr.Dataset) -> xr.DataArray:
        """(time, y, x) bool; lazy if the Stack is. A Stack without sigma is trusted where it is valid. Raises BadRecipe."""
        if self.max_sigma <= 0:
            raise BadRecipe(f"max_sigma is {self.max_sigma:g}, needs to be above 0 (reflectance, one standard deviation)")
        if self.confirmed and "support" not in stack:
            raise BadRecipe("there is no support map, so nothing tells what is confirmed\nleave `confirmed` out, or sharpen the series again")
        trusted = stack["valid"]
        if "sigma" in stack:
            trusted = trusted & (stack["sigma"] <= self.max_sigma).all("band")
        return trusted & (stack["support"] != LEARNED) if self.confirmed else trusted


TRUST = Trust()
