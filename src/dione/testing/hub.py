"""A made-up Sentinel Hub on this machine: tokens, a catalogue, and pictures computed from the request itself.

Its landscape is a formula of place and day, so that whoever asks knows what has to come. What was asked is kept.
"""

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_bounds

from dione.testing.serving import Quiet, Serving

BANDS = {"B02": 0.04, "B03": 0.06, "B04": 0.05, "B08": 0.30}
HANG_S = 3.0
PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)
Fault = Callable[[int], str]
"""For the number of a picture's request: '' or 'limit', 'fail', 'hang', 'cut', 'png', 'small', 'bytes', 'refused', 'wrong'."""


def ground(x: NDArray[np.float64], y: NDArray[np.float64], day: int, band: str) -> NDArray[np.float32]:
    """Reflectance of a band at places in metres, on a day of the month."""
    return (BANDS[band] + 0.001 * day + 0.02 * np.sin(x / 80) * np.cos(y / 110)).astype(np.float32)


def cloud(x: NDArray[np.float64], y: NDArray[np.float64], day: int) -> NDArray[np.bool_]:
    """Where a cloud stands that day."""
    return np.asarray(np.sin(x / 900 + day) > 0.8)


class MadeHub(Serving):
    """The server, and what it was asked."""

    def __init__(self) -> None:
        self.secret = "verysecret"
        self.token = f"token-{self.secret}"
        """The one that is given, and accepted."""
        self.features: list[dict[str, Any]] = []
        self.fault: Fault = lambda number: ""
        self.instead: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        """Status, body and headers with which all requests of 'token', 'search' or 'process' are answered; by the status 0 after HANG_S."""
        self.asked: list[dict[str, Any]] = []
        """Requests of pictures."""
        self.tokens = 0
        super().__init__(Handler)

    def add(self, start: str, *tiles: str, cloud: float = 0.0) -> None:
        """A pass that starts at '20240503T105031', seen on tiles."""
        for minute, tile in enumerate(tiles):
            moment = f"{start[:4]}-{start[4:6]}-{start[6:8]}T{start[9:11]}:{start[11:13]}:{int(start[13:]) + minute:02}Z"
            name = f"S2A_MSIL2A_{start}_N0510_R051_T{tile}_{start}.SAFE"
            self.features.append({"type": "Feature", "id": name, "properties": {"datetime": moment, "eo:cloud_cover": cloud, "platform": "sentinel-2a"}})


class Handler(Quiet):
    """Answers one request."""

    service: MadeHub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if instead := self.service.instead.get(self.path.rpartition("/")[2]):
            status, answer, headers = instead
            if not status:
                time.sleep(HANG_S)
            return self._send(answer, status or 503, headers)
        if self.path.endswith("/token"):
            return self._token(body.decode())
        if self.headers.get("Authorization") != f"Bearer {self.service.token}":
            return self._send(json.dumps({"error": {"message": "no token"}}).encode(), 401)
        asked = json.loads(body)
        if self.path.endswith("/search"):
            start, end = asked["datetime"].split("/")
            found = [one for one in self.service.features if start <= one["properties"]["datetime"] <= end]
            return self._send(json.dumps({"type": "FeatureCollection", "features": found, "context": {}}).encode())
        return self._process(asked)

    def _token(self, body: str) -> None:
        told = parse_qs(body)
        self.service.tokens += 1
        if told.get("client_secret") != [self.service.secret]:
            return self._send(json.dumps({"error": "invalid_client", "error_description": "no"}).encode(), 401)
        answer = {"access_token": self.service.token, "expires_in": 3600, "expires_at": time.time() + 3600, "token_type": "Bearer"}
        return self._send(json.dumps(answer).encode())

    def _process(self, asked: dict[str, Any]) -> None:
        with self.service.guard:
            self.service.asked.append(asked)
            fault = self.service.fault(len(self.service.asked))
        if fault == "limit":
            return self._send(b"{}", 429, {"Retry-After": "20"})
        if fault in ("fail", "refused", "wrong"):
            message = json.dumps({"error": {"message": f"script is wrong at {self.service.url}?token=verysecret"}}).encode()
            return self._send(message, {"fail": 500, "refused": 403, "wrong": 400}[fault])
        if fault == "hang":
            time.sleep(HANG_S)
        picture = compute(asked)
        if fault == "small":
            picture = picture[:, 1:]
        if fault == "bytes":
            picture = (picture * 100).astype(np.uint8)
        data = PNG if fault == "png" else _encoded(picture)
        return self._send(data[: len(data) // 2] if fault == "cut" else data, kind="image/tiff")

    def _send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None, kind: str = "application/json") -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # who asked has given up
            self.wfile.write(body)


def compute(asked: dict[str, Any]) -> NDArray[np.float32]:
    """The picture (bands, y, x) that a request asks for: only what its evalscript declares is there."""
    left, bottom, right, top = asked["input"]["bounds"]["bbox"]
    columns, rows = asked["output"]["width"], asked["output"]["height"]
    day = int(asked["input"]["data"][0]["dataFilter"]["timeRange"]["from"][8:10])
    x, y = np.meshgrid(left + (np.arange(columns) + 0.5) * (right - left) / columns, top - (np.arange(rows) + 0.5) * (top - bottom) / rows)
    declared = json.loads(re.findall(r"bands: (\[.*?\])", asked["evalscript"])[0])
    bands = [band for band in declared if band in BANDS]
    layers = [ground(x, y, day, band) for band in bands]
    if "B" in declared:  # a collection of one's own, in numbers of 16 bits
        layers = [ground(x, y, day, band) * np.float32(10000) for band in BANDS]
        if "PAN" in declared:
            pan = np.float32(2) * np.mean(layers, axis=0)
            layers = [np.float32(4) * pan * layer / np.sum(layers, axis=0) for layer in layers]
        scale = float(re.findall(r"const k = ([-+.e\d]+)", asked["evalscript"])[0])
        layers = [layer * np.float32(scale) for layer in layers]
    masks = {"dataMask": (x > left - 1).astype(np.float32), "CLM": cloud(x, y, day).astype(np.float32), "CLP": np.zeros(x.shape, np.float32)}
    layers += [masks[band] for band in declared if band in masks]
    return np.stack(layers).astype(np.float32)


def _encoded(picture: NDArray[Any]) -> bytes:
    count, rows, columns = picture.shape
    place = from_bounds(0, 0, columns, rows, columns, rows)
    profile: dict[str, Any] = dict(driver="GTiff", count=count, height=rows, width=columns, dtype=picture.dtype, crs="EPSG:32631", transform=place)
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(picture)
        return bytes(memory.read())
