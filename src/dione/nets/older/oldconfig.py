"""config.json of the older pipeline, and the configuration of our HighRes-Net that computes the same.

What it says of training is kept as provenance, but for how many dates it fused. Public layout: `network` with `encoder`,
`recursive` and `decoder` (either `pixel_shuffle`, or `deconv` and `final`).
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from dione.base.bands import BANDS
from dione.nets.highresnet import HighResNetConfig
from dione.nets.sizes import Depth, Few, Width

KEPT = (
    "loss_metric",
    "apply_correction",
    "lambda",
    "eta",
    "lr",
    "batch_size",
    "num_epochs",
    "n_views",
    "reg_offset",
    "patch_size",
    "histogram_matching",
    "augment",
    "seed",
)


class _Old(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Encoder(_Old):
    """One date beside its reference → features."""

    in_channels: int
    num_layers: Depth
    kernel_size: Literal[3]
    channel_size: Width

    @model_validator(mode="after")
    def _four_bands(self) -> "Encoder":
        if self.in_channels != 2 * len(BANDS):
            raise ValueError(f"in_channels is {self.in_channels}, needs {2 * len(BANDS)}: {len(BANDS)} bands and their reference")
        return self


class Recursive(_Old):
    """Two dates → one."""

    alpha_residual: Literal[True]
    in_channels: PositiveInt
    kernel_size: Literal[3]


class Shuffle(_Old):
    """Decoder by pixel shuffle."""

    in_channels: PositiveInt
    out_channels: PositiveInt
    kernel_size: Literal[3]
    stride: Literal[1]
    scale: Few


class Deconvolution(_Old):
    """Decoder by deconvolution, its first half."""

    in_channels: PositiveInt
    out_channels: PositiveInt
    kernel_size: PositiveInt
    stride: Few


class Final(_Old):
    """Decoder by deconvolution, its second half."""

    in_channels: PositiveInt
    out_channels: PositiveInt
    kernel_size: Literal[1]


class Decoder(_Old):
    """One of the two."""

    pixel_shuffle: Shuffle | None = None
    deconv: Deconvolution | None = None
    final: Final | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> "Decoder":
        if (self.pixel_shuffle is None) == (self.deconv is None or self.final is None):
            raise ValueError("needs either pixel_shuffle, or both deconv and final")
        if self.deconv and self.deconv.kernel_size not in (self.deconv.stride - 1, self.deconv.stride):
            raise ValueError(
                f"deconv.kernel_size is {self.deconv.kernel_size}, needs the stride of {self.deconv.stride} or one less to give an image of that zoom"
            )
        return self

    @property
    def zoom(self) -> int:
        return self.pixel_shuffle.scale if self.pixel_shuffle else self.deconv.stride if self.deconv else 0


class Network(_Old):
    """The three, which have to agree."""

    encoder: Encoder
    recursive: Recursive
    decoder: Decoder

    @model_validator(mode="after")
    def _agree(self) -> "Network":
        width, bands, zoom, shuffle, deconv, final = self.encoder.channel_size, len(BANDS), self.decoder.zoom, *vars(self.decoder).values()
        wanted = {"recursive.in_channels": (self.recursive.in_channels, width)}
        wanted |= {"decoder.pixel_shuffle.in_channels": (shuffle.in_channels, width)} if shuffle else {}
        wanted |= {"decoder.pixel_shuffle.out_channels": (shuffle.out_channels, bands * zoom**2)} if shuffle else {}
        wanted |= {"decoder.deconv.in_channels": (deconv.in_channels, width), "decoder.deconv.out_channels": (deconv.out_channels, width)} if deconv else {}
        wanted |= {"decoder.final.in_channels": (final.in_channels, width), "decoder.final.out_channels": (final.out_channels, bands)} if final else {}
        wrong = [f"{name} is {found}, needs {needed}" for name, (found, needed) in wanted.items() if found != needed]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class OldConfig(_Old):
    """The file."""

    network: Network
    training: dict[str, Any] = Field(default_factory=dict)

    @field_validator("training")
    @classmethod
    def _views(cls, training: dict[str, Any]) -> dict[str, Any]:
        views = training.get("n_views")
        if views is not None and (not isinstance(views, int) or isinstance(views, bool) or not 1 <= views <= 1024):
            raise ValueError(f"n_views is {views!r:.40}, needs a number of dates")
        return training

    def highresnet(self, centre: tuple[float, ...], spread: tuple[float, ...]) -> HighResNetConfig:
        """The same computation, on reflectance normalised with these."""
        old, slots = self.network, self.training.get("n_views")
        kernel = old.decoder.deconv.kernel_size if old.decoder.deconv else None
        return HighResNetConfig(
            zoom=old.decoder.zoom,
            channels=old.encoder.channel_size,
            encoder_blocks=old.encoder.num_layers,
            decoder="deconvolution" if kernel else "pixelshuffle",
            deconvolution_kernel=kernel,
            residual=False,
            centre=centre,
            spread=spread,
            reference="lower median",
            order="oldest first",
            slots=slots,
            drops_odd=bool(slots and slots & (slots - 1)),
        )

    def kept(self) -> dict[str, Any]:
        """What is worth remembering of how it was trained; no path of any machine."""
        return {name: self.training[name] for name in KEPT if name in self.training}
