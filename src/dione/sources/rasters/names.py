"""What file names tell: the date, and for one file a band, which band.

Without a pattern, a date is the first of YYYY-MM-DD, YYYYMMDD, with or without THHMMSS, that is a real date; a folder's
name counts when the file's has none. A band is a part of the name between `_ - .` or spaces: B02 ... B12, B8A, SCL,
CLM, blue, green, red, nir.

A pattern says it outright, in strptime's codes, `*` for anything and `{band}` for the band:

    pattern="%Y%j_{band}.tif"           2018227_B02.tif
    pattern="parcel7_%d.%m.%y*.tif"     parcel7_15.08.18_final.tif
"""

import re
from datetime import datetime
from pathlib import PurePosixPath

from dione.base.bands import band_of
from dione.base.errors import BadSource

DATE = re.compile(r"(?<!\d)(\d{4})(-?)(\d\d)\2(\d\d)(?:[T_ ]?(\d\d)[:-]?(\d\d)[:-]?(\d\d)(?!\d)|(?!\d))")
OTHER_BANDS = {f"b{n:02d}" for n in range(1, 13)} | {f"b{n}" for n in range(1, 13)} | {"b8a"}
COMPANIONS = {"aot", "wvp", "tci", "pvi", "cld", "snw", "clp", "cldprb", "snwprb"}
"""Files that stand beside a band a file in Sentinel-2 folders and are no band of ours."""
CODES = {"Y": r"\d{4}", "y": r"\d{2}", "j": r"\d{1,3}", **dict.fromkeys("mdHMS", r"\d{1,2}"), "b": r"[A-Za-z]{3}", "B": r"[A-Za-z]+"}


def date_in(name: str) -> datetime | None:
    """The date in a file's name or else in its folder's; None if there is none."""
    for part in reversed(name.split("/")):
        for found in DATE.finditer(part):
            year, _, month, day, *clock = found.groups()
            try:
                hour, minute, second = (int(part or 0) for part in clock)
                moment = datetime(int(year), int(month), int(day), hour, minute, second)
            except ValueError:
                continue
            if 1970 <= moment.year < 2100:
                return moment
    return None


def band_in(name: str) -> str | None:
    """The band that a file's name tells (`B02`, `SCL`, also ones not used here: `B11`, `AOT`); None if it tells none."""
    tokens = re.split(r"[_\-. ]", PurePosixPath(name).stem)
    told = [t for t in tokens if t.lower() in OTHER_BANDS | COMPANIONS or (len(t) > 1 and band_of(t))]
    return told[-1] if told else None


def expression(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern; raises BadSource for a code that is not known or a pattern without a date."""
    made, seen = "", set()
    for piece in re.findall(r"%.|\*|\{band\}|[^%*{]+|.", pattern):
        if piece == "*":
            made += ".*"
        elif piece == "{band}":
            made += "(?P=band)" if "band" in seen else r"(?P<band>[A-Za-z0-9]+)"
            seen.add("band")
        elif piece[0] == "%" and piece[1:] in CODES:
            made += f"(?P={piece[1]})" if piece[1] in seen else f"(?P<{piece[1]}>{CODES[piece[1]]})"
            seen.add(piece[1])
        elif piece[0] == "%":
            raise BadSource(f"pattern '{pattern}' has the code {piece}; known are {' '.join('%' + c for c in CODES)}, * and {{band}}")
        else:
            made += re.escape(piece)
    if not (seen & set("Yy") and ((seen & {"m", "b", "B"} and "d" in seen) or "j" in seen)):
        raise BadSource(f"pattern '{pattern}' does not tell a whole date; write it with %Y %m %d, e.g. 'scene_%Y%m%d_*.tif'")
    return re.compile(made)


def match(name: str, rule: re.Pattern[str]) -> tuple[datetime | None, str | None] | None:
    """Date and band that a pattern finds in a name (or in as many folders as the pattern has); None if it does not fit."""
    parts = name.split("/")
    tail = "/".join(parts[-1 - rule.pattern.count("/") :])
    if not (found := rule.fullmatch(tail)):
        return None
    told = found.groupdict()
    band = told.pop("band", None)
    try:
        moment = datetime.strptime(" ".join(told.values()), " ".join("%" + code for code in told))
    except ValueError:
        moment = None
    return moment, band
