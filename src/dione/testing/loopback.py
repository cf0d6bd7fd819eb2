"""A server on this machine alone: a STAC API with pages, files with ranges, signatures, and faults on purpose.

with Loopback(folder) as server:
    server.items.append(item(product, server.hrefs(files)))
    dione.open(f"stac:{server.url}#sentinel-2-l2a", area=...)
    server.sent              # bytes of files that went out
"""

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import md5
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shapely.geometry import box, shape

from dione.testing.serving import Quiet, Serving

Fault = Callable[[str, int], str]
"""From path and number of a request of a file: '' for none, 'fail', 'cut', 'hang', 'other' (bytes), 'whole', 'missing', 'refused', 'drip', or an address to redirect to."""

HANG_S = 4.0
DROPS, DROP_S = 100, 0.05
RETRY_AFTER_S = 20


class Loopback(Serving):
    """The server, and what it was asked."""

    def __init__(self, folder: Path, *, page: int = 2) -> None:
        self.folder, self.page = folder, page
        self.items: list[dict[str, Any]] = []
        self.collections = ["sentinel-2-l2a", "sentinel-2-c1-l2a", "sentinel-2-l1c"]
        self.fault: Fault = lambda path, number: ""
        self.refuse: Callable[[], str] = lambda: ""
        """A status for the next request that is not of a file, 'drip', 'cut' to answer half of it, or '' to answer it."""
        self.circles = False
        """Whether pages lead to pages for ever."""
        self.dropped = 0
        """How many drops of an answer were taken."""
        self.sent = 0
        self.requests: list[str] = []
        """Paths of files that were asked for, in order."""
        self.searches: list[dict[str, Any]] = []
        super().__init__(Handler)

    def hrefs(self, files: dict[str, Path]) -> dict[str, str]:
        """The addresses of files in the folder."""
        return {band: f"{self.url}/files/{path.relative_to(self.folder)}" for band, path in files.items()}

    def forget(self) -> None:
        """Count from nothing again."""
        self.sent = 0
        self.requests.clear()
        self.searches.clear()

    def found(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """The items that a search asks for."""
        start, _, end = (asked.get("datetime") or "../..").replace("..", "").partition("/")
        area = shape(asked["intersects"]) if asked.get("intersects") else box(*asked["bbox"]) if asked.get("bbox") else box(-180, -90, 180, 90)
        return [
            item
            for item in self.items
            if item["collection"] in asked.get("collections", [item["collection"]])
            and (not start or item["properties"]["datetime"] >= start)
            and (not end or item["properties"]["datetime"] <= end)
            and shape(item["geometry"]).intersects(area)
        ]


class Handler(Quiet):
    """Answers one request."""

    service: Loopback

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith("/files/"):
            self._file(parts.path.removeprefix("/files/"))
        elif parts.path == "/get":  # some servers name a file after the `?` alone
            self._file(parse_qs(parts.query)["file"][0])
        elif parts.path.startswith("/sas/token/"):
            self._json({"msft:expiry": "2999-01-01T00:00:00Z", "token": f"sig=verysecret&of={parts.path.rpartition('/')[2]}"})
        elif parts.path == "/search":
            self._search({key: values[0].split(",") if key == "collections" else values[0] for key, values in parse_qs(parts.query).items()})
        else:
            self._describe(parts.path.rstrip("/"))

    def do_POST(self) -> None:
        self._search(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _describe(self, path: str) -> None:
        url, core = self.service.url, "https://api.stacspec.org/v1.0.0"
        about = {"stac_version": "1.0.0", "description": "made up", "links": []}
        collections = [
            {
                **about,
                "type": "Collection",
                "id": name,
                "license": "proprietary",
                "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
            }
            for name in self.service.collections
        ]
        if path == "":
            links = [{"rel": "self", "href": url}, {"rel": "root", "href": url}, {"rel": "data", "href": f"{url}/collections"}]
            links += [{"rel": "search", "href": f"{url}/search", "method": method, "type": "application/geo+json"} for method in ("GET", "POST")]
            conforms = [f"{core}/core", f"{core}/item-search", f"{core}/collections", f"{core}/ogcapi-features"]
            self._json({**about, "type": "Catalog", "id": "loopback", "conformsTo": conforms, "links": links})
        elif path == "/collections":
            following = {"rel": "next", "href": f"{url}/collections", "type": "application/json"}
            self._json({"collections": collections, "links": [following] if self.service.circles else []})
        else:
            self._json({"code": "NotFound"}, 404)

    def _search(self, asked: dict[str, Any]) -> None:
        server = self.service
        with server.guard:
            server.searches.append(asked)
        found, at = server.found(asked), int(asked.get("token") or 0)
        count = min(int(asked.get("limit") or server.page), server.page)
        links = []
        if at + count < len(found) or server.circles:
            following = str(at if server.circles else at + count)
            links = [{"rel": "next", "href": f"{server.url}/search", "method": "POST", "body": {**asked, "token": following}}]
        self._json({"type": "FeatureCollection", "features": found[at : at + count], "links": links})

    def _file(self, name: str) -> None:
        server = self.service
        with server.guard:
            server.requests.append(name)
            fault = server.fault(name, len(server.requests))
        path = server.folder / name
        if fault == "missing" or not path.is_file():
            return self._json({}, 404)
        if fault in ("fail", "refused"):
            return self._json({"secret": "no"}, 503 if fault == "fail" else 403)
        if "://" in fault:
            self.send_response(302)
            self.send_header("Location", fault)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if fault == "hang":
            time.sleep(HANG_S)
        return self._part(path.read_bytes(), fault)

    def _part(self, data: bytes, fault: str) -> None:
        told = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, stop = (int(told[1]), min(int(told[2]) + 1, len(data))) if told and fault != "whole" else (0, len(data))
        if fault == "other":
            start, stop = start + 1, min(stop + 1, len(data))
        self.send_response(200 if fault == "whole" else 206)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("ETag", f'"{md5(data, usedforsecurity=False).hexdigest()}"')
        self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
        self.end_headers()
        body = data[start:stop][: (stop - start) // 2] if fault == "cut" else data[start:stop]
        with self.service.guard:
            self.service.sent += len(body)
        with suppress(OSError):  # who asked has given up
            self._write(body, fault)
        if fault in ("cut", "hang"):
            self.close_connection = True

    def _write(self, body: bytes, fault: str) -> None:
        """The body; the first of its bytes one by one, if it is to come drop by drop."""
        for at in range(DROPS if fault == "drip" else 0):
            self.service.dropped = at
            self.wfile.write(body[at : at + 1])
            time.sleep(DROP_S)
        self.wfile.write(body[DROPS:] if fault == "drip" else body)

    def _json(self, answer: dict[str, Any], status: int = 200) -> None:
        refused = self.service.refuse() if not self.path.startswith("/files/") else ""
        status, body = int(refused) if refused.isdecimal() else status, json.dumps(answer).encode()
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", f"{RETRY_AFTER_S}")
        self.send_header("Content-Type", "application/geo+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self._write(body[: len(body) // 2] if refused == "cut" else body, refused)
        if refused == "cut":
            self.close_connection = True
