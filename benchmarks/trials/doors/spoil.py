"""How a whole input is spoiled: bytes cut off, flipped, overwritten, put in and taken out, and headers made to lie.

Each way takes a Generator and the bytes, and gives other bytes. What it may lead to differs: of a format with checksums
a flipped byte has to be noticed, of one without it cannot be.
"""

import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Rng = np.random.Generator
NUMBERS = (0, 1, 2, 3, 127, 128, 255, 256, 4095, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1)
WORDS: tuple[Any, ...] = (
    *(None, True, "", " ", "\0", "../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/", "\x1b[31m", "é" * 50, "9" * 400, "<b>"),
    *(0, -1, 1, 2**31, 2**63, 10**30, 1e308, -1e308, 1e-320, float("nan"), float("inf"), -float("inf")),
    *([], {}, [[]], [None], {"": None}, ["x"] * 2000, "A" * 20_000),
)
"""What fields are replaced by."""


@dataclass(frozen=True)
class Spoilt:
    """Other bytes, and how they came about."""

    data: bytes
    how: str
    at: int = -1
    """Where, if it is one place."""
    length: int = 0
    """How many bytes are others."""


Way = Callable[[Rng, bytes], Spoilt]


def cut(rng: Rng, data: bytes) -> Spoilt:
    """The beginning alone; often nearly all of it, or nearly nothing."""
    most = max(len(data) - 1, 0)
    keep = int(rng.choice([rng.integers(0, most + 1), rng.integers(max(most - 64, 0), most + 1), rng.integers(0, min(most, 64) + 1)]))
    return Spoilt(data[:keep], f"cut to {keep} of {len(data)} bytes", keep)


def flip(rng: Rng, data: bytes) -> Spoilt:
    """One bit the other way round."""
    at, bit = int(rng.integers(len(data))), int(rng.integers(8))
    return Spoilt(data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :], f"bit {bit} of byte {at}", at, 1)


def flip_early(rng: Rng, data: bytes) -> Spoilt:
    """The same in the first bytes, where headers are."""
    head = flip(rng, data[:512])
    return Spoilt(head.data + data[512:], head.how, head.at, 1)


def overwritten(rng: Rng, data: bytes) -> Spoilt:
    """A run of zeros, ones, noise, or of another part of the same file, as a disk that fails leaves it."""
    length = int(min(len(data), rng.choice([2, 8, 64, 512, 4096])))
    at, other = (int(rng.integers(len(data) - length + 1)) for _ in range(2))
    run = [bytes(length), b"\xff" * length, rng.bytes(length), data[other : other + length]][int(rng.integers(4))]
    return Spoilt(data[:at] + run + data[at + length :], f"{length} bytes overwritten at {at}", at, length)


def shifted(rng: Rng, data: bytes) -> Spoilt:
    """Bytes put in or taken out, so that all that follows stands elsewhere."""
    at, length = int(rng.integers(len(data))), int(rng.choice([1, 2, 16, 300]))
    if rng.random() < 0.5:
        return Spoilt(data[:at] + rng.bytes(length) + data[at:], f"{length} bytes put in at {at}", at, length)
    return Spoilt(data[:at] + data[at + length :], f"{length} bytes taken out at {at}", at, length)


def lying(rng: Rng, data: bytes) -> Spoilt:
    """A number of 2, 4 or 8 bytes set to one at the edge of what fits: sizes, counts and kinds are such numbers."""
    code = str(rng.choice(["<H", ">H", "<I", ">I", "<Q", ">Q"]))
    size = struct.calcsize(code)
    reach = min(len(data), 1024 if rng.random() < 0.7 else len(data)) - size
    at, number = int(rng.integers(max(reach, 0) + 1)), NUMBERS[int(rng.integers(len(NUMBERS)))] % 256**size
    return Spoilt(data[:at] + struct.pack(code, number) + data[at + size :], f"{number} as {code} at {at}", at, size)


def number_in_text(rng: Rng, data: bytes) -> Spoilt:
    """A number that stands as text, replaced by another: NaN, infinity, negative, very long."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?([eE]-?\d+)?", data))
    if not found:
        return flip(rng, data)
    one = found[int(rng.integers(len(found)))]
    others = (b"0", b"-1", b"nan", b"inf", b"1e999", b"9" * 5000, b"99999999", b"4294967296", b"0x10", b"", b"1.5", b"-9223372036854775809")
    other = others[int(rng.integers(len(others)))]
    return Spoilt(data[: one.start()] + other + data[one.end() :], f"number {one[0][:20]!r} → {other[:20]!r}", one.start(), len(other))


def word_in_text(rng: Rng, data: bytes) -> Spoilt:
    """A word taken out, doubled, or replaced by another of the same text."""
    found = list(re.finditer(rb"[A-Za-z_][\w.:/-]+", data))
    if not found:
        return flip(rng, data)
    one, other = (found[int(rng.integers(len(found)))] for _ in range(2))
    new = [b"", one[0] * 2, other[0], b"../../../etc/passwd", b"\xff\xfe", "\u202e\x1b[2J".encode(), b"<script>"][int(rng.integers(7))]
    return Spoilt(data[: one.start()] + new + data[one.end() :], f"word {one[0][:30]!r} → {new[:30]!r}", one.start(), len(new))


def field_of_json(rng: Rng, data: bytes) -> Spoilt:
    """A value somewhere in a JSON document replaced, or taken away."""
    document = json.loads(data)
    places = list(_places(document))
    if not places:
        return flip(rng, data)
    holder, key = places[int(rng.integers(len(places)))]
    if isinstance(holder, dict) and rng.random() < 0.2:
        del holder[key]
        return Spoilt(json.dumps(document).encode(), f"no field {key!r}")
    word = WORDS[int(rng.integers(len(WORDS)))]
    holder[key] = word
    return Spoilt(json.dumps(document).encode(), f"field {key!r} → {word!r:.30}")


def _places(node: Any) -> Any:
    """Each holder and key of a document."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(inner):
        yield node, key
        yield from _places(value)


def element_of_xml(rng: Rng, data: bytes) -> Spoilt:
    """An element's text or attribute replaced, an element doubled, or taken out with all in it."""
    found = list(re.finditer(rb"<([\w:]+)( [^<>]*)?>([^<>]*)</\1>|<([\w:]+)( [^<>]*)?/>", data))
    if not found:
        return flip(rng, data)
    one = found[int(rng.integers(len(found)))]
    words = [str(word).encode() for word in WORDS if isinstance(word, str | int | float)]
    word = words[int(rng.integers(len(words)))].replace(b"<", b"&lt;").replace(b"\0", b"").replace(b"\x1b", b"")
    name = (one[1] or one[4]) + (one[2] or one[5] or b"")
    new = [b"", one[0] * 2, b"<" + name + b">" + word + b"</" + (one[1] or one[4]) + b">"][int(rng.choice([0, 1, 2, 2, 2]))]
    return Spoilt(data[: one.start()] + new + data[one.end() :], f"element {one[0][:40]!r} → {new[:40]!r}", one.start(), len(new))


BYTES: tuple[Way, ...] = (cut, cut, flip, flip, flip_early, overwritten, shifted, lying, lying)
TEXT: tuple[Way, ...] = (cut, flip, shifted, number_in_text, number_in_text, word_in_text, word_in_text)
JSON: tuple[Way, ...] = (*TEXT[:3], number_in_text, word_in_text, field_of_json, field_of_json, field_of_json, field_of_json)
XML: tuple[Way, ...] = (*TEXT[:3], number_in_text, word_in_text, element_of_xml, element_of_xml, element_of_xml)


def ways(name: str) -> tuple[Way, ...]:
    """Those that suit a file, by its name."""
    if name.endswith((".json", ".geojson", ".zgroup", ".zarray")):
        return JSON
    if name.endswith((".xml", ".dim", ".safe", ".SAFE")):
        return XML
    return TEXT if name.endswith((".toml", ".wkt", ".txt")) else BYTES


def spoilt(rng: Rng, name: str, data: bytes) -> Spoilt:
    """A file's bytes, spoilt in one of the ways that suit it."""
    if not data:
        return Spoilt(rng.bytes(8), "8 bytes where there were none")
    many = ways(name)
    return many[int(rng.integers(len(many)))](rng, data)
