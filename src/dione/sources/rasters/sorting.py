"""Which band of which file is what, on which date: told by names, descriptions and the user, never guessed."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from dione.base.bands import BANDS, CLASSES, band_of, order_of
from dione.base.errors import BadBands, BadSource, BadValues, faults
from dione.sources.places import some
from dione.sources.rasters import names
from dione.sources.rasters.headers import Header

Parts = dict[datetime, dict[str, list[tuple[Header, int]]]]
"""For each date and band, every file that has it, and where in it."""

OUT = "\nleave files that are no part of the series out with a pattern, e.g. 'folder/*_B0*'"


@dataclass(frozen=True)
class Reading:
    """What the user says about the files; None where the files are to say it."""

    bands: tuple[str, ...] | None = None
    pattern: str | None = None
    date: datetime | None = None
    scale: float | None = None
    offset: float | None = None


def sort(headers: list[Header], reading: Reading) -> dict[datetime, dict[str, tuple[Header, int]]]:
    """For each date, file and position of each band and mask. Raises BadSource, BadBands, BadValues, each with every fault."""
    told = [(header, *_name_of(header, reading)) for header in headers]
    undated = [header.name for header, time, _ in told if time is None]
    if undated:
        advice = "put the date into the name (2018-08-15 or 20180815), say where it stands with --pattern 'scene_%d%m%Y*.tif' (files that do not fit are left out), or for a single file give date="
        raise BadSource(faults("no date in these names", undated, advice))
    positions = _positions([(header, band) for header, _, band in told], reading.bands)
    parts: Parts = defaultdict(lambda: defaultdict(list))
    for header, time, _ in told:
        for band, position in positions[header.path].items():
            if time:
                parts[time][band].append((header, position))
    _no_double(parts)
    _no_gap(parts)
    _no_bytes(headers, positions)
    if reading.scale is None:
        _no_stretched(headers, positions)
    return {time: {band: at[0] for band, at in parts[time].items()} for time in sorted(parts)}


def _name_of(header: Header, reading: Reading) -> tuple[datetime | None, str | None]:
    """Date and band by the pattern, if there is one, or else as names usually tell them."""
    if reading.pattern:
        found = names.match(header.name, names.expression(reading.pattern))
        return found or (None, None)
    return names.date_in(header.name) or reading.date, names.band_in(header.name)


def _positions(told: list[tuple[Header, str | None]], bands: tuple[str, ...] | None) -> dict[str, dict[str, int]]:
    """For each file, where in it each of our bands stands; a file of some other single band has none."""
    made: dict[str, dict[str, int]] = {}
    alike: dict[tuple[str | None, ...], list[Header]] = defaultdict(list)
    wrong = []
    denied = [fault for header, _ in told for fault in _denied(header, bands or ())]
    _raise(BadBands, "--bands is not what files say", denied, "leave --bands out, or correct the descriptions of the bands in the files")
    for header, band in told:
        if header.count == 1:
            named = band if band or not bands or len(bands) != 1 else bands[0]
            described = header.descriptions[0]
            if named and described and band_of(described) and band_of(described) != band_of(named):
                wrong.append(f"{header.name} is named {named} and describes its band as {described}")
            named = named or described
            if not named:
                wrong.append(f"{header.name} holds one band, and neither its name nor its description tells which")
            made[header.path] = {known: 0} if (known := band_of(named)) else {}
        elif bands and len(bands) != header.count:
            wrong.append(f"{header.name} has {header.count} bands, --bands names {len(bands)}")
        else:
            alike[bands or header.descriptions].append(header)
    for descriptions, headers in alike.items():
        where = headers[0].name + (f" (and {len(headers) - 1} more like it)" if len(headers) > 1 else "")
        try:
            order = order_of(list(descriptions), where)
        except BadBands as fault:
            wrong.append(str(fault))
            continue
        made |= {header.path: order for header in headers}
    _raise(
        BadBands,
        "the bands are not clear",
        wrong,
        "name them with --bands, in the file's order, e.g. --bands blue,green,red,nir (a dash skips one)",
        OUT if made else "",
    )
    return made


def _denied(header: Header, bands: tuple[str, ...]) -> list[str]:
    """Where the bands that were named are others than a file of as many describes."""
    if header.count == 1 or header.count != len(bands):
        return []
    pairs = zip(bands, header.descriptions, strict=True)
    apart = [(said, own) for said, own in pairs if len({band_of(said), band_of(own)} - {None}) == 2]
    return [f"{header.name} describes {', '.join(f'{own} where --bands says {said}' for said, own in apart)}"] if apart else []


def _raise(kind: type[BadSource], head: str, wrong: list[str], advice: str, more: str = "") -> None:
    """Raise what is wrong: one fault that is a whole message as it is, several under one head; `more` advice in either case."""
    if len(wrong) == 1 and "\n" in wrong[0]:
        raise kind(wrong[0] + more)
    if wrong:
        raise kind(faults(head, [fault.replace("\n", "\n    ") for fault in wrong], advice + more))


def _no_double(parts: Parts) -> None:
    wrong: dict[str, None] = {}
    apart = False
    for time, bands in parts.items():
        for band, at in bands.items():
            if len(at) > 1:
                files = some([header.name for header, _ in at])
                apart |= len({header.grid.boundingbox for header, _ in at}) > 1
                whole = "" if all(header.count > 1 for header, _ in at) else f" ({band})"
                wrong[f"{_words(time)}{whole}: {files}"] = None
    advice = "keep one of each, or choose files with a pattern such as 'folder/*_10m.tif'"
    if apart:
        advice += "\nfiles that show other ground are parts of one image: put them together first, e.g. rio merge PART1.tif PART2.tif 2018-08-15.tif"
    _raise(BadSource, "more than one file for the same date and band", list(wrong), advice)


def _no_gap(parts: Parts) -> None:
    wrong = []
    for time, bands in sorted(parts.items()):
        missing = [band for band in BANDS if band not in bands]
        if missing:
            files = sorted({header.name for at in bands.values() for header, _ in at})
            wrong.append(f"{_words(time)} has no {', '.join(missing)}; found {some(files)}")
    if not parts:
        wrong.append("no file holds any of them")
    advice = "add the missing files, or take the date out; a band is found in a name like 2018-08-15_B02.tif or in the file's band description"
    _raise(BadBands, "each date needs blue, green, red and nir (B02, B03, B04, B08)", wrong, advice)


def _no_bytes(headers: list[Header], positions: dict[str, dict[str, int]]) -> None:
    imagery = [h for h in headers if positions[h.path].keys() - CLASSES.keys()]
    wrong = [f"{h.name} is {h.dtype}" for h in imagery if h.dtype in ("uint8", "int8")]
    needs = "needs 16-bit integers (reflectance × 10000) or floats (1.0 = 100 %)"
    _raise(BadValues, "8-bit pictures are not reflectance", wrong, f"{needs}; export the bands again without stretching them to 0–255")
    odd = [f"{h.name} is {h.dtype}" for h in imagery if "complex" in h.dtype]
    _raise(BadValues, "complex numbers are not reflectance", odd, needs)


def _no_stretched(headers: list[Header], positions: dict[str, dict[str, int]]) -> None:
    """Sentinel Hub's browsers stretch reflectance from 0 to 1 over all of uint16 (its sampleType AUTO), and tell it nowhere."""
    raw = [h for h in headers if positions[h.path].keys() - CLASSES.keys() and "_(Raw)" in h.name and h.dtype == "uint16" and set(h.scales) == {1.0}]
    advice = f"say --scale {1 / 65535:.5e}, or export 32-bit floats; --scale 0.0001 if the numbers are reflectance × 10000 after all"
    _raise(BadValues, "16-bit pictures of the Copernicus Browser are reflectance × 65535", [h.name for h in raw], advice)


def _words(time: datetime) -> str:
    return time.strftime("%Y-%m-%d" if (time.hour, time.minute, time.second) == (0, 0, 0) else "%Y-%m-%d %H:%M:%S")
