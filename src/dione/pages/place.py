"""Where a place is, drawn from its outline alone: a globe of meridians and parallels, and the outline on a graticule.

No coastlines: nothing is fetched and no map data comes along, so that only what is known is drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
RADIUS = 100
WIDTH, HEIGHT = 320, 200
"""Of the sketch, its own units."""
STEPS_S = (36000, 18000, 7200, 3600, 1800, 1200, 600, 300, 120, 60, 30, 20, 10, 5, 2, 1)
"""Steps of a graticule, seconds of arc."""
METRES_A_DEGREE = 111_320


@dataclass(frozen=True)
class Label:
    """Words at a point."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Globe:
    """Half of the earth as seen from above, orthographic (Snyder 1987, p. 149); SVG paths around (0, 0), radius RADIUS."""

    lines: str
    equator: str
    greenwich: str
    spot: tuple[float, float]


@dataclass(frozen=True)
class Sketch:
    """The outline on its graticule, in a box of WIDTH × HEIGHT."""

    outline: str
    lines: str
    labels: tuple[Label, ...]
    bar: float
    """Length of the scale bar."""
    bar_words: str


@dataclass(frozen=True)
class Place:
    """A place on earth, in words and drawn."""

    words: str
    globe: Globe
    sketch: Sketch


def place(outline: Points) -> Place:
    """From the outline (n, 2), longitude and latitude in degrees; longitudes may run on beyond 180°."""
    middle = (outline.min(0) + outline.max(0)) / 2
    return Place(words(*middle), globe(*middle), sketch(outline))


def words(longitude: float, latitude: float) -> str:
    """43.6012° N, 1.2304° E"""
    longitude = (longitude + 180) % 360 - 180
    return f"{abs(latitude):.4f}° {'N' if latitude >= 0 else 'S'}, {abs(longitude):.4f}° {'E' if longitude >= 0 else 'W'}"


def globe(longitude: float, latitude: float) -> Globe:
    """The side of the earth that a place is on, seen from a little nearer to the equator."""
    eye = np.array([longitude, 0.7 * latitude])
    around, up = np.arange(-180, 181, 3.0), np.arange(-90, 91, 3.0)
    meridians = [_line(np.column_stack([0 * up + at, up]), eye) for at in range(-180, 180, 30)]
    parallels = [_line(np.column_stack([around, 0 * around + at]), eye) for at in (-60, -30, 30, 60)]
    (x, y), _ = (part[0] for part in _seen(np.array([[longitude, latitude]], float), eye))
    equator, greenwich = np.column_stack([around, 0 * around]), np.column_stack([0 * up, up])
    return Globe(" ".join([*meridians, *parallels]), _line(equator, eye), _line(greenwich, eye), (round(float(x), 1), round(float(y), 1)))


def _seen(points: Points, eye: Points) -> tuple[Points, NDArray[np.bool_]]:
    """Points (n, 2), longitude and latitude, on the drawn disc (n, 2), y down; and whether they are on this side."""
    turn, up, tilt = np.radians(points[:, 0] - eye[0]), np.radians(points[:, 1]), np.radians(eye[1])
    x, y = np.cos(up) * np.sin(turn), np.cos(tilt) * np.sin(up) - np.sin(tilt) * np.cos(up) * np.cos(turn)
    near = np.sin(tilt) * np.sin(up) + np.cos(tilt) * np.cos(up) * np.cos(turn) >= 0
    return RADIUS * np.column_stack([x, -y]), near


def _line(points: Points, eye: Points) -> str:
    """A line on the globe as an SVG path, broken where it goes behind."""
    drawn, near = _seen(points, eye)
    return " ".join(f"{'L' if at and near[at - 1] else 'M'}{drawn[at, 0]:.1f} {drawn[at, 1]:.1f}" for at in np.flatnonzero(near))


def sketch(outline: Points) -> Sketch:
    """The outline in the middle of a box, degrees of longitude as wide as they are there."""
    low, high = outline.min(0), outline.max(0)
    middle = (low + high) / 2
    narrow = max(float(np.cos(np.radians(middle[1]))), 0.01)
    size = np.maximum((high - low) * [narrow, 1], 1e-6)
    unit = min(0.62 * WIDTH / size[0], 0.62 * HEIGHT / size[1])

    def drawn(points: Points) -> Points:
        return np.array([WIDTH / 2, HEIGHT / 2]) + (points - middle) * [unit * narrow, -unit]

    ring = " ".join(f"{x:.1f} {y:.1f}" for x, y in drawn(outline))
    reach = np.array([WIDTH / 2 / unit / narrow, HEIGHT / 2 / unit])
    lines, labels = _graticule(middle - reach, middle + reach, drawn)
    metres = _round(0.3 * WIDTH / unit * METRES_A_DEGREE)
    bar_words = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    return Sketch(f"M{ring}Z", lines, labels, round(metres / METRES_A_DEGREE * unit, 1), bar_words)


def _graticule(low: Points, high: Points, drawn: Callable[[Points], Points]) -> tuple[str, tuple[Label, ...]]:
    """Meridians and parallels at whole steps, with their degrees."""
    lines, labels = [], []
    for axis, ends in ((0, "WE"), (1, "SN")):
        span = (high[axis] - low[axis]) * 3600
        step = next((step for step in STEPS_S if span / step >= 2.2), STEPS_S[-1])
        for number in range(int(np.ceil(low[axis] * 3600 / step)), int(high[axis] * 3600 / step) + 1):
            at = drawn(np.array([number * step / 3600] * 2))[axis]
            lines.append(f"M{at:.1f} 0V{HEIGHT}" if axis == 0 else f"M0 {at:.1f}H{WIDTH}")
            labels.append(Label(at + 3, HEIGHT - 5, _degrees(number * step, ends)) if axis == 0 else Label(4, at - 3, _degrees(number * step, ends)))
    return " ".join(lines), tuple(one for one in labels if one.x < WIDTH - 40 and (8 < one.y < HEIGHT - 16 or one.y == HEIGHT - 5))


def _degrees(seconds: int, ends: str) -> str:
    """4980 → 1° 23′ E"""
    if ends == "WE":
        seconds = (seconds + 648000) % 1296000 - 648000
    degrees, rest = divmod(abs(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    parts = f"{degrees}°" + (f" {minutes:02d}′" if minutes or rest else "") + (f" {rest:02d}″" if rest else "")
    return f"{parts} {ends[seconds > 0]}" if seconds else parts


def _round(value: float) -> float:
    """The largest 1, 2 or 5 × 10ⁿ that is not above."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(factor * power for factor in (5, 2, 1) if factor * power <= value * (1 + 1e-9)))
