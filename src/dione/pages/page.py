"""What every page of ours shares: one file that opens anywhere, that escapes what comes from outside, and runs only its own.

A page is a template that extends `shell.html`, with style sheets and scripts in files of their own, which stand in the
page itself: `page.css`, `stage.css` and `stage.js` are here, a room's own are in its folder `templates`.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

HOME = "dione.pages"


@dataclass(frozen=True)
class Dress:
    """What a page looks like and does: names of files, each in the page's own package or here, in this order."""

    styles: Sequence[str] = ("page.css",)
    scripts: Sequence[str] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    """More that a content security policy may allow, by its directives: {"connect-src": "'self'"}."""


def rendered(package: str, name: str, *, dress: Dress = Dress(), filters: Mapping[str, Callable[..., Any]] | None = None, **values: Any) -> str:
    """The template `name` of a package's folder `templates` as text; every value is escaped, only the page's own style and script may run."""
    rooms = jinja2.ChoiceLoader([jinja2.PackageLoader(package), jinja2.PackageLoader(HOME)])
    paper = jinja2.Environment(loader=rooms, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    paper.filters |= filters or {}
    style, script = ("".join(own(package, file) for file in files) for files in (dress.styles, dress.scripts))
    return paper.get_template(name).render(style=Markup(style), script=Markup(script), policy=policy(style, script, dress.sources), **values)


def own(package: str, name: str) -> str:
    """The text of a file of ours, from the package's folder `templates` or from here."""
    found = resources.files(package) / "templates" / name
    return (found if found.is_file() else resources.files(HOME) / "templates" / name).read_text(encoding="utf-8")


def policy(style: str, script: str, sources: Mapping[str, str]) -> Markup:
    """A content security policy (W3C CSP 3) that allows these two texts, pictures inside the page, and `sources`."""
    allowed = {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'", "img-src": "data:"}
    allowed |= {"style-src": f"'{digest(style)}'", "script-src": f"'{digest(script)}'" if script else "'none'"}
    for directive, more in sources.items():
        allowed[directive] = f"{allowed[directive]} {more}" if directive in allowed else more
    return Markup("; ".join(f"{directive} {what}" for directive, what in allowed.items()).replace('"', "%22"))


def digest(text: str) -> str:
    """How a content security policy names the one text that it allows."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
