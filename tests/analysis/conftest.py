"""Two dates of a made-up world with sigma, in memory and as the folder that `dione predict` writes."""

import numpy as np
import pytest

from dione.base import grid as grids
from dione.base import stack as stacks
from dione.prediction.memory import write
from dione.testing import grid_at

FIELDS = ((0.04, 0.07, 0.05, 0.45), (0.09, 0.12, 0.16, 0.26), (0.09, 0.10, 0.12, 0.20), (0.04, 0.06, 0.04, 0.40))
"""Four fields of 100 × 100 m: the quarters of a scene of 80 × 80 px at 2.5 m."""


def ground(*, changed: bool = False) -> np.ndarray:
    image = np.zeros((4, 80, 80), np.float32)
    for number, spectrum in enumerate(FIELDS):
        rows, columns = slice(40 * (number // 2), 40 * (number // 2) + 40), slice(40 * (number % 2), 40 * (number % 2) + 40)
        image[:, rows, columns] = np.array(spectrum)[:, None, None]
    if changed:
        image[:, :40, :40] = np.array(FIELDS[1])[:, None, None]  # the first field was harvested
    return image


@pytest.fixture(scope="module")
def sharp():
    """What was there plus errors of exactly the sigma that is told; a corner not seen, a corner unsure, a corner learned."""
    rng = np.random.default_rng(0)
    truth = np.stack([ground(), ground(changed=True)])
    sigma = np.full(truth.shape, 0.01, np.float32)
    sigma[..., 70:, 70:] = 0.2
    valid = np.ones((2, 80, 80), bool)
    valid[0, :5, 75:] = False
    support = np.full((2, 80, 80), 2, np.uint8)
    support[:, 75:, :5] = 3
    made = stacks.make(
        truth + sigma * rng.standard_normal(truth.shape).astype(np.float32), valid, ["2024-05-01", "2024-07-01"], grids.finer(grid_at((20, 20)), 4)
    )
    return made.assign(sigma=(stacks.DIMS["reflectance"], sigma), support=(stacks.DIMS["valid"], support))


@pytest.fixture(scope="module")
def folder(sharp, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    write(sharp, out)
    return out
