"""How long to wait for somebody else's machine, and how often to ask it again."""

import os
import random
import time
from dataclasses import dataclass

from dione.base.errors import BadSource

LONGEST_PAUSE_S = 30.0
LONGEST_TIMEOUT_S = 86_400.0


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often to try; DIONE_HTTP_TIMEOUT and DIONE_HTTP_TRIES change them."""

    timeout_s: float = 30.0
    """For a connection, between two pieces of an answer, and four times that for all of it."""
    tries: int = 6
    pause_s: float = 0.5
    """After the first try; doubled after each, give or take half."""

    @classmethod
    def told(cls) -> "Patience":
        """As the environment says. Raises BadSource for what is no number."""
        try:
            timeout, tries = float(os.environ.get("DIONE_HTTP_TIMEOUT", cls.timeout_s)), int(os.environ.get("DIONE_HTTP_TRIES", cls.tries))
        except ValueError as error:
            raise BadSource(f"DIONE_HTTP_TIMEOUT (seconds) and DIONE_HTTP_TRIES need numbers: {error}") from error
        if not 0 < timeout < LONGEST_TIMEOUT_S:
            raise BadSource(f"DIONE_HTTP_TIMEOUT is {timeout:g}, needs seconds: a number above 0, e.g. {cls.timeout_s:g}")
        return cls(timeout, max(tries, 1), min(cls.pause_s, timeout))

    def wait(self, tried: int, asked_s: float) -> None:
        """Pause before the next try: as long as the server asked for, or else longer each time."""
        growing = self.pause_s * 2**tried * random.uniform(0.5, 1.5)
        time.sleep(min(max(growing, asked_s), LONGEST_PAUSE_S))


USUAL = Patience()
