"""How a result in memory remembers what it was made of: the choice of dates, as JSON beside each time."""

import numpy as np
import xarray as xr
from pydantic import TypeAdapter, ValidationError

from dione.base.errors import BadSource
from dione.prepare.select import Choice

NAME = "choice"
"""A coordinate of a result along its time."""
SEES, DOUBTS = "input_modulation", "input_doubts"
"""Attributes of a result whose input was brought to the sharpness that its model was made for: what it had left at Nyquist, and what is said of it."""
JSON = TypeAdapter(Choice)


def kept(sharp: xr.Dataset, choices: list[Choice]) -> xr.Dataset:
    """The result with its choices."""
    return sharp.assign_coords({NAME: ("time", np.array([JSON.dump_json(choice).decode() for choice in choices]))})


def known(sharp: xr.Dataset) -> bool:
    """Whether this is a result that knows what it was made of; others hold pixels alone."""
    return NAME in sharp.coords and {"zoom", "model"} <= set(sharp.attrs)


def choices(sharp: xr.Dataset) -> list[Choice]:
    """One for each time. Raises BadSource if somebody changed them."""
    try:
        return [JSON.validate_json(str(text)) for text in sharp[NAME].values]
    except ValidationError as error:
        raise BadSource(f"the result does not say what it was made of: its '{NAME}' is damaged\npredict it again") from error
