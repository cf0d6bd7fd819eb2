"""Checkpoints of the older pipeline (`HRNet.pth` with `config.json`, `ShiftNet.pth`) → files of dione, same numbers.

Their HighRes-Net took dates from oldest to newest and fused them in that order around the lower median, in numbers
normalised outside; here all that is in the configuration, so that reflectance goes in and comes out, target first.
Their tensors keep their names, but for the block that prepares a fusion (`fuse.fuse.0.block` is `fuse.fuse.0.0.block`).
A .pth is a pickle: it is read as tensors and plain values, and one that needs more is refused.
"""

import hashlib
import pickle
import struct
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from dione.base.bands import BANDS
from dione.base.errors import BadModel, NotFound, faults
from dione.base.storage import documents
from dione.base.storage.files import apart, ends, folder
from dione.nets import resolver
from dione.nets.highresnet import HighResNet, HighResNetConfig
from dione.nets.older import shiftnet
from dione.nets.older.oldconfig import OldConfig

FAULTS = (
    *(RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError, OverflowError, MemoryError),
    *(zipfile.BadZipFile, struct.error),
)
"""What PyTorch raises on a file that is damaged."""
FUSED, BLOCK = "fuse.fuse.0.block.", "fuse.fuse.0.0.block."


class Scaling(BaseModel):
    """What the older pipeline normalised Sentinel-2 with before its network: (reflectance − centre) / spread, of each band."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    centre: tuple[float, ...] = (0.0,)
    spread: tuple[float, ...] = (1.0,)
    source: str = "none: the network takes reflectance as it is"


@dataclass(frozen=True)
class Imported:
    """What was written, and of which network."""

    path: Path
    net: str


def import_checkpoint(path: Path, out: Path, *, config: Path | None = None, scaling: Scaling = Scaling()) -> Imported:
    """Write the weights of `path`, a .pth of the older pipeline, to `out`.

    A HighRes-Net becomes a Resolver and needs its `config`; a ShiftNet is what training with registration can start from.
    Raises NotFound, CannotWrite where `out` is one of these two or no .safetensors, or BadModel for a file that is damaged, needs a pickle to
    be run, or does not fit the config: the first tensor that does not fit is named.
    """
    apart(out, read=filter(None, (path, config)))
    ends(out, ".safetensors")
    tensors = read(path)
    folder(out.parent)
    if "layer1.0.weight" in tensors:
        return Imported(shiftnet.store(out, shift_network(tensors, path)), "shiftnet")
    if config is None:
        raise BadModel(f"{path} needs the configuration that it was trained with\nname it with --config config.json")
    old = read_config(config)
    net = network(tensors, old.highresnet(scaling.centre, scaling.spread), path)
    made = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "scaling": scaling.source, "training": old.kept()}
    about = resolver.About(
        net="highresnet",
        config=net.config.model_dump(mode="json", exclude_defaults=True),
        bands=BANDS,
        zoom=net.config.zoom,
        margin=net.margin,
        provenance={"imported": made},
    )
    return Imported(resolver.store(out, net, about, half=False), "highresnet")


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a .pth by name, in its order; no code of the file is run. Raises NotFound or BadModel."""
    if not path.is_file():
        raise NotFound(f"no file {path}\nneeded a checkpoint, such as HRNet.pth")
    _plain(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of another protocol of pickle: what cannot be read is refused below
            found = torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        raise BadModel(
            f"{path} is refused: {_reason(error)}\nonly tensors are read from a .pth: save the state dict alone, torch.save(net.state_dict(), …)"
        ) from error
    except FAULTS as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadModel(f"{path} is not a whole .pth file: {first:.200}\nput a whole copy there") from error
    inner = next(
        (found[key] for key in ("state_dict", "model_state_dict", "model") if isinstance(found, Mapping) and isinstance(found.get(key), Mapping)), found
    )
    if not isinstance(inner, Mapping) or not inner or not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in inner.items()):
        raise BadModel(f"{path} holds no tensors by name: found {type(inner).__name__}\nneeded a state dict, as torch.save(net.state_dict(), …) writes it")
    if odd := [f"'{key}' is {_kind(value)}" for key, value in inner.items() if not _plain_numbers(value)]:
        raise BadModel(
            faults(f"{path} holds tensors that are no plain arrays of real numbers", odd[:6], "save them as floats: tensor.dequantize(), .to_dense()")
        )
    parallel = all(key.startswith("module.") for key in inner)
    return {key.removeprefix("module.") if parallel else key: value for key, value in inner.items()}


def _plain_numbers(value: Tensor) -> bool:
    return value.layout is torch.strided and value.device.type == "cpu" and not (value.is_quantized or value.is_nested or value.is_complex())


def _kind(value: Tensor) -> str:
    """Of what a tensor is, in PyTorch's words."""
    form = "nested" if value.is_nested else str(value.layout).removeprefix("torch.")
    return f"{str(value.dtype).removeprefix('torch.')}, {form}, on {value.device}"


def _plain(path: Path) -> None:
    """Raise BadModel for an archive that is a program, or would unpack to more than it is."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError):
        return  # no archive: as PyTorch saved before 1.6, or nothing that it reads
    if any(member.filename.endswith(("/constants.pkl", "/code/")) or "/code/" in member.filename for member in members):
        raise BadModel(f"{path} is refused: it is a program (TorchScript)\nonly tensors are read: save the state dict alone, torch.save(net.state_dict(), …)")
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise BadModel(f"{path} is refused: it unpacks to more than its size, and tensors are never packed\nput a whole copy there")


def read_config(path: Path) -> OldConfig:
    """The older pipeline's config.json; raises NotFound, or BadModel with every fault and its path."""
    try:
        found = documents.json_in(path)
    except OSError as error:
        raise NotFound(f"no configuration {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadModel(f"{path} is not JSON: {error}") from error
    whole = found if isinstance(found, dict) and "network" in found else {"network": found}
    try:
        made = OldConfig.model_validate(whole)
        made.highresnet((0.0,), (1.0,))
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].lower()}" for fault in error.errors()]
        raise BadModel(
            faults(f"{path} is not a configuration that dione's HighRes-Net can take", wrong, "give the one that the checkpoint was trained with")
        ) from error
    return made


def network(tensors: Mapping[str, Tensor], config: HighResNetConfig, path: Path) -> HighResNet:
    """HighRes-Net of this configuration with these weights, by their old names; raises BadModel with what does not fit, the first tensor first."""
    net = HighResNet(config)
    _fit({_old(key): value for key, value in net.state_dict().items()}, tensors, path)
    net.load_state_dict({key: tensors[_old(key)].float() for key in net.state_dict()})
    return net.eval()


def shift_network(tensors: Mapping[str, Tensor], path: Path) -> shiftnet.ShiftNet:
    """ShiftNet with these weights, whose shapes say its configuration; raises BadModel."""
    try:
        (filters, inputs), (hidden, flat) = tensors["layer1.0.weight"].shape[:2], tensors["fc1.weight"].shape
        side = round((flat / (2 * filters)) ** 0.5) << shiftnet.HALVINGS
        net = shiftnet.ShiftNet(shiftnet.ShiftNetConfig(bands=inputs // 2, side_px=side, filters=filters, hidden=hidden))
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise BadModel(f"{path} is not a whole ShiftNet: {error}\nneeded layer1 … layer8, fc1 and fc2") from error
    wanted = {key: value for key, value in net.state_dict().items() if not key.endswith("num_batches_tracked")}
    _fit(wanted, {key: value for key, value in tensors.items() if not key.endswith("num_batches_tracked")}, path)
    net.load_state_dict({key: tensors[key] for key in wanted}, strict=False)
    return net.eval()


def _fit(wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: Path) -> None:
    wrong = [
        f"'{key}' is {'×'.join(map(str, tensors[key].shape)) if key in tensors else 'missing'}, the configuration makes it {'×'.join(map(str, value.shape))}"
        for key, value in wanted.items()
        if key not in tensors or tensors[key].shape != value.shape
    ]
    wrong += [f"'{key}' has no place in a network of this configuration" for key in tensors if key not in wanted]
    fitting = [key for key, value in wanted.items() if key in tensors and tensors[key].shape == value.shape]  # others may claim to be of any size
    wrong += [f"'{key}' holds values that are not finite" for key in fitting if not torch.isfinite(tensors[key].float()).all()]
    if wrong:
        more = [f"and {len(wrong) - 6} more"] if len(wrong) > 6 else []
        raise BadModel(faults(f"{path} does not fit its configuration", wrong[:6] + more, "give the config.json that it was trained with"))


def _old(key: str) -> str:
    """The older pipeline's name of a tensor."""
    return key.replace(BLOCK, FUSED)


def _reason(error: Exception) -> str:
    """What a pickle asked for, out of PyTorch's words."""
    words: list[str] = [line.strip() for line in str(error).splitlines() if "GLOBAL" in line or "Unsupported" in line or "class" in line.lower()]
    return f"{(words or [str(error).splitlines()[0] if str(error) else type(error).__name__])[0]:.300}"
