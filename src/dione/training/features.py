"""Features of a network of the user's own, for the perceptual loss."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn

from dione.base.errors import BadRecipe, NotFound
from dione.training.lossconfig import Perceptual

Features = Callable[[Tensor], list[Tensor]]
FILES = (".pt", ".ts", ".pth")


def load_features(config: Perceptual, device: torch.device) -> Features:
    """What turns images into features; its weights stay as they are, and gradients pass through it.

    Either is code that is run: raises BadRecipe where it is not trusted, cannot be read, or is not there; NotFound for a
    file that is not there.
    """
    path = Path(config.features)
    if not config.trust:
        raise BadRecipe(
            f"train.loss.perceptual.features: {path} is code that would be run\n"
            "if it is your own, say so on the command line, which no recipe can: --set train.loss.perceptual.trust=true"
        )
    made = _script(path) if path.suffix in FILES else _called(config.features)
    if isinstance(made, nn.Module):
        made = made.to(device).eval()
        for weight in made.parameters():
            weight.requires_grad_(False)

    def features(images: Tensor) -> list[Tensor]:
        found = made(images)
        layers = [found] if isinstance(found, Tensor) else list(found)
        wrong = [
            type(layer).__name__ if not isinstance(layer, Tensor) else str(tuple(layer.shape))
            for layer in layers
            if not isinstance(layer, Tensor) or layer.ndim != 4
        ]
        if wrong or not layers:
            raise BadRecipe(
                f"train.loss.perceptual.features: {config.features} gave {', '.join(wrong) or 'nothing'}\nneeded features (b, f, y, x), one tensor or a list of them"
            )
        return layers

    return features


def _script(path: Path) -> nn.Module:
    if not path.is_file():
        raise NotFound(f"train.loss.perceptual.features: no file {path}")
    try:
        return torch.jit.load(str(path), map_location="cpu")
    except (RuntimeError, ValueError) as error:
        raise BadRecipe(f"train.loss.perceptual.features: {path} cannot be read as TorchScript: {str(error).splitlines()[0]:.200}") from error


def _called(name: str) -> Callable[[Tensor], Tensor]:
    module, colon, attribute = name.partition(":")
    try:
        if not colon:
            raise ImportError("it names no callable")
        factory = getattr(import_module(module), attribute)
        made = factory()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise BadRecipe(f"train.loss.perceptual.features: '{name}' cannot be used: {error}\nneeded module:callable, importable here, or a .pt file") from error
    if not callable(made):
        raise BadRecipe(f"train.loss.perceptual.features: {name}() gave {type(made).__name__}, which cannot be called\nneeded a function or torch module")
    return made
