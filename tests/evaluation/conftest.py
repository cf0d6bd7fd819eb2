import numpy as np
import pytest
import torch

from dione.evaluation.cases import Cases, Made, scored
from dione.nets.resolver import load
from dione.patches import store
from dione.testing import landscape, series


def write_patches(path, numbers, *, cloud=0.0, shape=(14, 14)):
    """A store with a patch for each number: three dates, two patches a place, sites of eight."""

    def patches():
        for number in numbers:
            made = series(landscape(shape, seed=number), days=3, seed=number, cloud=cloud if number % 2 else 0)
            facts = {"site": f"s{number // 8}", "place": f"p{number // 2}", "sensor": "made up", "split": "train" if number == 16 else "test"}
            yield store.Patch(made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1], made.truth[-1], facts)

    store.write(path, patches(), {"made_by": "test"})
    return store.read(path)


@pytest.fixture(scope="session")
def opened(tmp_path_factory):
    """Two sites of four places, and one patch of another split."""
    return write_patches(tmp_path_factory.mktemp("store") / "store", range(17), cloud=0.3)


@pytest.fixture
def cases():
    """Four images of which a model `true` knows the truth but for noise of a known size; bicubic beside it."""
    random = torch.Generator().manual_seed(0)
    made = [series(landscape((14, 14), seed=number), days=1, seed=number) for number in range(4)]
    lr = torch.stack([torch.from_numpy(one.stack["reflectance"].values[0]) for one in made])
    hr = torch.stack([torch.from_numpy(one.truth[0]) for one in made])
    valid = torch.ones(4, 14, 14, dtype=torch.bool)
    bicubic, log_sigma = load("bicubic").net(lr[:, None], valid[:, None])
    sigma = 0.005 * torch.exp(0.5 * torch.randn(hr.shape, generator=random))
    noise = sigma * torch.randn(hr.shape, generator=random)
    keys = {"site": np.array(["a", "a", "b", "b"]), "place": np.array(["p", "q", "p", "q"]), "patch": np.arange(4).astype(str)}
    keys |= {"sensor": np.full(4, "made up"), "day": np.full(4, ""), "dates": np.full(4, 1), "hidden": np.zeros(4)}
    models = {
        "true": Made(hr + noise, sigma),
        "perfect": Made(hr, sigma),
        "bright": Made(hr + 0.05, sigma),
        "half": Made((bicubic + hr) / 2, sigma),
        "loud": Made(bicubic + 2 * (hr - bicubic), sigma),
        "bicubic": Made(bicubic, log_sigma.exp()),
    }
    return Cases(keys, lr, hr, scored(valid, zoom=4, border=1), models)
