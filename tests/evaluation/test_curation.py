"""The page about curation: one file, with figures, pictures and nothing from elsewhere."""

import re
from pathlib import Path

import numpy as np
import pytest

from dione.evaluation.shown import curation
from dione.patches import curate, store
from dione.testing import landscape, series


@pytest.fixture
def opened(tmp_path):
    def patches():
        for seed in range(10):
            made = series(landscape((10, 10), seed=seed), days=2, seed=seed)
            truth = made.truth[-1] if seed < 8 else landscape((10, 10), seed=99)
            facts = {"site": "<b>s</b>", "place": f"p{seed}", "sensor": "x", "split": "train"}
            yield store.Patch(made.stack["reflectance"].values[::-1], made.stack["valid"].values[::-1], truth, facts)

    store.write(tmp_path / "store", patches(), {})
    curate.score(store.read(tmp_path / "store"), limit_px=2)
    curate.keep(store.read(tmp_path / "store"), ["correlation > 0.6"])
    return store.read(tmp_path / "store")


def test_the_page_counts_draws_and_shows_the_worst_of_both(opened, tmp_path):
    text = Path(curation.write(tmp_path / "page.html", opened)).read_text()
    assert "8 of 10 patches are kept" in text and "correlation &gt; 0.6" in text
    assert text.count("<svg") == len(curate.COLUMNS) + len(curation.PLOTS)
    assert text.count("<img") == 2 * 10 and "<b>s</b>" not in text
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text) and "<script" not in text


def test_patches_without_scores_are_counted(opened, tmp_path):
    assert "no scores" not in Path(curation.write(tmp_path / "page.html", opened)).read_text()
    made = series(landscape((10, 10)), days=2, cloud=0.1)
    lr, valid = (made.stack[name].values[::-1] for name in ("reflectance", "valid"))
    facts = {"site": "s", "place": "p", "sensor": "x", "split": "train"}
    patches = (store.Patch(lr, seen, made.truth[-1], facts) for seen in (valid, valid, np.ones_like(valid)))
    store.write(tmp_path / "clouded", patches, {})
    curate.score(store.read(tmp_path / "clouded"), limit_px=2)
    assert "2 patches have no scores" in Path(curation.write(tmp_path / "page.html", store.read(tmp_path / "clouded"))).read_text()


def test_bars_hold_every_patch_once_and_dots_lie_in_the_box():
    rng = np.random.default_rng(0)
    values, kept = rng.standard_normal(500), rng.random(500) > 0.3
    values[:20] = np.nan
    bars = curation.histogram("x", values, kept).bars
    tallest = max(held + out for _, _, held, out in bars)
    counts = np.histogram(np.clip(values[20:], *np.percentile(values[20:], (1, 99))), curation.BINS)[0]
    assert np.allclose([held + out for _, _, held, out in bars], counts / counts.max() * tallest)
    dots = curation.scatter(("x", values), ("y", values), kept).dots
    assert len(dots) == 480 and all(0 <= x <= curation.WIDTH and 0 <= y <= curation.HEIGHT for x, y, _ in dots)


def test_the_verb_writes_it(run, opened, tmp_path):
    code, _, _ = run("dataset", "curate", opened.path, "--preset", "all", "--page", tmp_path / "page.html")
    assert code == 0 and "10 of 10 patches are kept" in (tmp_path / "page.html").read_text()
