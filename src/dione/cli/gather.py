"""Verbs are found, not listed: each file below `dione.cli.verbs` holds a function of its own name, each folder is a group.

A trailing underscore is for names that Python keeps to itself (`import_.py` is `import`). A parameter whose type is a
dataclass stands for its fields: they become options of the command, so that what several verbs share is spelled once.
A verb returns its Result, which is told here; every verb gets `-v`, `-q` and `--json`.
"""

import functools
import inspect
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Annotated, Any, get_type_hints

import typer

from dione.cli.console import manners
from dione.cli.result import Result, tell

Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Log what is done.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Tell nothing but the result and errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON value, for a program to read.")]
Verb = Callable[..., Result | None]


def gathered(package: ModuleType) -> typer.Typer:
    """The application of a package's verbs and, for each package inside, a group of them."""
    app = typer.Typer(help=inspect.getdoc(package), no_args_is_help=True, pretty_exceptions_enable=False)
    for found in iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{found.name}")
        name = found.name.rstrip("_").replace("_", "-")
        if found.ispkg:
            app.add_typer(gathered(module), name=name)
        else:
            app.command(name)(spread(getattr(module, found.name)))
    return app


def spread(verb: Verb) -> Callable[..., None]:
    """The verb as a function that typer can read: dataclasses as their fields, and `-v`, `-q` and `--json`."""
    hints = get_type_hints(verb, include_extras=True)
    taken: dict[str, Any] = {name: hints[name] for name in inspect.signature(verb).parameters if is_dataclass(hints[name])}

    @functools.wraps(verb)
    def typed(*, verbose: bool, quiet: bool, as_json: bool, **given: Any) -> None:
        manners(verbose=verbose, quiet=quiet, as_json=as_json)
        built = {name: kind(**{field.name: given.pop(field.name) for field in fields(kind)}) for name, kind in taken.items()}
        result = verb(**built, **given)
        if result is not None:
            tell(result)

    told = {"verbose": Verbose, "quiet": Quiet, "as_json": Json}
    last = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=hint) for name, hint in told.items()]
    parameters = [*_parameters(verb), *last]
    typed.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    typed.__annotations__ = {one.name: one.annotation for one in parameters}
    return typed


def _parameters(verb: Verb) -> Iterator[inspect.Parameter]:
    """Those of the verb by keyword, with each dataclass in its place as its fields."""
    hints = get_type_hints(verb, include_extras=True)
    for name, one in inspect.signature(verb).parameters.items():
        kind = hints[name]
        if not is_dataclass(kind):
            yield one.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=kind)
            continue
        inner = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            yield inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=inner[field.name])
