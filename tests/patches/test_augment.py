import numpy as np
import pytest
import torch
from skimage.exposure import match_histograms

from dione.patches import augment, store
from dione.patches.augment import AugmentConfig
from dione.patches.dataset import Patches
from dione.testing import landscape, series


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "store"

    def each():
        for number in range(6):
            made = series(landscape((8, 8), seed=number), days=6, seed=number)
            facts = {"site": "here", "place": str(number), "sensor": "made up", "split": "train"}
            yield store.Patch(made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1], made.truth[-1], facts)

    store.write(path, each(), {})
    return Patches(store.read(path), np.arange(6))


def drawn(patches, seed=0, dates=4, **settings):
    return patches.draw(5, dates, torch.Generator().manual_seed(seed), AugmentConfig(**settings))


def test_the_same_draw_gives_the_same_batch_and_defaults_change_nothing(patches):
    plain, again = patches.draw(5, 4, torch.Generator().manual_seed(0)), drawn(patches)
    assert torch.equal(plain.lr, again.lr) and torch.equal(plain.hr, again.hr)
    one, two = (drawn(patches, gain=0.3, contrast=0.2, reference_shift_px=2) for _ in range(2))
    assert torch.equal(one.lr, two.lr) and torch.equal(one.hr, two.hr)


def test_gain_is_one_factor_for_all_dates_and_the_reference(patches):
    plain, bright = drawn(patches), drawn(patches, gain=0.3)
    ratio = (bright.hr / plain.hr).mean((1, 2, 3))
    assert torch.allclose(bright.hr, plain.hr * ratio[:, None, None, None], rtol=1e-4) and ratio.std() > 0.05
    assert torch.allclose(bright.lr, plain.lr * ratio[:, None, None, None, None], rtol=1e-4)


def test_contrast_keeps_the_mean_of_the_reference(patches):
    plain, steep = drawn(patches), drawn(patches, contrast=0.3)
    assert torch.allclose(plain.hr.mean((-2, -1)), steep.hr.mean((-2, -1)), atol=1e-5)
    assert (steep.hr.std((-2, -1)) / plain.hr.std((-2, -1))).log().std() > 0.1


def test_order_kept_leaves_the_supports_as_they_stand(patches):
    for seed in range(5):
        batch = drawn(patches, seed, order="kept", turns=False)
        held = patches.batch(batch.rows).lr
        place = [[int((held[row] - date).abs().flatten(1).sum(1).argmin()) for date in batch.lr[row]] for row in range(5)]
        assert all(each[0] == 0 and each == sorted(set(each)) for each in place)


def test_without_turns_patches_stand_as_they_were_kept(patches):
    batch = drawn(patches, 3, turns=False)
    assert torch.equal(batch.hr, patches.batch(batch.rows).hr) and not torch.equal(drawn(patches, 3).hr, batch.hr)


def test_the_reference_moves_alone_and_no_further_than_said(patches):
    plain, moved = drawn(patches), drawn(patches, reference_shift_px=1.0)
    assert torch.equal(plain.lr, moved.lr) and not torch.allclose(plain.hr, moved.hr, atol=1e-3)
    assert (plain.hr - moved.hr).abs().mean() < plain.hr.std()


def test_histograms_are_matched_as_scikit_image_does(patches):
    batch = patches.batch(torch.arange(6))
    matched = augment.matched(batch.hr, batch.lr[:, 0], batch.valid[:, 0])
    wanted = np.stack([match_histograms(hr, lr, channel_axis=0) for hr, lr in zip(batch.hr.numpy(), batch.lr[:, 0].numpy(), strict=True)])
    spread = batch.lr[:, 0].amax((-2, -1)) - batch.lr[:, 0].amin((-2, -1))
    assert (np.abs(matched.numpy() - wanted).mean((-2, -1)) < 0.04 * spread.numpy()).all()


def test_a_reference_whose_target_has_clouds_keeps_its_own_distribution(patches):
    batch = patches.batch(torch.arange(6))
    batch.valid[2, 0, 0, 0] = False
    matched = augment.matched(batch.hr, batch.lr[:, 0], batch.valid[:, 0])
    assert torch.equal(matched[2], batch.hr[2]) and not torch.equal(matched[1], batch.hr[1])
    assert not torch.equal(drawn(patches, match_histograms=True).hr, drawn(patches).hr)
