import pytest
import torch

from dione.measure.perceptual import feature_distance, gram, style_distance


def test_the_same_features_have_no_distance_and_no_style_between_them():
    layers = [torch.rand(2, 3, 4, 4), torch.rand(2, 5, 2, 2)]
    assert feature_distance(layers, layers) == 0 and style_distance(layers, layers) == 0


def test_distances_are_as_by_hand():
    one, other = torch.zeros(1, 2, 1, 2), torch.tensor([[[[1.0, 2.0]], [[0.0, 1.0]]]])
    assert gram(other)[0].tolist() == [[2.5, 1.0], [1.0, 0.5]]
    assert float(feature_distance([one], [other])) == pytest.approx(6 / 4)
    assert float(style_distance([one], [other])) == pytest.approx((2.5**2 + 1 + 1 + 0.25) ** 0.5, rel=1e-5)


def test_style_does_not_mind_where_a_feature_is():
    image = torch.rand(1, 3, 6, 6)
    moved = image.roll(2, -1)
    assert float(style_distance([image], [moved])) < 1e-5 < 0.05 < float(feature_distance([image], [moved]))


def test_gradients_are_finite_where_images_are_the_same():
    image = torch.rand(1, 2, 3, 3, requires_grad=True)
    style_distance([image], [image.detach()]).backward()
    assert torch.isfinite(image.grad).all()
