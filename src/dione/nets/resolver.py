"""The Resolver: a network with all that is needed to use it, in one .safetensors file.

    weights       tensors, float16 or float32
    "dione"       in the header, JSON: format, net and its config, bands, zoom, scaling, margin, calibration, provenance

Reflectance in, reflectance out; what normalises, if anything, is inside. Loading runs no code from the file.
"""

import hashlib
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from dione.base.bands import BANDS
from dione.base.errors import BadModel, NotFound, faults
from dione.base.optics import BOX_MODULATION
from dione.base.storage import documents
from dione.base.storage.files import write_bytes
from dione.nets import zoo
from dione.nets.abroad import arrays
from dione.nets.deviation import deviation, enlarged
from dione.nets.sizes import Few
from dione.nets.turned import TURNS, Turned
from dione.sources import carrying
from dione.sources.places import is_remote

FORMAT = 1
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Modulation = Annotated[float, Field(gt=0, lt=BOX_MODULATION)]
LARGEST_HEADER = 1 << 20


class About(BaseModel):
    """The header of a weights file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    net: str
    config: dict[str, Any] = {}
    bands: tuple[str, ...] = BANDS
    zoom: Few = 4
    gsd_m: Positive = 10.0
    """Ground sampling distance it was made for."""
    modulation: Modulation | None = None
    """What the sensors that it learned from left at the Nyquist frequency, on the mean; unknown where there is none."""
    margin: Annotated[int, Field(ge=0, le=4096)]
    """Radius of the receptive field in coarse pixels: windows overlap by it."""
    sigma_scale: tuple[Positive, Positive, Positive, Positive] = (1.0, 1.0, 1.0, 1.0)
    """Calibration: what each band's sigma is multiplied by."""
    sigma_floor: tuple[Share, Share, Share, Share] = (0.0, 0.0, 0.0, 0.0)
    """Calibration: the share of the light (dione.measure.calibration.lit) that each band's sigma has in any case, in squares."""
    sigma_filled: Positive = 1.0
    """Calibration: what sigma is multiplied by where other dates filled what the target did not see."""
    intervals: dict[str, Positive] = {}
    """Calibration: half the width of the interval of each level in scaled sigmas, {"0.5": 0.6, "0.8": 1.2, "0.9": 1.645}; empty if there was none."""
    provenance: dict[str, Any] = {}
    """What made it: data, seeds, steps, scores, licence."""


@dataclass(frozen=True)
class Resolver:
    """A network and its facts: `.bands`, `.zoom`, `.margin` (coarse pixels), `.net(lr, valid) -> (sr, log_sigma)`.

    >>> import dione
    >>> bicubic = dione.load("bicubic")
    >>> bicubic.bands, bicubic.zoom, bicubic.margin
    (('blue', 'green', 'red', 'nir'), 4, 6)
    """

    net: nn.Module = field(repr=False)
    about: About = field(repr=False)
    name: str
    digest: str = ""
    """sha256 of the file; empty for baselines."""
    sees: float | None = None
    """What its input has left at Nyquist, where that is not what it was made for: a prediction then brings it there first."""

    @property
    def bands(self) -> tuple[str, ...]:
        return self.about.bands

    @property
    def zoom(self) -> int:
        return self.about.zoom

    @property
    def margin(self) -> int:
        return self.about.margin

    @property
    def fills(self) -> bool:
        """Whether it fills the target's clouds from the supports."""
        return bool(getattr(self.net, "fills", True))

    @property
    def turns(self) -> int:
        """In how many turns the network is asked."""
        return int(getattr(self.net, "turns", 1))

    @property
    def has_weights(self) -> bool:
        return bool(self.digest)

    @torch.inference_mode()
    def resolve(self, lr: Any, valid: Any = None) -> tuple[Any, Any]:
        """Arrays in, arrays out, in this process: the target's reflectance on a grid `zoom` times finer, and its 1σ.

        lr: (date, band, y, x), or with a batch before, reflectance, 1.0 = 100 %, the target first, then supports from newest
            to oldest; a NumPy array or whatever speaks DLPack. valid: (date, y, x) True = seen clear; where lr is finite by default.
        Returns sr and sigma (band, zoom·y, zoom·x) float32: NumPy for NumPy, tensors for all else. All at once and in float32:
        for scenes use `dione.predict`, which goes by windows. Raises BadBands for arrays of another form, all faults at once.

        >>> import dione, numpy as np
        >>> sr, sigma = dione.load("bicubic").resolve(np.full((3, 4, 10, 12), 0.1, "float32"))
        >>> sr.shape, sigma.shape, round(float(sr.mean()), 3)
        ((4, 40, 48), (4, 40, 48), 0.1)
        """
        x, seen = arrays.checked(lr, valid, len(self.bands))
        sr, log_sigma = self.net(x, seen)
        sigma = deviation(sr, log_sigma, self.about, enlarged(seen[:, 0], self.zoom))
        return arrays.like(sr, lr, batched=lr.ndim == 5), arrays.like(sigma, lr, batched=lr.ndim == 5)


def load(name: str | Path) -> Resolver:
    """A Resolver by name (`setsr-s`, `bicubic`, ...) or from a .safetensors file, here or at s3://; `setsr-s@4` and `@8` ask it in so many turns (nets/turned.py).

    Raises NotFound with the names there are, or BadModel for a file that is damaged, foreign, or of another format.

    >>> import dione
    >>> dione.load("setsr-s").zoom
    4
    """
    plain, _, turns = str(name).rpartition("@")
    if plain and turns in TURNS:
        once = load(plain)
        return replace(once, net=Turned(once.net, TURNS[turns]).eval(), name=f"{once.name}@{turns}")
    if str(name) in zoo.BASELINES:
        net = zoo.BASELINES[str(name)]().eval()
        return Resolver(net, About(net=str(name), margin=net.margin), str(name))  # type: ignore[arg-type]
    if is_remote(name):
        with carrying.brought(name) as file:
            return load(file)
    path = shipped().get(str(name), Path(name))
    if not path.is_file():
        turned = f"\nto be asked in turns a name ends with {' or '.join(f'@{turns}' for turns in TURNS)}" if plain else ""
        raise NotFound(f"no model '{name}': it is neither a file nor one of {', '.join([*shipped(), *zoo.BASELINES])}{turned}")
    return _read(path)


def at_zoom(found: Resolver, zoom: int) -> Resolver:
    """A method without weights for another zoom; a network is for its own."""
    if found.zoom == zoom or found.name not in zoo.BASELINES:
        return found
    return replace(found, net=zoo.BASELINES[found.name](zoom).eval(), about=found.about.model_copy(update={"zoom": zoom}))


def shipped() -> dict[str, Path]:
    """The weights that come with the package, by name."""
    folder = Path(str(resources.files("dione") / "weights"))
    return {file.stem: file for file in sorted(folder.glob("*.safetensors"))}


def store(path: Path, net: nn.Module, about: About, *, half: bool = True) -> Path:
    """Write weights and facts as one file, whole; float16 by default (halves the size, see docs/add-a-network.md)."""
    net = net.net if isinstance(net, Turned) else net
    tensors = {key: (value.half() if half and value.is_floating_point() else value).contiguous() for key, value in net.state_dict().items()}
    data = save(tensors, metadata={"dione": about.model_dump_json()})
    return write_bytes(path, data)


def _read(path: Path) -> Resolver:
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get("dione", "")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise BadModel(f"{path} is not a whole .safetensors file: {error}\nfetch it again, or import other formats with `dione models import`") from error
    about = _about(path, header)
    net = zoo.make(about.net, about.config)
    _fit(path, net, tensors)
    own = {"zoom": int(getattr(getattr(net, "config", None), "zoom", about.zoom)), "margin": int(getattr(net, "margin", about.margin))}
    if own["zoom"] != about.zoom or own["margin"] > about.margin:
        told = f"zoom {about.zoom} and a margin of {about.margin}, its network has zoom {own['zoom']} and needs a margin of {own['margin']}"
        raise BadModel(f"{path} says {told}\nthe file was edited; fetch it again")
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Resolver(net.eval(), about, path.stem, hashlib.sha256(path.read_bytes()).hexdigest())


def _about(path: Path, header: str) -> About:
    if not header or len(header) > LARGEST_HEADER:
        raise BadModel(f"{path} holds weights, but no dione header that says of which network\nneeded a file written by `dione train` or `dione models import`")
    try:
        found = documents.json_of(header)
        if isinstance(found, dict) and found.get("format") != FORMAT:
            raise BadModel(
                f"{path} is of format {found.get('format')}, this dione reads format {FORMAT}\ninstall the version of dione that wrote it, or a newer one"
            )
        about = About.model_validate(found)
    except ValueError as error:  # pydantic's is one too
        raise BadModel(f"{path} has a header that cannot be read: {error}") from error
    if about.bands != BANDS:
        raise BadModel(f"{path} was made for the bands {list(about.bands)}; dione gives {list(BANDS)}\nuse a model made for these four")
    return about


def _fit(path: Path, net: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    wanted = net.state_dict()
    wrong = [f"no tensor '{key}'" for key in wanted if key not in tensors]
    wrong += [f"'{key}' is of no use to this network" for key in tensors if key not in wanted]
    wrong += [f"'{k}' is {tuple(t.shape)}, needs {tuple(wanted[k].shape)}" for k, t in tensors.items() if k in wanted and t.shape != wanted[k].shape]
    wrong += [f"'{key}' holds values that are not finite" for key, value in tensors.items() if not torch.isfinite(value.float()).all()]
    if wrong:
        raise BadModel(faults(f"{path} does not fit its own configuration", wrong[:8], "the file is damaged or was edited; fetch it again"))
    net.load_state_dict({key: value.to(wanted[key].dtype) for key, value in tensors.items()})
