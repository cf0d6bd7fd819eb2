"""`dione dataset split` and `show`: columns are written, and told."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dione.base.errors import BadRecipe, BadSource
from dione.patches import splitting, store


@pytest.fixture
def opened(tmp_path) -> store.Store:
    """Three patches in each of twelve areas in a row; the last of each is not kept."""

    def patches():
        for area in range(12):
            for at in range(3):
                facts = {"site": "s", "place": f"a{area:02d}", "sensor": "x", "split": "none", "country": "A" if area < 6 else "B", "kept": at < 2}
                yield store.Patch(np.full((1, 4, 4, 4), 0.1, np.float32), np.ones((1, 4, 4), bool), np.full((4, 16, 16), 0.1, np.float32), facts)

    store.write(tmp_path / "store", patches(), {})
    names = [f"a{area:02d}" for area in range(12)]
    rows = [
        {"name": name, "epsg": 32631, "column": at, "row": 0, "neighbours": names[max(at - 1, 0) : at] + names[at + 1 : at + 2]}
        for at, name in enumerate(names)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "store" / splitting.AREAS)
    return store.read(tmp_path / "store")


def test_areas_in_a_row_are_divided_with_gaps_and_only_kept_patches_are_counted(opened):
    made = splitting.split(opened, seed=1)
    sides = [row["split"] for row in store.read(opened.path).index.to_pylist()]
    by_area = [sides[3 * at] for at in range(12)]
    assert all(len({sides[3 * at + of] for of in range(3)}) == 1 for at in range(12))
    assert all("gap" in pair or pair[0] == pair[1] for pair in pairwise(by_area))
    assert {"train", "validation", "test"} <= set(by_area) and made.patches["train"] == 2 * by_area.count("train")


def test_what_cannot_be_divided_is_told(opened):
    with pytest.raises(BadRecipe, match="three numbers"):
        splitting.split(opened, shares=(1, -1, 0))
    with pytest.raises(BadRecipe, match="three numbers"):
        splitting.split(opened, shares=(float("nan"), 1, 1))
    with pytest.raises(BadRecipe, match="no column 'land'"):
        splitting.split(opened, by="land")


def test_the_verbs_divide_and_show_a_store(run, opened):
    code, out, _ = run("dataset", "split", opened.path, "--by", "country", "--seed", 2, "--json")
    assert code == 0 and sum(json.loads(out)["places"].values()) == 12
    code, out, _ = run("dataset", "show", opened.path, "--json")
    told = json.loads(out)
    assert code == 0 and (told["patches"], told["kept"], told["places"]) == (36, 24, 12) and sum(told["split"].values()) == 24
    assert "36 patches, 24 kept" in run("dataset", "show", opened.path)[1]
    assert run("dataset", "split", opened.path, "--shares", "a,b")[0] == 2
    code, out, _ = run("dataset", "scaling", opened.path, "--split", "all", "--by", "country", "-o", Path(opened.path.address) / "scaling.json")
    assert code == 0 and "pixels" in out and set(json.loads((Path(opened.path.address) / "scaling.json").read_text())) == {"A", "B", "all"}


def test_a_slash_in_the_name_of_a_site_parts_no_neighbours(tmp_path):
    def patches():
        for area in range(12):
            facts = {"site": f"region/{area % 2}", "place": f"a{area:02d}", "sensor": "x", "split": "none"}
            yield store.Patch(np.full((1, 4, 4, 4), 0.1, np.float32), np.ones((1, 4, 4), bool), np.full((4, 16, 16), 0.1, np.float32), facts)

    store.write(tmp_path / "store", patches(), {})
    names = [f"a{area:02d}" for area in range(12)]
    rows = [{"name": n, "epsg": 32631, "column": at, "row": 0, "neighbours": names[max(at - 1, 0) : at] + names[at + 1 : at + 2]} for at, n in enumerate(names)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "store" / splitting.AREAS)
    splitting.split(store.read(tmp_path / "store"), seed=1)
    sides = [row["split"] for row in store.read(tmp_path / "store").index.to_pylist()]
    assert all("gap" in pair or pair[0] == pair[1] for pair in pairwise(sides))


def test_a_table_of_areas_that_does_not_say_what_they_touch_is_told(opened):
    opened.path.write_table(splitting.AREAS, pa.Table.from_pylist([{"name": "a00", "epsg": 32631, "column": 0, "row": 0}]))
    with pytest.raises(BadSource, match=r"areas\.parquet does not say where every area lies and what it touches: 'neighbours'"):
        splitting.split(opened)
