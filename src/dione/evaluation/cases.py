"""What is scored: images whose truth is known, and what each model made of them."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from dione.nets.resolver import Resolver

REFERENCE = "bicubic"
"""What gain and added detail are counted from; always among the models."""
LEAST_SEEN = 0.5
"""An image is scored if the target saw at least this fraction of it."""

Models = Mapping[str, Resolver]


@dataclass(frozen=True)
class Made:
    """What one model gave; reflectance."""

    sr: Float[Tensor, "b c y x"]
    sigma: Float[Tensor, "b c y x"]


@dataclass(frozen=True)
class Cases:
    """Images of one size, each from the same number of dates."""

    keys: dict[str, NDArray[np.generic]]
    """(b,) each: patch, site, place, sensor, day, dates, and hidden, the mean fraction of its dates that clouds hide."""
    lr: Float[Tensor, "b c h w"]
    """The target date."""
    hr: Float[Tensor, "b c y x"]
    seen: Bool[Tensor, "b y x"]
    """Where to score."""
    made: Mapping[str, Made]
    """By model."""


@runtime_checkable
class Source(Protocol):
    """Where cases come from: a patch store, or a series brought down."""

    @property
    def facts(self) -> dict[str, object]:
        """What it is, for the report."""
        ...

    @property
    def most_dates(self) -> int:
        """How many there are to use."""
        ...

    @property
    def most_patches(self) -> int:
        """How many there are to score, those left out for clouds among them."""
        ...

    def cases(self, models: Models, dates: int, *, only: Set[str] | None = None) -> Iterator[Cases]:
        """All cases (or those patches) from at most so many dates, a batch at a time."""
        ...


def scored(valid: Bool[Tensor, "b h w"], *, zoom: int, border: int) -> Bool[Tensor, "b y x"]:
    """Fine pixels to score: seen by the target, not beside what it did not see, not within `border` coarse pixels of the edge.

    Beside a hidden pixel interpolation is told of what it must not know; there nothing is scored.
    """
    hidden = F.max_pool2d((~valid)[:, None].float(), 3, stride=1, padding=1)[:, 0] > 0
    inside = torch.zeros_like(valid)
    inside[:, border : valid.shape[1] - border, border : valid.shape[2] - border] = True
    return (inside & ~hidden).repeat_interleave(zoom, 1).repeat_interleave(zoom, 2)


def enough(valid: Bool[Tensor, "b h w"], seen: Bool[Tensor, "b y x"]) -> Bool[Tensor, " b"]:
    """Which images are scored: the target saw LEAST_SEEN of them, and something is left to score."""
    return (valid.float().mean((1, 2)) >= LEAST_SEEN) & seen.any(-1).any(-1)
