"""What sharpening costs: hours and money for 1,000 km², from what was measured; a table, and a plot of cost against size.

python benchmarks/cost.py                                    # from the table of docs/performance.md
python benchmarks/cost.py --page docs/scale.md               # and into the page
python benchmarks/prediction.py > measured.json
python benchmarks/cost.py measured.json --plot cost.svg      # from a run of your own

hours = km² / (km²/s · machines) / 3600  +  km² / (km²/s that one machine joins) / 3600, of a cluster
money = hours · machines · price of one
"""

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import log10
from pathlib import Path

PERFORMANCE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- made by `python benchmarks/cost.py --page docs/scale.md`: from here -->", "<!-- to here -->"
ROW = re.compile(r"^\| setsr-s \| (\d+)² \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|", re.MULTILINE)
JOINS_KM2_PER_S = 97.9
"""What the client of a cluster joins, checks and draws (`seconds` of run.json but for `predict`): of a whole tile, two cores (benchmarks/prediction.py, `joined_km2_per_s`)."""
PRICE, GPU_PRICE = 0.05, 1.0
"""Of an hour of a machine of two cores, and of one with a GPU and eight: examples; put in your own."""
GPU_GAIN = 2.8
"""At most: the network is 64 % of the work (docs/performance.md), the rest stays with the processor."""


@dataclass(frozen=True)
class Measured:
    """One prediction, files in to files out."""

    km2: float
    seconds: float
    peak_gb: float

    @property
    def speed(self) -> float:
        """km²/s."""
        return self.km2 / self.seconds


@dataclass(frozen=True)
class Means:
    """Machines to sharpen with."""

    name: str
    machines: int
    speed: float
    """km²/s of one."""
    price: float
    """Of an hour of one."""
    joins: float | None = None
    """km²/s that one machine joins after all others; None where whoever paints joins too."""

    def hours(self, km2: float) -> float:
        joining = km2 / self.joins if self.joins else 0.0
        return (km2 / (self.speed * self.machines) + joining) / 3600

    def money(self, km2: float) -> float:
        """The workers while they paint, and one machine while it joins."""
        painting = km2 / (self.speed * self.machines) / 3600
        return painting * self.machines * self.price + (self.hours(km2) - painting) * self.price


def of_page(text: str) -> list[Measured]:
    """The rows of setsr-s in docs/performance.md, by size."""
    return sorted((Measured(float(km2), float(seconds), float(peak)) for _, km2, seconds, _, peak in ROW.findall(text)), key=lambda one: one.km2)


def of_json(told: dict) -> list[Measured]:
    """The runs of benchmarks/prediction.py with eight dates, by size."""
    runs = [run for run in told["runs"] if run["model"] == "setsr-s" and run["dates"] == 8]
    return sorted((Measured(run["km2"], run["seconds"], run["peak_gb"]) for run in runs), key=lambda one: one.km2)


def means(speed: float) -> list[Means]:
    """What people have, if a machine of two cores makes `speed` km²/s."""
    return [
        Means("a laptop of two cores", 1, speed, PRICE),
        Means("one GPU and eight cores, at most (not measured)", 1, GPU_GAIN * 4 * speed, GPU_PRICE),
        Means("100 spot workers of two cores, joined by one", 100, speed, PRICE, JOINS_KM2_PER_S),
    ]


def table(found: Sequence[Measured]) -> str:
    """Hours and money for 1,000 km² and for a country, at the speed of the largest scene."""
    speed = found[-1].speed
    lines = [f"At {speed:.1f} km²/s, measured on {found[-1].km2:g} km² ([performance.md](performance.md)); {JOINS_KM2_PER_S:g} km²/s joined by the client.", ""]
    lines += ["| one target of eight dates | hours for 1,000 km² | money | hours for 350,000 km² | money |", "|---|---|---|---|---|"]
    for one in means(speed):
        cells = [f"{value:.2g}" if value < 10 else f"{value:.0f}" for km2 in (1_000, 350_000) for value in (one.hours(km2), one.money(km2))]
        lines.append(f"| {one.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(found: Sequence[Measured]) -> str:
    """Seconds for a km² against km², both logarithmic, as SVG."""
    cost = [one.seconds / one.km2 for one in found]
    left, right, low, high = (log10(value) for value in (found[0].km2 / 2, found[-1].km2 * 2, min(cost) / 2, max(cost) * 2))

    def at(km2: float, seconds: float) -> tuple[float, float]:
        return 60 + 520 * (log10(km2) - left) / (right - left), 20 + 260 * (high - log10(seconds)) / (high - low)

    places = [at(one.km2, seconds) for one, seconds in zip(found, cost, strict=True)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/><text x="{x + 8:.1f}" y="{y - 8:.1f}">{one.km2:g} km²: {seconds:.2g} s/km², {one.peak_gb:g} GB</text>'
        for (x, y), one, seconds in zip(places, found, cost, strict=True)
    )
    words = '<text x="60" y="312">area, km² (logarithmic)</text><text x="60" y="14">seconds for a km² (logarithmic)</text>'
    frame = '<rect x="60" y="20" width="520" height="260" fill="none" stroke="#999"/>'
    drawn = f'{frame}<polyline points="{line}" fill="none" stroke="#0b6" stroke-width="2"/>{marks}{words}'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 320" font-family="sans-serif" font-size="12">{drawn}</svg>\n'


def put(page: Path, text: str) -> None:
    """Write the table into a page, between its two marks."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} has no place for the table: it needs the lines {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")


if __name__ == "__main__":
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("measured", nargs="?", type=Path, help="what benchmarks/prediction.py printed; docs/performance.md by default")
    given.add_argument("--page", type=Path, help="write the table into this page")
    given.add_argument("--plot", type=Path, help="draw cost against size as SVG")
    asked = given.parse_args()
    runs = of_json(json.loads(asked.measured.read_text())) if asked.measured else of_page(PERFORMANCE.read_text())
    print(table(runs))
    if asked.page:
        put(asked.page, table(runs))
    if asked.plot:
        asked.plot.write_text(plot(runs))
