"""Which patches are for training, validation and test: by place, never by patch, and written as a column."""

import hashlib
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt


class SplitRule(BaseModel):
    """Test sites are named; validation places are drawn from the rest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    test: tuple[str, ...] = ()
    """Sites kept out of training altogether."""
    validation: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Fraction of the remaining places."""
    block_px: PositiveInt = 48
    """Large scenes are split by squares of about this many coarse pixels, each a place of its own; of the coarsest table where several show a scene."""
    gap_px: NonNegativeInt = 2
    """Coarse pixels left out between them."""
    seed: int = 0

    def of(self, site: str, place: str) -> str:
        """'train', 'validation' or 'test'; the same place always gets the same answer."""
        if site in self.test:
            return "test"
        drawn = int.from_bytes(hashlib.sha256(f"{self.seed}/{site}/{place}".encode()).digest()[:8], "big") / 2**64
        return "validation" if drawn < self.validation else "train"
