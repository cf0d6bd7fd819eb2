"""Curves as coordinates in a box, for a few lines of SVG in the page."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dione.evaluation.shown.words import find
from dione.measure.coverage import LEVELS

WIDTH, HEIGHT = 320, 180
"""The box that is drawn in; labels stand around it."""


@dataclass(frozen=True)
class Curve:
    """One line with its interval."""

    name: str
    dots: list[tuple[float, float]]
    """In the box, from its top left."""
    band: str
    """SVG points around the interval; empty without one."""
    values: list[tuple[str, str]]
    """The same as text: where, and what."""

    @property
    def line(self) -> str:
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.dots)


@dataclass(frozen=True)
class Chart:
    """What the page draws."""

    title: str
    across: str
    """What runs to the right."""
    up: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    curves: list[Curve]
    straight: bool = False
    """Whether a line from corner to corner shows what is right."""


@dataclass(frozen=True)
class Points:
    """A curve in its own units."""

    name: str
    x: list[float]
    y: list[float]
    low: list[float]
    high: list[float]


def charts(summary: dict[str, Any]) -> list[Chart]:
    """Gain over dates, gain over cloud, and coverage."""
    return [chart for chart in (over_dates(summary), over_cloud(summary), calibration(summary)) if chart is not None]


def over_dates(summary: dict[str, Any]) -> Chart | None:
    """Gain in cPSNR by number of dates, a curve a site; None from a single number."""
    counts, other = summary["dates"], summary["against"][0]
    if len(counts) < 2:
        return None
    curves = []
    for site in dict.fromkeys(line["site"] for line in summary["differences"]):
        gained = [find(summary["differences"], site=site, against=other, dates=count)["cpsnr"] for count in counts]
        curves.append(_points(site, list(range(len(counts))), gained))
    return _chart("More dates", "dates used", f"cPSNR over {other}, dB", list(map(str, counts)), curves)


def over_cloud(summary: dict[str, Any]) -> Chart | None:
    """Gain in cPSNR by the fraction of the dates that clouds hide, a curve a compared model; None where clouds are all alike."""
    names = [(line["from"], line["to"]) for line in summary["clouds"]]
    bins = list(dict.fromkeys(names))
    if len(bins) < 2:
        return None
    curves = []
    for other in summary["against"]:
        here = [line for line in summary["clouds"] if line["against"] == other]
        curves.append(_points(f"over {other}", [bins.index((line["from"], line["to"])) for line in here], [line["cpsnr"] for line in here]))
    labels = [f"{low:.0%}–{high:.0%}" for low, high in bins]
    return _chart("Under clouds", "hidden part of the dates used", "cPSNR gain, dB", labels, curves)


def calibration(summary: dict[str, Any]) -> Chart:
    """Found against promised coverage from the most dates, a curve a site."""
    most, curves = max(summary["dates"]), []
    for site in dict.fromkeys(line["site"] for line in summary["scores"]):
        own = find(summary["scores"], site=site, model=summary["model"], dates=most)
        found = [own[f"coverage_{round(100 * level)}"] for level in LEVELS]
        curves.append(_placed(_points(site, list(LEVELS), found), (0, 1), (0, 1), [f"{level:.0%}" for level in LEVELS]))
    ticks = (0, 0.25, 0.5, 0.75, 1)
    across = [(tick * WIDTH, f"{tick:.0%}") for tick in ticks]
    return Chart("Intervals kept", "interval", "truth inside", across, [(HEIGHT - tick * HEIGHT, f"{tick:.0%}") for tick in ticks], curves, straight=True)


def _points(name: str, x: list[float], found: list[dict[str, float]]) -> Points:
    return Points(name, x, *([each[part] for each in found] for part in ("mean", "low", "high")))


def _chart(title: str, across: str, up: str, labels: list[str], curves: list[Points]) -> Chart:
    """Even steps to the right, round numbers upwards, zero included."""
    ends = [value for curve in curves for value in (*curve.low, *curve.high)]
    ticks = round_ticks(min(0.0, *ends), max(0.0, *ends))
    x_span, y_span = (-0.25, len(labels) - 0.75), (ticks[0], ticks[-1])
    digits = 0 if ticks[1] - ticks[0] >= 1 else 1 if ticks[1] - ticks[0] >= 0.1 else 2
    return Chart(
        title,
        across,
        up,
        [(_across(at, x_span), label) for at, label in enumerate(labels)],
        [(_down(tick, y_span), f"{tick:.{digits}f}") for tick in ticks],
        [_placed(curve, x_span, y_span, labels) for curve in curves],
    )


def round_ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Round numbers that span low to high, at least two."""
    rough = max(high - low, 1e-3) / about
    power = 10 ** np.floor(np.log10(rough))
    step = float(min((factor * power for factor in (1, 2, 5, 10)), key=lambda one: abs(one - rough)))
    first, last = int(np.floor(low / step + 1e-9)), int(np.ceil(high / step - 1e-9))
    return [at * step for at in range(first, max(last, first + 1) + 1)]


def _placed(curve: Points, x_span: tuple[float, float], y_span: tuple[float, float], labels: list[str]) -> Curve:
    x = [_across(value, x_span) for value in curve.x]
    y, low, high = ([_down(value, y_span) for value in values] for values in (curve.y, curve.low, curve.high))
    around = [*zip(x, high, strict=True), *reversed(list(zip(x, low, strict=True)))]
    names = labels if len(labels) == len(x) else [labels[int(at)] for at in curve.x]
    told = [(name, f"{value:.2f}") for name, value in zip(names, curve.y, strict=True)]
    return Curve(curve.name, list(zip(x, y, strict=True)), " ".join(f"{a:.1f},{b:.1f}" for a, b in around), told)


def _across(value: float, span: tuple[float, float]) -> float:
    return (value - span[0]) / (span[1] - span[0]) * WIDTH


def _down(value: float, span: tuple[float, float]) -> float:
    return HEIGHT - (value - span[0]) / (span[1] - span[0]) * HEIGHT
