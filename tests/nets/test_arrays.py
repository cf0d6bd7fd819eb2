"""A Resolver on arrays of other libraries."""

import numpy as np
import pytest
import torch

from dione.base.errors import BadBands
from dione.nets.resolver import load
from dione.prediction.memory import predict
from dione.testing import landscape, series


@pytest.fixture(scope="module")
def stack():
    return series(landscape((20, 24), seed=1), days=3, seed=1).stack


def test_numpy_in_numpy_out_is_what_predict_gives(stack):
    sr, sigma = load("setsr-s").resolve(stack["reflectance"].values[::-1], stack["valid"].values[::-1])
    sharp = predict(stack, precision="float32")
    assert isinstance(sr, np.ndarray) and sr.dtype == np.float32
    np.testing.assert_allclose(sr, sharp["reflectance"].values[0], atol=1e-5)
    np.testing.assert_allclose(sigma, sharp["sigma"].values[0], atol=1e-5)


def test_tensors_and_whatever_speaks_dlpack_come_back_as_tensors(stack):
    class Foreign:
        """An array of a library that we do not know."""

        def __init__(self, array):
            self.array, self.ndim = array, array.ndim

        def __dlpack__(self, **how):
            return self.array.__dlpack__(**how)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    values = stack["reflectance"].values.copy()
    ours, theirs = (load("bicubic").resolve(each)[0] for each in (torch.from_numpy(values)[None], Foreign(values)))
    assert ours.shape == (1, 4, 80, 96) and torch.equal(ours[0], theirs)


def test_what_is_not_finite_is_not_seen(stack):
    values = stack["reflectance"].values[::-1].copy()
    values[1, 0, 5, 5] = np.nan
    assert np.isfinite(load("setsr-s").resolve(values)[0]).all()


def test_arrays_of_another_form_are_told_all_faults(stack):
    with pytest.raises(BadBands, match=r"(?s)3 bands.*int64.*valid"):
        load("bicubic").resolve(np.ones((2, 3, 8, 8), int), np.ones((2, 9, 9), bool))
    with pytest.raises(BadBands, match="axes"):
        load("bicubic").resolve(np.ones((4, 8), np.float32))
