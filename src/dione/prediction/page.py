"""What every page of ours shares: one file that opens anywhere, that escapes what comes from outside, and runs only its own."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup


def rendered(package: str, name: str, *, filters: Mapping[str, Callable[..., Any]], **values: Any) -> str:
    """The template `name` of a package's folder `templates`; every value is escaped."""
    rooms = jinja2.Environment(loader=jinja2.PackageLoader(package), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    rooms.filters |= filters
    return rooms.get_template(name).render(**values)


def own(package: str, name: str) -> Markup:
    """A file of ours that stands in the page as it is."""
    return Markup((resources.files(package) / "templates" / name).read_text(encoding="utf-8"))


def allowed(text: str) -> str:
    """How a content security policy names the one text that it allows."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
