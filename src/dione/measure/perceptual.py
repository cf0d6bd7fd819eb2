"""Distance between two images as a network for something else sees them: its features, and how they go together.

Features: mean squared difference (Johnson, Alahi & Fei-Fei 2016, arXiv 1603.08155). Style: the length of the difference
between the images' Gram matrices, which feature goes with which, wherever (Gatys, Ecker & Bethge 2016, arXiv 1505.07376).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def feature_distance(one: Sequence[Tensor], other: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Mean squared difference of the features (b, f, y, x) of each layer, summed over layers."""
    return torch.stack([(a - b).square().mean() for a, b in zip(one, other, strict=True)]).sum()


def style_distance(one: Sequence[Tensor], other: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Frobenius' length of the difference of the Gram matrices of each layer, mean over images, summed over layers."""
    return torch.stack([_length(gram(a) - gram(b)).mean() for a, b in zip(one, other, strict=True)]).sum()


def gram(features: Float[Tensor, "b f y x"]) -> Float[Tensor, "b f f"]:
    """Mean over pixels of each product of two features."""
    flat = features.flatten(2)
    return flat @ flat.mT / flat.shape[-1]


def _length(matrix: Float[Tensor, "b f f"]) -> Float[Tensor, " b"]:
    """√ of the sum of squares; smooth at zero."""
    return (matrix.square().sum((1, 2)) + 1e-12).sqrt() - 1e-6
