"""dione: Sentinel-2 time series, four times sharper, with a map of how far to trust each pixel.

    import dione

    stack = dione.open("stac:earth-search", area=(42.39, 2.83), size_m=1280, dates="2024-05/2024-08")
    sharp = dione.predict(stack)                # the latest clear date at 2.5 m, with sigma
    sharp.dione.save("out/")                    # cloud-optimised GeoTIFFs

PyTorch and xarray are imported on first use, not before. With the first use, every Dataset has `.dione` (dione.accessor).
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dione.evaluation.run import evaluate as evaluate
    from dione.nets.resolver import Resolver as Resolver
    from dione.nets.resolver import load as load
    from dione.opening import open as open
    from dione.prediction.memory import predict as predict
    from dione.prediction.memory import write as write
    from dione.training.config import TrainRecipe as TrainRecipe
    from dione.training.run import train as train

_WHERE = {
    "open": "dione.opening",
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
    if name == "__version__":
        return version("dione")
    if name not in _WHERE:
        raise AttributeError(f"dione has no '{name}'; it has {', '.join(sorted(_WHERE))}")
    import_module("dione.accessor")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return ["__version__", *__all__]
