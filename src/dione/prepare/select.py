"""Which date to sharpen, and which dates to help it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Role = Literal["target", "support", "left out"]


@dataclass(frozen=True)
class DateUse:
    """What became of one date of a series, for one target."""

    day: str
    """YYYY-MM-DD."""
    item: str
    """What it was read from."""
    clear: float
    """Fraction of the area seen clear, 0–1."""
    role: Role
    reason: str
    """Why, in plain words: 'clear over 93 % of the area, 12 days from the target'."""


@dataclass(frozen=True)
class Choice:
    """One target and its supports, as positions in the Stack's time; supports from newest to oldest."""

    target: int
    supports: tuple[int, ...]
    dates: tuple[DateUse, ...]
    """Every date of the series, in its order."""

    @property
    def day(self) -> str:
        return self.dates[self.target].day

    @property
    def views(self) -> tuple[int, ...]:
        """Target first, then supports: the order that a network takes them in."""
        return (self.target, *self.supports)


def choose(stack: object, *, target: str = "latest", views: int = 8, max_cloud: float = 0.5, clear: Sequence[float] | None = None) -> list[Choice]:
    raise NotImplementedError
