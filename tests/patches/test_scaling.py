"""Normalisation in one pass: what is counted is what numpy would say, and adds up."""

import numpy as np
import pytest

from dione.base.errors import BadRecipe, NotFound
from dione.patches import shards, store
from dione.patches.older import counts, scaling


@pytest.fixture
def opened(tmp_path, monkeypatch) -> store.Store:
    """Forty patches of two countries, of which ten are for test, in three shards."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 1)
    monkeypatch.setattr(shards, "CHUNK", 16)
    rng = np.random.default_rng(0)

    def patches():
        for at in range(40):
            level = 0.1 + 0.1 * (at % 2)
            valid = rng.random((2, 4, 4)) > 0.2
            facts = {"site": "s", "place": str(at), "sensor": "x", "split": "test" if at < 10 else "train", "country": "AB"[at % 2]}
            lr = np.round(level + 0.03 * rng.standard_normal((2, 4, 4, 4)), 4).astype(np.float32)
            yield store.Patch(lr, valid, np.round(level + 0.05 * rng.random((4, 16, 16)), 4).astype(np.float32), facts)

    store.write(tmp_path / "store", patches(), {})
    made = store.read(tmp_path / "store")
    assert len(list(made.spans())) == 3
    return made


def pixels(opened: store.Store, country: str | None):
    rows = [at for at, row in enumerate(opened.index.to_pylist()) if row["split"] == "train" and country in (None, row["country"])]
    lr, valid, hr = opened.lr[:][rows] / 1e4, opened.valid[:][rows], opened.hr[:][rows] / 1e4
    return np.moveaxis(lr, 2, 0)[:, valid], np.moveaxis(hr, 1, 0).reshape(4, -1)


@pytest.mark.parametrize("country", ["A", "B", None])
def test_figures_are_those_of_the_clear_pixels_of_the_split(opened, country):
    found = scaling.scaling(opened, by="country")[country or scaling.ALL]
    for name, values in zip(("sentinel2", "reference"), pixels(opened, country), strict=True):
        assert found[name]["pixels"] == values.shape[1]
        assert np.allclose(found[name]["mean"], values.mean(1)) and np.allclose(found[name]["std"], values.std(1))
        assert np.allclose(found[name]["median"], np.median(values, 1), atol=1e-4)
        for percent in (1, 99):
            assert np.allclose(found[name][f"p{percent}"], np.percentile(values, percent, axis=1, method="inverted_cdf"))


def test_what_lies_below_zero_in_a_store_of_exact_values_counts_as_it_is(tmp_path):
    values = np.round(np.random.default_rng(1).normal(0.02, 0.1, (4, 16, 16)), 4).astype(np.float32)
    facts = {"site": "s", "place": "p", "sensor": "x", "split": "train"}
    lr, valid = values[None, :, ::4, ::4], np.ones((1, 4, 4), bool)
    store.write(tmp_path / "exact", iter([store.Patch(lr, valid, values, facts)]), {}, exact=True)
    opened = store.read(tmp_path / "exact")
    found, told = scaling.scaling(opened)["s"], counts.tables(opened).countries["s"]
    for name, kept in (("sentinel2", lr[0]), ("reference", values)):
        each = kept.reshape(4, -1)
        assert np.allclose(found[name]["mean"], each.mean(1), atol=1e-5) and np.allclose(found[name]["std"], each.std(1), atol=1e-5)
        assert np.allclose(found[name]["p1"], np.percentile(each, 1, axis=1, method="inverted_cdf"), atol=1e-5)
    assert np.allclose(told.mean, lr[0].mean((1, 2)), atol=1e-5) and np.allclose(told.median, np.median(lr[0], (1, 2)), atol=1e-4)


def test_parts_add_up_to_the_whole_and_workers_change_nothing(opened):
    spans, rows = list(opened.spans()), opened.rows(split="train")
    parts = [scaling.count(opened.path, span, rows[(rows >= span.start) & (rows < span.stop)], "country") for span in spans]
    whole = scaling.finished(sum(parts[1:], parts[0]))
    assert whole == scaling.finished(sum(parts[:-1], parts[-1])) == scaling.scaling(opened, by="country")
    assert scaling.scaling(opened, by="country", workers=2) == whole


def test_what_cannot_be_counted_is_told(opened):
    with pytest.raises(BadRecipe, match="no column 'region'"):
        scaling.scaling(opened, by="region")
    with pytest.raises(NotFound, match=r"dione dataset split`, or by \[split\] in the recipe of `dione run`"):
        scaling.scaling(opened, split="validation")


def test_a_group_that_is_called_as_all_together_are_is_kept_beside_them(opened):
    spans, rows = list(opened.spans()), opened.rows(split="train")
    counted = [scaling.count(opened.path, span, rows[(rows >= span.start) & (rows < span.stop)], "country") for span in spans]
    before, renamed = sum(counted[1:], counted[0]), sum(counted[1:], counted[0])
    first = next(iter(renamed.coarse))
    for part in (renamed.coarse, renamed.sharp):
        part["all"] = part.pop(first)
    assert scaling.finished(renamed)["all"] == scaling.finished(before)["all"]
    assert scaling.finished(renamed)["all alone"] == scaling.finished(before)[first]
