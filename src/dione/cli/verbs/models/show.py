"""`dione models show`."""

import json
from typing import Annotated

import typer

from dione.cli.result import Result


def show(name: Annotated[str, typer.Argument(help="A name or a .safetensors file.", show_default=False)]) -> Result:
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
    return Result(facts, [json.dumps(facts, indent=2)])
