"""Models side by side: scores by site, differences in pairs, curves over the number of dates and over cloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from dione.evaluation.statistics.interval import Interval, intervals
from dione.evaluation.statistics.measured import Measured
from dione.evaluation.statistics.rows import Rows
from dione.evaluation.statistics.scores import SCORES, Values, equally_improved, finished
from dione.measure.coverage import STEPS, auroc

ALL = "all"
"""Every site, each counting alike."""
CLOUDS = (0.0, 0.02, 0.1, 0.25, 0.5, 1.0)
"""Edges of the bins of the mean hidden fraction of the dates used."""

Line = dict[str, Any]


@dataclass(frozen=True)
class Places:
    """Scores of each place for one model and number of dates."""

    names: list[tuple[str, str]]
    """Site and place, ascending."""
    scores: dict[str, Values]
    patches: int

    @property
    def sites(self) -> Any:
        return np.array([site for site, _ in self.names])


def places(rows: Rows) -> Places:
    """Finish the scores of each place."""
    pooled = rows.pooled("site", "place")
    names = list(zip(pooled.keys["site"].tolist(), pooled.keys["place"].tolist(), strict=True))
    return Places(names, finished(pooled), len(rows))


def difference(rows: Rows, one: str, other: str) -> dict[str, Interval | None]:
    """Every score of model `one` minus that of `other`, place by place; rows of one number of dates."""
    mine, theirs = places(rows.where(model=one)), places(rows.where(model=other))
    return intervals({name: mine.scores[name] - theirs.scores[name] for name in SCORES}, mine.sites)


def scores(rows: Rows) -> list[Line]:
    """A line for each site (and all), model and number of dates."""
    return [
        {"site": site, "model": model, "dates": count, "patches": (found := places(part)).patches, "places": len(found.names)}
        | plain(intervals(found.scores, found.sites))
        for site, here in by_site(rows)
        for model in rows.values("model")
        for count, part in by_dates(here.where(model=model))
    ]


def differences(rows: Rows, model: str, against: Sequence[str]) -> list[Line]:
    """A line for each site (and all), other model and number of dates: `model` minus the other, place by place."""
    return [
        {"site": site, "model": model, "against": other, "dates": count, "places": len(places(part).names)} | plain(difference(part, model, other))
        for site, here in by_site(rows)
        for other in against
        for count, part in by_dates(here)
    ]


def steps(rows: Rows, model: str) -> list[Line]:
    """What more dates bring the same model: cPSNR from each number to the next, and from the fewest to the most; dB."""
    counts = [int(str(count)) for count in rows.values("dates")]
    ways = list(dict.fromkeys([*pairwise(counts), (counts[0], counts[-1])])) if len(counts) > 1 else []
    lines = []
    for site, here in by_site(rows.where(model=model)):
        for few, many in ways:
            before, after = (places(here.where(dates=count)) for count in (few, many))
            gained = intervals({"cpsnr": after.scores["cpsnr"] - before.scores["cpsnr"]}, before.sites)
            lines.append({"site": site, "model": model, "from": few, "to": many} | plain(gained))
    return lines


def clouds(rows: Rows, model: str, against: Sequence[str]) -> list[Line]:
    """cPSNR over each other model, by the mean fraction of the dates that clouds hide; from the most dates."""
    rows = rows.where(dates=max(rows.values("dates")))  # type: ignore[type-var]
    hidden = rows.keys["hidden"].astype(float)
    lines = []
    for low, high in pairwise(CLOUDS):
        part = rows.take((hidden >= low) & ((hidden < high) | (high == CLOUDS[-1])))
        for other in against if len(part) else ():
            apart = difference(part, model, other)
            lines.append({"from": low, "to": high, "against": other, "patches": len(part.where(model=model))} | plain({"cpsnr": apart["cpsnr"]}))
    return lines


def predictors(found: Measured) -> list[Line]:
    """How well sigma, and the size of the added detail, find the worst tenth of errors: AUROC by site (and all), model and dates.

    Every value of a site counts alike, and of all sites: the worst tenth is that of the site, or of all.
    """
    lines = []
    for site, here in by_site(found.histograms):
        pooled = here.pooled("model", "dates")
        for at in range(len(pooled)):
            areas = {f"auroc_{name}": _rounded(auroc(pooled.sums[name][at].reshape(STEPS, STEPS)), 4) for name in ("sigma", "detail")}
            lines.append({"site": site, "model": str(pooled.keys["model"][at]), "dates": int(pooled.keys["dates"][at])} | areas)
    return lines


def invented(rows: Rows, model: str, against: Sequence[str]) -> list[Line]:
    """Hallucination at equal improvement (scores.equally_improved), by site (and all), other model and number of dates."""
    lines = []
    for site, here in by_site(rows):
        for other in against:
            for count, part in by_dates(here):
                level, mine, theirs = equally_improved(part.where(model=model), part.where(model=other))
                names = {"improvement": _rounded(level, 4), "hallucination": _rounded(mine, 4), "hallucination_against": _rounded(theirs, 4)}
                lines.append({"site": site, "model": model, "against": other, "dates": count} | names)
    return lines


def by_site(rows: Rows) -> list[tuple[str, Rows]]:
    """Each site's rows, and all rows if there are several sites, by another name where a site is called so."""
    sites = [str(site) for site in rows.values("site")]
    together = ALL if ALL not in sites else f"{ALL} {len(sites)} sites"
    return [*((site, rows.where(site=site)) for site in sites), *([(together, rows)] if len(sites) > 1 else [])]


def by_dates(rows: Rows) -> list[tuple[int, Rows]]:
    """The rows of each number of dates."""
    return [(int(str(count)), rows.where(dates=count)) for count in rows.values("dates")]


def plain(found: dict[str, Interval | None]) -> Line:
    """For JSON, with the digits that mean something and two more."""
    return {name: None if one is None else one.plain(SCORES[name].digits + 1) for name, one in found.items()}


def _rounded(value: float, digits: int) -> float | None:
    return round(value, digits) if np.isfinite(value) else None
