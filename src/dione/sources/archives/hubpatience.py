"""How long sentinelhub-py may wait: for a token no longer than for anything else, and after a 429 for minutes at the most.

Left to itself it waits for a token as long as the server keeps silent, for as long as a 429 says (of a quota that is used
up: weeks), and takes a Retry-After that is no whole number for a fault of its own. Imported when the extra is there alone.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any

from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session
from sentinelhub import SentinelHubDownloadClient, SentinelHubSession, SHConfig
from sentinelhub.download.rate_limit import SentinelHubRateLimit

from dione.base.errors import BadSource

LONGEST_PAUSE_S = 600.0
"""Rates are by the minute, quotas by the month."""
_logging_in = threading.Lock()
"""Threads that need a token at the same time share one."""


class Session(SentinelHubSession):
    """Who holds the token."""

    made_s = 0.0
    """When its token came, by the clock of `time.monotonic`."""

    def _collect_new_token(self) -> dict[str, Any]:
        with OAuth2Session(client=BackendApplicationClient(client_id=self.config.sh_client_id)) as oauth:
            oauth.register_compliance_hook("access_token_response", self._compliance_hook)
            token: dict[str, Any] = oauth.fetch_token(
                token_url=self.config.sh_token_url,
                client_secret=self.config.sh_client_secret,
                include_client_id=True,
                timeout=self.config.download_timeout_seconds,
            )
        self.made_s = time.monotonic()
        return {"expires_at": time.time()} | token  # one that does not say how long it holds is renewed each time


class Rate(SentinelHubRateLimit):
    """When the next request may go out."""

    def update(self, headers: Mapping[str, str], *, default: float) -> None:
        """After a 429, whose Retry-After counts milliseconds. Raises BadSource for one that is no pause but the end."""
        asked = headers.get(self.RETRY_HEADER, "")
        pause_ms = float(asked) if asked.isdecimal() else default
        if pause_ms > LONGEST_PAUSE_S * 1000:
            hours = pause_ms / 3.6e6
            raise BadSource(f"Sentinel Hub: the account has used up what it may ask for, and is to wait {hours:.1f} hours\ntake another account, or wait")
        super().update({self.RETRY_HEADER: int(pause_ms)}, default=default)


class Client(SentinelHubDownloadClient):
    """The client, with both."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.rate_limit = Rate(num_processes=self.config.number_of_download_processes)

    def get_session(self) -> SentinelHubSession:
        """The one of this account, for all requests of this process."""
        key = self._get_cache_key(self.config)
        with _logging_in:
            if not self._CACHED_SESSIONS.keys() & {key, self._UNIVERSAL_CACHE_KEY}:
                self._CACHED_SESSIONS[key] = Session(config=self.config)
        return super().get_session()

    @classmethod
    def forget(cls, config: SHConfig, before_s: float) -> None:
        """Let go of an account's token that came before a moment (`time.monotonic`), which the service may have taken back: the next request asks for another."""
        key = cls._get_cache_key(config)
        held = cls._CACHED_SESSIONS.get(key)
        if isinstance(held, Session) and held.made_s < before_s:
            cls._CACHED_SESSIONS.pop(key, None)
