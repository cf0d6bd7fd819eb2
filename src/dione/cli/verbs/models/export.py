"""`dione models export`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.console import note
from dione.cli.result import Result


def export(
    name: Annotated[str, typer.Argument(help="A name or a .safetensors file.", show_default=False)],
    onnx: Annotated[Path | None, typer.Option(help="The .onnx file to write (extra onnx); any number of dates, any size.")] = None,
    pt2: Annotated[
        Path | None, typer.Option("--pt2", "--torchscript", help="The .pt2 file to write: PyTorch's exported program, the heir of TorchScript.")
    ] = None,
    stac: Annotated[Path | None, typer.Option(help="The STAC item (machine-learning model extension) to write.")] = None,
) -> Result:
    """A model for other runtimes: ONNX, PyTorch's exported program; and its description as a STAC item.

    Example: dione models export setsr-s --onnx setsr-s.onnx --stac setsr-s.json
    """
    if not (onnx or pt2 or stac):
        raise typer.BadParameter("nothing to write: name a file", param_hint="--onnx, --pt2, --stac")
    from dione.base.storage.files import apart, ends
    from dione.nets.abroad import exported, stacmodel
    from dione.nets.resolver import load, shipped

    resolver = load(name)
    plain = name.rpartition("@")[0] if resolver.turns > 1 else name
    apart(*filter(None, (onnx, pt2, stac)), read=[Path(shipped().get(plain, plain))] if resolver.has_weights else [])
    for path, ending in ((onnx, ".onnx"), (pt2, ".pt2"), (stac, ".json")):
        if path and not path.suffix:
            ends(path, ending)
    files = {kind: path for kind, path in (("onnx", onnx), ("pt2", pt2)) if path}
    made = list(exported.write(resolver, onnx=onnx, pt2=pt2)) if files else []
    if stac:
        weights = {"weights": shipped().get(plain, plain)} if resolver.has_weights else {}
        made.append(stacmodel.write(stac, resolver, files=weights | files))
        if not weights | files:
            note(f"{name} is a method without weights: its item links to no file")
    return Result({"model": resolver.name, "files": made}, made)
