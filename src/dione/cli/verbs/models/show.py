"""`dione models show`."""

from typing import Annotated

import typer

from dione.cli.console import Json, say_json


def show(name: Annotated[str, typer.Argument(help="A name or a .safetensors file.", show_default=False)], as_json: Json = False) -> None:
    """What a model is, and what made it.

    Example: dione models show setsr-s
    """
    from dione.nets.resolver import load

    resolver = load(name)
    facts = resolver.about.model_dump(mode="json") | {
        "name": resolver.name,
        "sha256": resolver.digest,
        "parameters": sum(p.numel() for p in resolver.net.parameters()),
    }
    say_json(facts, indent=None if as_json else 2)
