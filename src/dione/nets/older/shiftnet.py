"""ShiftNet: how far one image has to be moved to lie on another, regressed from the pair.

Written from DeTone et al. 2016, Deep Image Homography Estimation, arXiv 1606.03798 (the layers), and Deudon et al. 2020,
arXiv 2002.06460 (its use: two numbers instead of a homography, trained along with the network whose results it moves).

    two images, each band's mean off ─ 8 × (conv 3×3, batch norm, ReLU), halved after the 2nd, 4th and 6th ─ dropout ─ fc1 ─ ReLU ─ fc2 ─ (right, down)

It begins by moving nothing: fc2 starts at zero.
"""

from pathlib import Path

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from dione.base.errors import BadModel, NotFound, faults
from dione.base.storage.files import whole
from dione.nets.sizes import Few, Width, modest, of_blocks

HALVINGS = 3
DROPPED = 0.5
HEADER = "dione-shiftnet"


class ShiftNetConfig(BaseModel):
    """As the prior art sets it, which leaves a rim of 16 of its 128 sharp pixels out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bands: Few = 4
    side_px: Width = 96
    """Side of the images that it compares, a multiple of 8."""
    filters: Width = 64
    hidden: Width = 1024

    @field_validator("side_px")
    @classmethod
    def _halved_evenly(cls, side: int) -> int:
        if side % (1 << HALVINGS):
            raise ValueError(f"needs a multiple of {1 << HALVINGS}")
        return side

    @model_validator(mode="after")
    def _modest(self) -> "ShiftNetConfig":
        flat = 2 * self.filters * (self.side_px >> HALVINGS) ** 2
        modest(flat * self.hidden + of_blocks(2 * self.filters, 4))
        return self


class ShiftNet(nn.Module):
    """The network. It knows images of one size only."""

    Config = ShiftNetConfig

    def __init__(self, config: ShiftNetConfig = ShiftNetConfig()):
        super().__init__()
        c, f = config, config.filters
        self.config = config
        widths = (2 * c.bands, f, f, f, f, 2 * f, 2 * f, 2 * f, 2 * f)
        for number in range(1, 9):
            halve = [nn.MaxPool2d(2)] if number in (2, 4, 6) else []
            layer = nn.Sequential(nn.Conv2d(widths[number - 1], widths[number], 3, padding=1), nn.BatchNorm2d(widths[number]), nn.ReLU(), *halve)
            self.add_module(f"layer{number}", layer)
        self.fc1 = nn.Linear(2 * f * (c.side_px >> HALVINGS) ** 2, c.hidden)
        self.fc2 = nn.Linear(c.hidden, 2, bias=False)
        nn.init.zeros_(self.fc2.weight)

    def forward(
        self, fixed: Float[Tensor, "b c side side"], moving: Float[Tensor, "b c side side"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "b 2"]:
        """Pixels that `moving` has to be moved right and down to lie on `fixed`. In training, half of the features are dropped as `generator` draws."""
        x = torch.cat([image - image.mean((-2, -1), keepdim=True) for image in (fixed, moving)], 1)
        for number in range(1, 9):
            x = self.get_submodule(f"layer{number}")(x)
        features = x.flatten(1)
        if self.training:
            kept = torch.rand(features.shape, generator=generator) >= DROPPED
            features = features * kept.to(features.device) / (1 - DROPPED)
        return self.fc2(torch.relu(self.fc1(features)))


def middle(image: Float[Tensor, "b c y x"], side: int) -> Float[Tensor, "b c v u"]:
    """The square of `side` pixels in the middle."""
    top, left = ((size - side) // 2 for size in image.shape[-2:])
    return image[..., top : top + side, left : left + side]


def store(path: Path, net: ShiftNet) -> Path:
    """Write weights and configuration as one .safetensors file, whole."""
    with whole(path) as partial:
        partial.write_bytes(
            save({key: value.detach().cpu().contiguous() for key, value in net.state_dict().items()}, metadata={HEADER: net.config.model_dump_json()})
        )
    return path


def load(path: Path) -> ShiftNet:
    """A ShiftNet as `store` wrote it; raises NotFound, or BadModel for another file."""
    if not path.is_file():
        raise NotFound(f"no file {path}\nneeded a ShiftNet that `dione models import ShiftNet.pth` wrote")
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get(HEADER, "")
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        net = ShiftNet(ShiftNetConfig.model_validate_json(header))
    except (SafetensorError, OSError, ValidationError) as error:
        raise BadModel(f"{path} is no ShiftNet of dione: {str(error).splitlines()[0]}\nneeded a file that `dione models import ShiftNet.pth` wrote") from error
    wanted = {key: tuple(value.shape) for key, value in net.state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    wrong = [f"'{key}' is {found.get(key, 'missing')}, needs {shape}" for key, shape in wanted.items() if found.get(key) != shape]
    if wrong:
        raise BadModel(faults(f"{path} does not fit its own configuration", wrong[:8], "the file is damaged; import it again"))
    net.load_state_dict(tensors)
    return net
