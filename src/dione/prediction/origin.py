"""How a result in memory remembers what it was made of, and by which model: the choice of dates, as JSON beside each time."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from pydantic import TypeAdapter, ValidationError

from dione.base.errors import BadSource
from dione.prepare.select import Choice

NAME = "choice"
"""A coordinate of a result along its time."""
SEES, DOUBTS = "input_modulation", "input_doubts"
"""Attributes of a result whose input was brought to the sharpness that its model was made for: what it had left at Nyquist, and what is said of it."""


@dataclass(frozen=True)
class Made(Choice):
    """A choice and the model that it was made by: of results that were joined, the attributes tell the first one's model alone."""

    model: str = ""
    """Empty where nobody wrote it down."""
    model_sha256: str = ""


JSON = TypeAdapter(Made)


def kept(sharp: xr.Dataset, choices: list[Choice]) -> xr.Dataset:
    """The result, whose attributes tell its model, with its choices."""
    made = [Made(**vars(choice), model=sharp.attrs["model"], model_sha256=sharp.attrs["model_sha256"]) for choice in choices]
    return sharp.assign_coords({NAME: ("time", np.array([JSON.dump_json(one).decode() for one in made]))})


def known(sharp: xr.Dataset) -> bool:
    """Whether this is a result that knows what it was made of; others hold pixels alone."""
    return NAME in sharp.coords and {"zoom", "model"} <= set(sharp.attrs)


def choices(sharp: xr.Dataset) -> list[Made]:
    """One for each time. Raises BadSource if somebody changed them, or joined what several models made."""
    try:
        found = [JSON.validate_json(str(text)) for text in sharp[NAME].values]
    except ValidationError as error:
        raise BadSource(f"the result does not say what it was made of: its '{NAME}' is damaged\npredict it again") from error
    told = sharp.attrs["model"], sharp.attrs.get("model_sha256", "")
    if strangers := {one.model for one in found if one.model and (one.model, one.model_sha256) != told}:
        raise BadSource(
            f"the result says that {told[0]} made it, but dates of it were made by {', '.join(sorted(strangers))}: results of several models were joined\n"
            "save each by itself, as it came from dione.predict, in a folder of its own"
        )
    return found
