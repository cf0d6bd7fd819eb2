"""Where in a file the packed pixels are: what a checksum covers."""

import struct

OFFSETS, SIZES = (273, 324), (279, 325)
WIDTHS = {1: "B", 3: "H", 4: "I", 16: "Q"}


def payload(data: bytes) -> list[tuple[int, int]]:
    """Start and end of each block of a TIFF; of another file, all of it."""
    if data[:4] not in (b"II*\0", b"II+\0"):
        return [(0, len(data))]
    big = data[2] == 43
    at = struct.unpack_from("<Q" if big else "<I", data, 8 if big else 4)[0]
    spans: list[tuple[int, int]] = []
    while at:
        found, at = _directory(data, at, big)
        starts = next((found[tag] for tag in OFFSETS if tag in found), ())
        sizes = next((found[tag] for tag in SIZES if tag in found), ())
        spans += [(start, start + size) for start, size in zip(starts, sizes, strict=True)]
    return spans


def _directory(data: bytes, at: int, big: bool) -> tuple[dict[int, tuple[int, ...]], int]:
    """The numbers of each tag, and where the next directory stands."""
    count = struct.unpack_from("<Q" if big else "<H", data, at)[0]
    entry, step = at + (8 if big else 2), 20 if big else 12
    found = {}
    for number in range(count):
        tag, kind, many = struct.unpack_from("<HHQ" if big else "<HHI", data, entry + number * step)
        if kind in WIDTHS:
            form = f"<{many}{WIDTHS[kind]}"
            place = entry + number * step + (12 if big else 8)
            if struct.calcsize(form) > (8 if big else 4):
                place = struct.unpack_from("<Q" if big else "<I", data, place)[0]
            found[tag] = struct.unpack_from(form, data, place)
    return found, struct.unpack_from("<Q" if big else "<I", data, entry + count * step)[0]
