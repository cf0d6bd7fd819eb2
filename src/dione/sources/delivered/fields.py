"""Values looked up in XML metadata; what is missing or no number is noted, so that all of it can be told at once."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from xml.etree.ElementTree import Element


@dataclass
class Fields:
    """One document and the faults found in it so far."""

    root: Element
    faults: list[str] = field(default_factory=list)

    def text(self, *paths: str, of: Element | None = None, needed: bool = False) -> str:
        """The text of the first of `paths` that has any, below `of` or the root; '' if none has."""
        start = self.root if of is None else of
        found = next((text for path in paths if (text := (start.findtext(path) or "").strip()) and text.upper() != "N/A"), "")
        if needed and not found:
            self.faults.append(f"no {paths[0].split('/')[-1]}{_where(of)}")
        return found

    def number(self, *paths: str, of: Element | None = None, needed: bool = False) -> float | None:
        """The finite number there; None if there is none."""
        text = self.text(*paths, of=of, needed=needed)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not isfinite(value):
            self.faults.append(f"{paths[0].split('/')[-1]}{_where(of)} is '{text[:40]}', needs a number")
            return None
        return value

    def whole(self, *paths: str, of: Element | None = None, needed: bool = False) -> int | None:
        """The whole number there; None if there is none."""
        value = self.number(*paths, of=of, needed=needed)
        if value is not None and value != int(value):
            self.faults.append(f"{paths[0].split('/')[-1]}{_where(of)} is {value:g}, needs a whole number")
            return None
        return None if value is None else int(value)

    def time(self, *paths: str) -> datetime | None:
        """The time there, UTC without zone; needed."""
        text = self.text(*paths, needed=True)
        try:
            found = datetime.fromisoformat(text) if text else None
        except ValueError:
            self.faults.append(f"{paths[0].split('/')[-1]} is '{text[:40]}', needs a time such as 2018-08-15T10:56:21")
            return None
        return found.astimezone(UTC).replace(tzinfo=None) if found and found.tzinfo else found


def _where(of: Element | None) -> str:
    """Which band an element is about, if it is about one."""
    if of is None:
        return ""
    index = (of.findtext("BAND_INDEX") or "").strip()
    return f" in {of.tag}" + (f" of band {index}" if index else "")
