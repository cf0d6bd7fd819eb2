"""Networks by name. To add one: write its module, add its line here; tests/nets/test_zoo.py tries whatever stands here."""

from torch import nn

from dione.base.errors import BadModel
from dione.nets.baselines import Bicubic, BicubicMedian, Nearest
from dione.nets.highresnet import HighResNet
from dione.nets.setsr import SetSR

NETS: dict[str, type[nn.Module]] = {"setsr": SetSR, "highresnet": HighResNet}
"""With weights: classes with a pydantic `Config` and a `margin`."""

BASELINES: dict[str, type[nn.Module]] = {"nearest": Nearest, "bicubic": Bicubic, "bicubic-median": BicubicMedian}
"""Without weights: classes made from a zoom."""


def make(name: str, config: dict[str, object]) -> nn.Module:
    """The network `name` with fresh weights; raises BadModel for an unknown name or a config that does not fit."""
    if name not in NETS:
        raise BadModel(f"no network is called '{name}'\nthere are: {', '.join(NETS)}")
    kind = NETS[name]
    try:
        return kind(kind.Config(**config))  # type: ignore[attr-defined]
    except ValueError as error:
        raise BadModel(f"the configuration does not fit {name}: {error}") from error
