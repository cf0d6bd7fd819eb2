"""A server that answers with the files of a folder, whatever they hold; documents may be spoilt."""

import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from dione.testing.serving import Quiet, Serving

NAMES = {"": "index.json", "collections": "index.json", "search": "search.json"}


class Answers(Serving):
    """Serves one folder at a time, each under an address of its own, so that nothing kept of another is met again."""

    def __init__(self, named: str) -> None:
        self.named, self.folder, self.turned = named, Path(), 0
        super().__init__(Handler)

    def turn(self, folder: Path) -> None:
        """Serve another folder."""
        self.folder, self.turned = folder, self.turned + 1


class Handler(Quiet):
    """Answers one request."""

    service: Answers

    def do_GET(self) -> None:
        name = re.sub(r"^/turn\d+", "", urlsplit(self.path).path).strip("/")
        path = self.service.folder / NAMES.get(name, name)
        if not path.is_file():
            return self._send(404, b"{}")
        data, packed = path.read_bytes(), False
        if path.suffix == ".json":
            here = f"{self.service.url}/turn{self.service.turned}"
            data = data.replace(self.service.named.encode(), here.encode())
            packed = data[:2] == b"\x1f\x8b"
        told = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not told:
            return self._send(200, data, packed=packed)
        start, stop = int(told[1]), min(int(told[2]) + 1, len(data))
        if start >= stop:
            return self._send(416, b"")
        return self._send(206, data[start:stop], f"bytes {start}-{stop - 1}/{len(data)}")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def _send(self, status: int, body: bytes, part: str = "", *, packed: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if packed:
            self.send_header("Content-Encoding", "gzip")
        if part:
            self.send_header("Content-Range", part)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)
