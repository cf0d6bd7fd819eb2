"""The passes that Sentinel Hub's catalogue knows of: its features, put together by the pass that they were seen on."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dione.base.errors import BadSource
from dione.sources.sentinel import productname

TOGETHER = timedelta(minutes=10)
"""Tiles that were seen within this, and whose names do not tell their pass, are of one."""


@dataclass(frozen=True)
class Pass:
    """One date: when the tiles of one pass were sensed."""

    name: str
    first: datetime
    last: datetime
    platform: str
    cloud: float | None
    """Least cloudy fraction among its tiles, 0–1."""


def grouped(found: Sequence[dict[str, Any]]) -> list[Pass]:
    """Features of the catalogue as passes, in order of time: by their product's name, or else by time."""
    by_pass: dict[str, list[tuple[datetime, dict[str, Any]]]] = defaultdict(list)
    last: datetime | None = None
    name = ""
    for moment, one in sorted(((_moment(one), one) for one in found), key=lambda pair: pair[0]):
        product = productname.parse(str(one.get("id", "")))
        if product:
            name = product.datatake
        elif last is None or moment - last > TOGETHER:
            name = f"{moment:%Y%m%dT%H%M%S}"
        by_pass[name].append((moment, one))
        last = moment
    return [_pass(name, many) for name, many in by_pass.items()]


def _pass(name: str, many: list[tuple[datetime, dict[str, Any]]]) -> Pass:
    moments = [moment for moment, _ in many]
    facts = [one.get("properties", {}) for _, one in many]
    clouds = [cloud for fact in facts if (cloud := _cloud(fact.get("eo:cloud_cover"))) is not None]
    platform = f"sentinel-2{name[2].lower()}" if name.startswith("S2") else str(facts[0].get("platform") or "")
    return Pass(name, min(moments), max(moments), platform, min(clouds, default=None))


def _cloud(percent: Any) -> float | None:
    """A fraction; None where the catalogue tells no number."""
    try:
        return float(percent) / 100
    except (TypeError, ValueError):
        return None


def _moment(feature: dict[str, Any]) -> datetime:
    try:
        moment = datetime.fromisoformat(str(feature["properties"]["datetime"]))
    except (KeyError, TypeError, ValueError) as error:
        raise BadSource(f"Sentinel Hub's catalogue gives an item without a date: {feature.get('id')}") from error
    return (moment.astimezone(UTC) if moment.tzinfo else moment).replace(tzinfo=None)
