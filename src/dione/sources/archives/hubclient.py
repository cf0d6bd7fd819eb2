"""Sentinel Hub through sentinelhub-py (the extra `sentinelhub`): which passes there are, and pictures of them.

Credentials are those of a profile of sentinelhub-py, never of ours, and are never told. Its client keeps to the rate
that the account allows and repeats what a server failed to do; an answer that is cut short, or is no picture of the
size that was asked for, is asked for again here.
"""

import logging
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
import rasterio
import requests
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError

from dione.base.errors import BadSource, DioneError
from dione.sources.archives.hubpasses import Pass, grouped
from dione.sources.places import shown
from dione.sources.remote import clock, pace
from dione.sources.remote.httpfaults import lasts, plain
from dione.sources.remote.patience import Patience

log = logging.getLogger(__name__)
_defining = threading.Lock()
"""sentinelhub-py's table of collections takes one new one at a time."""

INSTALL = "pip install 'dione[sentinelhub]'"
COLLECTIONS = {"sentinel-2-l2a": "SENTINEL2_L2A", "sentinel-2-l1c": "SENTINEL2_L1C"}
BYOC = "byoc-"
NO_TOKEN = ("missing_token", "server_error", "temporarily_unavailable")
"""What is wrong with a server of tokens, not with who asks it."""
MOST_ITEMS, MOST_TIMES = 50_000, 3
"""Of a catalogue's answer, and how often one of them may come: pages may overlap, but have an end."""
CONFIGURE = "run `sentinelhub.config --profile NAME --sh_client_id ID --sh_client_secret SECRET`, or set SH_CLIENT_ID and SH_CLIENT_SECRET"


@dataclass(frozen=True)
class Hub:
    """An account and a collection. Nothing secret is kept in it: the profile is looked up when it is needed."""

    profile: str
    collection: str
    patience: Patience

    def passes(self, boxes: Sequence[tuple[float, float, float, float]], dates: tuple[str, str]) -> list[Pass]:
        """The passes over boxes (degrees) from the first to the last day, in order of time. Raises BadSource, DioneError."""
        hub, config = _package(), _config(self.profile, self.patience)
        fields = {"include": ["id", "properties.datetime", "properties.eo:cloud_cover", "properties.platform"], "exclude": []}

        def ask() -> list[dict[str, Any]]:
            pace.of(self.profile).wait(0)
            catalogue = hub.SentinelHubCatalog(config=config)
            catalogue.client = _client()(config=config)
            by_id: dict[str, dict[str, Any]] = {}
            for box in boxes:
                found = catalogue.search(self._data(config), bbox=hub.BBox(box, crs=hub.CRS.WGS84), time=dates, fields=fields)
                by_id |= {str(one.get("id")): one for one in _told(found)}
            return list(by_id.values())

        return grouped(self._patiently("its catalogue", ask))

    def picture(self, script: str, bands: int, seen: Pass, grid: GeoBox) -> NDArray[np.float32]:
        """What an evalscript makes of a pass on a grid, (bands, y, x). Raises BadSource that names the pass, DioneError."""
        hub, config = _package(), _config(self.profile, self.patience)
        epsg = grid.crs.to_epsg() if grid.crs else None
        request = hub.SentinelHubRequest(
            evalscript=script,
            input_data=[
                hub.SentinelHubRequest.input_data(
                    self._data(config),
                    time_interval=(seen.first - timedelta(seconds=1), seen.last + timedelta(seconds=1)),
                    other_args={} if self.collection.startswith(BYOC) else {"processing": {"harmonizeValues": True}},
                )
            ],
            responses=[hub.SentinelHubRequest.output_response("default", hub.MimeType.TIFF)],
            bbox=hub.BBox(tuple(grid.boundingbox.bbox), crs=hub.CRS(str(epsg))),
            size=(int(grid.shape[1]), int(grid.shape[0])),
            config=config,
        )
        request.download_client_class = _client()

        def ask() -> NDArray[np.float32]:
            pace.of(self.profile).wait(pace.cost(int(grid.shape[0]), int(grid.shape[1]), bands - 1))
            return decoded(request.get_data(decode_data=False)[0].content, (bands, int(grid.shape[0]), int(grid.shape[1])))

        return self._patiently(f"the picture of {seen.name}", ask)

    def _data(self, config: Any) -> Any:
        """The collection as sentinelhub-py knows it, on the service of the profile."""
        hub = _package()
        name = f"dione {self.collection} at {config.sh_base_url}"
        with _defining:
            if self.collection.startswith(BYOC):
                return hub.DataCollection.define_byoc(self.collection.removeprefix(BYOC), name=name, service_url=config.sh_base_url)
            return hub.DataCollection[COLLECTIONS[self.collection]].define_from(name, service_url=config.sh_base_url)

    def _patiently(self, what: str, ask: Callable[[], Any]) -> Any:
        """What is asked for, after some tries; errors say what it is and hold no secret."""
        from oauthlib.oauth2 import OAuth2Error

        hub, fault, renewed = _package(), "no answer", False
        for tried in range(self.patience.tries):
            began_s = time.monotonic()
            try:
                return ask()
            except Damaged as error:
                fault = str(error)
            except hub.exceptions.OutOfRequestsException as error:
                raise BadSource(f"Sentinel Hub: the account has used up its rate of requests for {what}\nwait, or take a smaller area") from error
            except hub.exceptions.DownloadFailedException as error:
                if renewed or getattr(getattr(error.request_exception, "response", None), "status_code", 0) != 401:
                    raise BadSource(self._refused(what, error.request_exception)) from error
                _client().forget(_config(self.profile, self.patience), began_s)
                fault, renewed = "its token does not hold any more", True
            except OAuth2Error as error:
                fault = self._without_token(error)
            except requests.RequestException as error:
                if lasts(error):
                    raise BadSource(f"Sentinel Hub does not give {what}: {plain(error)}") from error
                fault = plain(error) if error.response is None else f"HTTP {error.response.status_code}"
            log.info("Sentinel Hub, %s: %s; try %d of %d", what, fault, tried + 1, self.patience.tries)
            if tried + 1 < self.patience.tries:
                self.patience.wait(tried, 0)
        raise BadSource(f"Sentinel Hub does not give {what}: {fault}, after {self.patience.tries} tries\ntry again later")

    def _without_token(self, error: Any) -> str:
        """What is wrong with the server of tokens; raises BadSource where it is the profile that is wrong."""
        if error.error in NO_TOKEN:
            return f"sh_token_url of profile '{self.profile}' answers without a token ({error.error})"
        if error.error == "insecure_transport":
            raise BadSource(f"sh_token_url of profile '{self.profile}' needs https://, for credentials are sent to it\ncorrect it in the profile") from error
        raise BadSource(f"Sentinel Hub does not accept the credentials of profile '{self.profile}' ({error.error})\n{CONFIGURE}") from error

    def _refused(self, what: str, error: requests.RequestException | None) -> str:
        response = getattr(error, "response", None)
        if response is None:
            return f"Sentinel Hub does not give {what}: {plain(error) if error else 'the connection was lost'}\ntry again later"
        skew = clock.skew(response.headers.get("Date", ""))
        if response.status_code in (401, 403):
            refused = f"Sentinel Hub does not let profile '{self.profile}' have {what} (HTTP {response.status_code}): {_reason(response)}"
            return f"{refused}\n{skew or 'is the account still valid, and not used up? ' + CONFIGURE}"
        return f"Sentinel Hub does not give {what} (HTTP {response.status_code}): {_reason(response)}"


class Damaged(Exception):
    """An answer that is not what was asked for; another try may be."""


def decoded(content: bytes, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """The numbers of an answer; raises Damaged when it is no GeoTIFF of that shape and of floats."""
    try:
        with rasterio.MemoryFile(content) as memory, memory.open(driver="GTiff") as file:
            found: NDArray[Any] = file.read()
    except RasterioError as error:
        raise Damaged(f"an answer of {len(content)} bytes that is no whole GeoTIFF") from error
    if found.shape != shape or found.dtype != np.float32:
        raise Damaged(f"a picture of {found.dtype} {found.shape}, float32 {shape} was asked for")
    return found


def _told(found: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items of the catalogue's answers; raises Damaged for other answers, BadSource for a catalogue without an end."""
    times: Counter[str] = Counter()
    items = []
    try:
        for one in islice(found, MOST_ITEMS + 1):
            items.append(one)
            times[str(one.get("id"))] += "id" in one
            if times[str(one.get("id"))] > MOST_TIMES:
                raise BadSource(f"Sentinel Hub's catalogue pages for ever: it gives {shown(str(one['id']))} again and again\ntry again later")
    except (ValueError, LookupError, TypeError, AttributeError, _package().exceptions.MissingDataInRequestException) as error:
        raise Damaged("an answer that is no list of items") from error
    if len(items) > MOST_ITEMS:
        raise BadSource(f"Sentinel Hub's catalogue has more than {MOST_ITEMS} items there\nchoose a shorter period or a smaller area")
    return items


def _reason(response: requests.Response) -> str:
    """What the service says of it, in short."""
    try:
        told = response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return f"{shown(response.url)} gives no reason"
    return shown(str(told))[:200]


@lru_cache(1)
def _package() -> Any:
    try:
        import sentinelhub
        import sentinelhub.exceptions
    except ImportError as error:
        raise DioneError(f"Sentinel Hub is asked through sentinelhub-py, which is not installed ({error})\ninstall the extra: {INSTALL}") from error
    return sentinelhub


def _client() -> Any:
    from dione.sources.archives.hubpatience import Client

    return Client


def _config(profile: str, patience: Patience) -> Any:
    """The profile, with our patience; raises BadSource when there is none, or no credentials in it."""
    hub = _package()
    # It waits as long as it is told to; that it says so each time helps nobody.
    warnings.filterwarnings("ignore", category=hub.exceptions.SHRateLimitWarning)
    try:
        config = hub.SHConfig(profile or None)
    except KeyError as error:
        raise BadSource(f"sentinelhub-py has no profile '{profile}'\n{CONFIGURE}") from error
    if not (config.sh_client_id and config.sh_client_secret):
        raise BadSource(f"profile '{profile or 'default-profile'}' of sentinelhub-py holds no credentials\n{CONFIGURE}")
    config.max_download_attempts = config.max_retries = patience.tries
    config.download_sleep_time, config.download_timeout_seconds = patience.pause_s, 4 * patience.timeout_s
    return config
