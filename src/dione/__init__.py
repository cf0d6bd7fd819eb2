"""dione: Sentinel-2 time series, four times sharper, with a map of how far to trust each pixel.

    import dione

    stack = dione.open("my-field/")             # a folder of GeoTIFFs, one a date
    sharp = dione.predict(stack)                # the latest clear date at 2.5 m, with sigma
    dione.write(sharp, "out/")                  # cloud-optimised GeoTIFFs

PyTorch is imported on first use, not before.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dione.evaluation.run import evaluate as evaluate
    from dione.nets.resolver import Resolver as Resolver
    from dione.nets.resolver import load as load
    from dione.prediction.memory import predict as predict
    from dione.prediction.memory import write as write
    from dione.sources import open as open
    from dione.training.config import TrainRecipe as TrainRecipe
    from dione.training.run import train as train

_WHERE = {
    "open": "dione.sources",
    "load": "dione.nets.resolver",
    "Resolver": "dione.nets.resolver",
    "predict": "dione.prediction.memory",
    "write": "dione.prediction.memory",
    "evaluate": "dione.evaluation.run",
    "TrainRecipe": "dione.training.config",
    "train": "dione.training.run",
}
__all__ = ["Resolver", "TrainRecipe", "evaluate", "load", "open", "predict", "train", "write"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"dione has no '{name}'; it has {', '.join(sorted(_WHERE))}")
    return getattr(import_module(_WHERE[name]), name)
