"""How fast an account may be asked: so many requests and so much work a minute, and not more at once (a token bucket).

Sentinel Hub counts requests and processing units, both by the minute, and refuses what goes beyond (HTTP 429, which its
client waits for). Asked at the account's own pace, nothing is refused, and others on the account get their turn.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from dione.base.errors import BadSource

REQUESTS, UNITS = "DIONE_HUB_REQUESTS", "DIONE_HUB_UNITS"
USUAL = 300.0
"""Requests, and processing units, a minute: what small accounts have."""
BURST_S = 6.0
"""Seconds' worth of tokens that may be saved up."""
UNIT_PX, UNIT_BANDS, LEAST_PX = 512 * 512, 3, 64 * 64
"""A processing unit is 512 × 512 pixels of three bands; smaller pictures cost as 64 × 64 do."""
FLOAT32 = 2.0
"""What 32 bits cost, of 8 or 16."""


@dataclass
class Bucket:
    """Tokens that come back at a steady rate; in any minute a tenth more are given than come back."""

    per_minute: float
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.most = self.per_minute * BURST_S / 60
        self.left, self.at = self.most, self.now()

    def take(self, tokens: float) -> None:
        """Wait until so many are there, and take them; what is taken together is paid for together."""
        with self.guard:
            now = self.now()
            self.left, self.at = min(self.left + (now - self.at) * self.per_minute / 60, self.most), now
            self.left -= tokens
            wait_s = max(-self.left, 0) * 60 / self.per_minute
        if wait_s > 0:
            self.sleep(wait_s)


@dataclass(frozen=True)
class Pace:
    """Both buckets of an account."""

    requests: Bucket
    units: Bucket

    def wait(self, units: float) -> None:
        """Before a request that costs so many processing units."""
        self.requests.take(1)
        self.units.take(units)


@lru_cache
def of(account: str) -> Pace:
    """The pace of an account, one for all of this process. Raises BadSource for what is no number."""
    return Pace(Bucket(_told(REQUESTS)), Bucket(_told(UNITS)))


def cost(rows: int, columns: int, bands: int) -> float:
    """Processing units of a picture of floats; dataMask is free, and not among `bands`."""
    return max(rows * columns, LEAST_PX) / UNIT_PX * bands / UNIT_BANDS * FLOAT32


def _told(name: str) -> float:
    text = os.environ.get(name, "")
    try:
        number = float(text) if text else USUAL
    except ValueError:
        number = 0.0
    if not number > 0:
        raise BadSource(f"{name} is '{text}', needs how many a minute the account may have: a number above 0")
    return number
