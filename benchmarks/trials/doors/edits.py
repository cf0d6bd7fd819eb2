"""Whole inputs of which one file is changed: other fields, other tags, entities, a link that leads out of the folder."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEEP = 100_000


def edited(make: Callable[[Path], str], file: str, change: Callable[[bytes], bytes]) -> Callable[[Path], str]:
    """A whole input of which one file is changed."""

    def made(folder: Path) -> str:
        source = make(folder)
        for path in [path for path in folder.rglob(file) if path.is_file()][:1]:
            path.write_bytes(change(path.read_bytes()))
        return source

    return made


def said(**fields: Any) -> Callable[[bytes], bytes]:
    """A JSON document with other fields; `a__b` is b inside of a."""

    def change(data: bytes) -> bytes:
        document = json.loads(data)
        for path, value in fields.items():
            holder = document
            *above, last = path.split("__")
            for key in above:
                holder = holder[int(key) if isinstance(holder, list) else key]
            holder[last] = value
        return json.dumps(document).encode()

    return change


def instead(data: bytes | str) -> Callable[[bytes], bytes]:
    return lambda _: data.encode() if isinstance(data, str) else data


def put_in(old: str, new: str) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        assert old.encode() in data, f"no {old}"
        return data.replace(old.encode(), new.encode(), 1)

    return change


def tags(**numbers: int) -> Callable[[bytes], bytes]:
    """A TIFF whose directory says other numbers."""
    codes = {"width": 256, "height": 257, "rows_per_strip": 278, "tile_width": 322, "tile_height": 323, "samples": 277, "bits": 258}

    def change(data: bytes) -> bytes:
        at = struct.unpack_from("<I", data, 4)[0]
        made = bytearray(data)
        for entry in range(struct.unpack_from("<H", data, at)[0]):
            place = at + 2 + 12 * entry
            tag = struct.unpack_from("<H", data, place)[0]
            for name, number in numbers.items():
                if codes[name] == tag:
                    struct.pack_into("<HIQ"[:3] + "I", made, place + 2, 4, 1, number)
        return bytes(made)

    return change


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)) + "]>"
REMOTE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def entity(declared: str) -> Callable[[bytes], bytes]:
    """An XML document that declares something before its root."""
    return lambda data: data.replace(b"?>", b"?>" + declared.encode(), 1)


def deep_xml(data: bytes) -> bytes:
    return data.replace(b"?>", b"?>" + b"<a>" * DEEP, 1)


def renamed(data: bytes, **config: int) -> bytes:
    """Weights whose header says another configuration."""
    length = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8 : 8 + length])
    about = json.loads(header["__metadata__"]["dione"])
    about["config"] = config
    header["__metadata__"]["dione"] = json.dumps(about)
    told = json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + data[8 + length :]


def linked(make: Callable[[Path], str], file: str) -> Callable[[Path], str]:
    """A whole input one file of which is a link that leads out of its folder."""

    def made(folder: Path) -> str:
        (folder / "here").mkdir()
        source = make(folder / "here")
        path = next(Path(source.removeprefix("stac:")).parent.rglob(file))
        path.rename(folder / path.name)
        path.symlink_to(folder / path.name)
        return source

    return made
