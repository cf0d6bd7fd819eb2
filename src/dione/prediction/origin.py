"""How a result in memory remembers what it was made of, and by which model: the choice of dates, as JSON beside each time."""

import json

import numpy as np
import xarray as xr
from pydantic import TypeAdapter, ValidationError

from dione.base.errors import BadSource
from dione.prepare.select import Choice

NAME = "choice"
"""A coordinate of a result along its time."""
SEES, DOUBTS = "input_modulation", "input_doubts"
"""Attributes of a result whose input was brought to the sharpness that its model was made for: what it had left at Nyquist, and what is said of it."""
MODEL = ("model", "model_sha256")
"""Attributes of a result that stand beside each of its dates too: of results that were joined, the attributes tell the first one's alone."""
JSON = TypeAdapter(Choice)


def kept(sharp: xr.Dataset, choices: list[Choice]) -> xr.Dataset:
    """The result, whose attributes tell its model, with its choices."""
    model = {name: sharp.attrs[name] for name in MODEL}
    texts = [json.dumps(JSON.dump_python(choice, mode="json") | model, ensure_ascii=False) for choice in choices]
    return sharp.assign_coords({NAME: ("time", np.array(texts))})


def known(sharp: xr.Dataset) -> bool:
    """Whether this is a result that knows what it was made of; others hold pixels alone."""
    return NAME in sharp.coords and {"zoom", "model"} <= set(sharp.attrs)


def choices(sharp: xr.Dataset) -> list[Choice]:
    """One for each time. Raises BadSource if somebody changed them, or joined what several models made."""
    texts = [str(text) for text in sharp[NAME].values]
    try:
        found = [JSON.validate_json(text) for text in texts]
    except ValidationError as error:
        raise BadSource(f"the result does not say what it was made of: its '{NAME}' is damaged\npredict it again") from error
    models = [json.loads(text) for text in texts]
    if strangers := {str(told["model"]) for told in models if any(told.get(name, sharp.attrs[name]) != sharp.attrs[name] for name in MODEL)}:
        raise BadSource(
            f"the result says that {sharp.attrs['model']} made it, but dates of it were made by {', '.join(sorted(strangers))}: results of several models were joined\n"
            "save each by itself, as it came from dione.predict, in a folder of its own"
        )
    return found
