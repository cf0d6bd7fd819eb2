"""A Resolver for other people's runtimes: ONNX, and PyTorch's exported programs.

    sr, sigma = f(lr, valid)        lr (batch, date, 4, y, x) float32 reflectance, the target first; valid (batch, date, y, x) bool
                                    sr, sigma (batch, 4, zoom·y, zoom·x) float32 reflectance and its calibrated 1σ

Any number of dates from 3 up and any size from 8 pixels up; fewer dates are filled up with ones that are valid nowhere,
which have no weight. TorchScript is deprecated in
PyTorch (since 2.5; `torch.jit.trace` would freeze the number of dates); its heir is the exported program, .pt2.
"""

import io
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from dione.base.errors import BadModel, DioneError
from dione.base.storage.files import folder, whole, write_bytes
from dione.nets.deviation import deviation, enlarged
from dione.nets.resolver import Resolver

OPSET = 18
"""Of ONNX, named in the file: what runtimes since 2023 read."""
INSTALL = "pip install 'dione[onnx]'"
LEAST_DATES, MOST_DATES, LEAST_PX, MOST_PX = 3, 64, 8, 8192


class Whole(nn.Module):
    """A network with what a Resolver knows of it inside: sigma comes out calibrated, not as a logarithm."""

    def __init__(self, resolver: Resolver) -> None:
        super().__init__()
        self.net, self.about = resolver.net, resolver.about

    def forward(self, lr: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        sr, log_sigma = self.net(lr, valid)
        return sr, deviation(sr, log_sigma, self.about, enlarged(valid[:, 0], self.about.zoom))


def program(resolver: Resolver) -> ExportedProgram:
    """The Resolver as an exported program, for any number of dates and any size. Raises BadModel for one that is asked in turns, or whose arithmetic goes by the number of dates."""
    from torch._dynamo.exc import UserError  # slow to import

    if resolver.turns > 1:
        raise BadModel(f"{resolver.name} is asked in {resolver.turns} turns, which no file holds\nexport {resolver.name.partition('@')[0]}, and turn its input")
    lr, valid = torch.rand(1, 3, len(resolver.bands), 24, 20), torch.rand(1, 3, 24, 20) > 0.1
    dates, rows, columns = Dim("dates", min=LEAST_DATES, max=MOST_DATES), Dim("y", min=LEAST_PX, max=MOST_PX), Dim("x", min=LEAST_PX, max=MOST_PX)
    shapes = {"lr": {1: dates, 3: rows, 4: columns}, "valid": {1: dates, 2: rows, 3: columns}}
    try:
        with torch.no_grad():
            return torch.export.export(Whole(resolver).eval(), (lr, valid), dynamic_shapes=shapes)
    except UserError as error:
        raise BadModel(
            f"{resolver.name} is a {resolver.about.net}, whose arithmetic goes by the number or the size of its dates: no file holds it for any of them\n"
            "export a setsr (dione models), or sharpen with dione itself: dione predict --model, Resolver.resolve"
        ) from error


def write(resolver: Resolver, *, onnx: Path | None = None, pt2: Path | None = None) -> list[Path]:
    """Write what is named; tracing, which takes half a minute, is done once. Raises BadModel, CannotWrite, DioneError without the extra `onnx`."""
    if onnx:
        _onnx_is_there()
    for path in filter(None, (onnx, pt2)):
        folder(path.parent)
    made = program(resolver)
    return [*([_to_program(made, pt2)] if pt2 else []), *([_to_onnx(made, resolver, onnx)] if onnx else [])]


def _to_program(made: ExportedProgram, path: Path) -> Path:
    """`torch.export.load(path).module()(lr, valid)` runs it."""
    packed = io.BytesIO()  # on a full disk PyTorch ends the process while it tidies up
    torch.export.save(made, packed)
    return write_bytes(path, packed.getbuffer())


def _onnx_is_there() -> None:
    try:
        import onnx  # noqa: F401 - what torch.onnx needs, so that its absence is told by us
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise DioneError(f"an export to ONNX needs onnx and onnxscript, which are not installed ({error})\ninstall the extra: {INSTALL}") from error


def _to_onnx(traced: ExportedProgram, resolver: Resolver, path: Path) -> Path:
    """Opset OPSET, weights inside."""
    # Runtimes optimise what they load; the exporter's own would take as long again.
    names = {"input_names": ["lr", "valid"], "output_names": ["sr", "sigma"]}
    made = torch.onnx.export(traced, dynamo=True, opset_version=OPSET, optimize=False, verbose=False, **names)  # type: ignore[arg-type]
    if made is None:
        raise BadModel(f"{resolver.name} gave no ONNX program")
    made.model.metadata_props.update(_about(resolver))
    with whole(path) as partial:
        made.save(partial, external_data=False)
    return path


def _about(resolver: Resolver) -> dict[str, str]:
    """What stands in the file, beside the arithmetic."""
    about = resolver.about
    return {
        "name": resolver.name,
        "sha256": resolver.digest,
        "bands": " ".join(about.bands),
        "zoom": str(about.zoom),
        "margin_px": str(about.margin),
        "gsd_m": str(about.gsd_m),
        "units": "reflectance, 1.0 = 100 %",
    }
