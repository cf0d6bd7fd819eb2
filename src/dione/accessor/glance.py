"""What a Stack holds, at a glance: as text, and as the table and picture that a notebook shows."""

from dataclasses import dataclass

import xarray as xr
from markupsafe import Markup, escape

from dione.base import stack as stacks
from dione.base import when
from dione.base.grid import size_m
from dione.prepare.area import clear_fractions

CLEAR, SHARPENED = "clear", "sharpened"


@dataclass(frozen=True)
class Glance:
    """A Stack in few words."""

    head: str
    """How many dates, how large, where."""
    dates: tuple[tuple[str, float], ...]
    """Each date and the fraction of the area that it saw clear, or that is sharpened."""
    notes: tuple[tuple[str, str], ...]
    """Its attributes."""
    what: str = CLEAR
    """Of the fractions: a result also holds what other dates filled."""


def of(stack: xr.Dataset) -> Glance:
    """Read no pixel but the masks; of a large scene a sample of them."""
    grid, days = stacks.grid_of(stack), when.labels(stack)
    height, width = grid.shape
    epsg = grid.crs.to_epsg() if grid.crs else None
    place = f"EPSG:{epsg}" if epsg else "a CRS without code" if grid.crs else "no CRS"
    pixel = f"of {size:.3g} m" if (size := size_m(grid)) else "without a scale"
    head = f"{len(days)} date{'s' * (len(days) != 1)}, {height}×{width} px {pixel}, {place}"
    return Glance(
        head,
        tuple(zip(days, clear_fractions(stack), strict=True)),
        tuple((str(name), str(value)) for name, value in stack.attrs.items()),
        SHARPENED if "sigma" in stack else CLEAR,
    )


def words(glance: Glance) -> str:
    """As lines of text."""
    return "\n".join([glance.head, *(f"{day}  {clear:.0%}".replace("%", f" % {glance.what}") for day, clear in glance.dates)])


ROW = Markup(
    "<tr><td>{day}</td><td style='text-align:right'>{percent} %</td><td><svg width='80' height='8' role='img' aria-label='{percent} % {what}'>"
    "<rect width='80' height='8' rx='2' fill='#8884'/><rect width='{width}' height='8' rx='2' fill='#2a78b8'/></svg></td></tr>"
)
PAGE = Markup(
    "<div style='display:flex;gap:1.5em;flex-wrap:wrap;align-items:flex-start'><figure style='margin:0'><img alt='middle of the latest date, true colour' src='{picture}'>"
    "<figcaption>{latest}, middle of the scene</figcaption></figure><div><strong>{head}</strong>"
    "<table><thead><tr><th>date</th><th colspan='2'>{what}</th></tr></thead><tbody>{rows}</tbody></table>"
    "<details><summary>notes</summary><dl>{notes}</dl></details></div></div>"
)
NOTE = Markup("<dt>{name}</dt><dd>{value}</dd>")


def page(glance: Glance, picture: str) -> str:
    """As HTML; what comes from files is escaped."""
    rows = Markup("").join(ROW.format(day=day, what=glance.what, percent=round(100 * clear), width=round(80 * clear, 1)) for day, clear in glance.dates)
    notes = Markup("").join(NOTE.format(name=name, value=value) for name, value in glance.notes)
    what = "seen clear" if glance.what == CLEAR else glance.what
    return str(PAGE.format(what=what, picture=Markup(picture), latest=glance.dates[-1][0], head=escape(glance.head), rows=rows, notes=notes))
