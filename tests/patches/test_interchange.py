import io
import pickle
import shutil
import zipfile
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from dione.base.errors import BadSource, CannotWrite, NotFound
from dione.base.storage.files import alone
from dione.patches import curate, store
from dione.patches.dataset import Patches
from dione.patches.older import interchange, objects, sample, tables
from dione.patches.older.export import export_folder
from dione.patches.older.interchange import INDEX, import_folder


def files(folder):
    return sorted(folder.glob("data_*.npz"))


def rewritten(path, **changes):
    """A sample with some arrays replaced, or left out where None."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    for name, array in changes.items():
        held.pop(f"{name}.npy")
        if array is not None:
            packed = io.BytesIO()
            np.save(packed, array)
            held[f"{name}.npy"] = packed.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)


@pytest.fixture
def brought(old_folder, tmp_path):
    assert import_folder(old_folder, tmp_path / "store").failed == {}
    return store.read(tmp_path / "store")


def test_every_sample_becomes_a_row_with_its_facts(brought):
    rows = brought.index.to_pylist()
    assert [row["split"] for row in rows] == ["train", "train", "validation", "test"] and rows[3]["shadow"] and not rows[0]["shadow"]
    assert rows[1]["country"] == "Lithuania" and rows[1]["place"] == "eopatch-0001" and rows[1]["sensor"] == "deimos-2"
    assert rows[1]["dates"][0] == "2020-07-21T09:45:12" and rows[1]["dates"][-1] == "2020-07-01T09:45:12"
    assert rows[1]["reference_date"] == "2020-09-18T09:07:25" and len(rows[3]["dates"]) == 2


def test_the_newest_date_is_the_target_and_missing_dates_are_invalid(brought, old_folder):
    batch = Patches(brought, np.arange(4)).batch(torch.arange(4))
    assert batch.valid[:, :, 0, 0].tolist() == [[True] * n + [False] * (5 - n) for n in (3, 5, 4, 2)]
    for row, path in enumerate(files(old_folder)):
        features = np.moveaxis(sample.read(path).features, -1, 1)
        assert np.abs(batch.lr[row, : len(features)].numpy() - features[::-1]).max() < 1e-7


def test_fewer_dates_keep_the_newest(old_folder, tmp_path):
    import_folder(old_folder, tmp_path / "few", dates=2)
    opened = store.read(tmp_path / "few")
    newest = np.moveaxis(sample.read(files(old_folder)[1]).features[::-1][:2], -1, 1)
    assert opened.lr.shape[1] == 2 and np.allclose(opened.lr[1] / 1e4, newest, atol=1e-7) and len(opened.index["dates"][1].as_py()) == 2


def test_normalised_values_are_those_of_the_published_formulas(brought, old_folder):
    check_formulas(brought, old_folder, files(old_folder))


def check_formulas(opened, folder, paths):
    """The store's values, normalised, against the formulas written out, band by band."""
    norms = tables.Tables.model_validate(opened.about["normalisation"])
    moments = {row["country"]: row for row in pq.read_table(folder / "s2_norm_per_country.pq").to_pylist()}
    sentinel, deimos = (np.load(folder / f"{name}_min_max_norm.npz") for name in ("s2", "deimos"))
    for row, path in enumerate(paths):
        found = sample.read(path)
        batch = Patches(opened, np.array([row])).batch(torch.tensor([0]))
        stats, target = moments[found.country], batch.lr[0, 0].double().numpy()
        lr = norms.normalised(np.moveaxis(target, 0, -1), found.country)
        hr = norms.normalised(np.moveaxis(batch.hr[0].double().numpy(), 0, -1), found.country)
        for band in range(4):
            wanted = (found.features[-1][..., band] - stats[f"median_{band}"]) / stats[f"std_{band}"]
            wanted = (wanted - sentinel["p1"][band]) / (sentinel["p99"][band] - sentinel["p1"][band])
            assert np.abs(lr[..., band] - wanted).max() < 1e-6
            wanted = (found.label[..., band] - deimos["p1"][band]) / (deimos["p99"][band] - deimos["p1"][band])
            assert np.abs(hr[..., band] - wanted).max() < 1e-6
            assert np.abs(norms.normalised_label(found.label)[..., band] - wanted).max() < 1e-12


def test_out_again_it_is_as_it_came_in(brought, old_folder, tmp_path):
    assert export_folder(brought, tmp_path / "again") == 4
    check_same(old_folder, tmp_path / "again", files(old_folder))


def check_same(before, after, paths):
    for path in paths:
        one, other = sample.read(path), sample.read(after / path.name)
        assert np.array_equal(one.features, other.features) and np.abs(one.label - other.label).max() < 2e-6
        assert one.times == other.times and one.reference_time == other.reference_time and (one.patchlet, one.country) == (other.patchlet, other.country)
    assert tables.read(before) == tables.read(after)
    wanted, found = ({row["singleton_npz_filename"]: row for row in pq.read_table(folder / INDEX).to_pylist()} for folder in (before, after))
    for path in paths:
        assert {name: value for name, value in wanted[path.name].items() if not name.startswith("__")} == found[path.name]


def test_the_older_pipeline_could_read_what_is_written(brought, tmp_path):
    export_folder(brought, tmp_path / "again")
    with np.load(files(tmp_path / "again")[1], allow_pickle=True) as found:
        assert found["features"].dtype == np.float64 and found["labels"].dtype == np.float32 and found["features"].shape == (5, 8, 8, 4)
        assert found["timetamps_deimos"].item() == datetime(2020, 9, 18, 9, 7, 25) and str(found["countries"]) == "Lithuania"
        assert found["timestamps_s2"].dtype == object and list(found["timestamps_s2"]) == sorted(found["timestamps_s2"])


def test_an_export_into_a_folder_that_another_run_writes_is_refused(brought, tmp_path):
    (tmp_path / "out").mkdir()
    with alone(tmp_path / "out"), pytest.raises(CannotWrite, match="another run is writing"):
        export_folder(brought, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_an_export_that_was_stopped_leaves_no_index_of_the_one_before(brought, tmp_path, monkeypatch):
    """Its samples would be read by the normalisation that was written anew."""
    export_folder(brought, tmp_path / "out")

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sample, "write", stopped)
    with pytest.raises(KeyboardInterrupt):
        export_folder(brought, tmp_path / "out")
    with pytest.raises(NotFound, match=f"no {INDEX}"):
        import_folder(tmp_path / "out", tmp_path / "again")


@pytest.mark.parametrize("wrong", [{}, [], None])
def test_a_store_whose_normalisation_cannot_be_used_is_told(brought, tmp_path, wrong):
    """A deviation of nothing made one constant of every label."""
    if wrong is None:
        brought.about[tables.NOTED]["countries"]["Cyprus"]["std"] = (0, 1, 1, 1)
    else:
        brought.about[tables.NOTED] = wrong
    for step in (lambda: export_folder(brought, tmp_path / "out"), lambda: curate.score(brought, limit_px=1)):
        with pytest.raises(BadSource, match=r"(?s)the normalisation in .*store cannot be used"):
            step()


@pytest.mark.parametrize(("column", "value"), [("dates", ["yesterday"]), ("dates", [5]), ("reference_date", "x")])
def test_a_date_that_is_none_is_told_when_it_goes_out(brought, tmp_path, column, value):
    store.add(brought, {column: pa.array([value] * brought.index.num_rows), "files": pa.array([5] * brought.index.num_rows)})
    with pytest.raises(BadSource, match=r"a date of the index is .*\nmend the columns"):
        export_folder(store.read(brought.path), tmp_path / "out")


def test_a_store_of_other_origin_goes_out_and_comes_back_the_same(tmp_path):
    patches = []
    rng = np.random.default_rng(0)
    for row in range(4):
        valid = np.ones((3, 4, 4), bool)
        valid[1, :2] = row != 2  # a support with half of it under cloud is left out
        facts = {"site": "here" if row < 3 else "there", "place": f"a b/{row}", "sensor": "made up", "split": "train"}
        patches.append(store.Patch(rng.uniform(0.01, 0.5, (3, 4, 4, 4)).astype(np.float32), valid, rng.random((4, 16, 16), np.float32), facts))
    store.write(tmp_path / "store", iter(patches), {})
    opened = store.read(tmp_path / "store")
    export_folder(opened, tmp_path / "out")
    assert import_folder(tmp_path / "out", tmp_path / "back").failed == {}
    back = store.read(tmp_path / "back")
    assert np.abs(back.hr[:] - opened.hr[:].astype(float)).max() < 0.02 and np.array_equal(back.lr[:, 0], opened.lr[:, 0])
    assert back.valid[:].any((2, 3)).tolist() == [[True] * 3, [True] * 3, [True, True, False], [True] * 3]
    assert back.index["site"].to_pylist() == ["here"] * 3 + ["there"] and back.index["dates"][0].as_py() == ["", "", ""]


def test_normalisation_counted_from_a_store_is_that_of_its_pixels(brought, tmp_path):
    from dione.patches.older import counts

    made, pixels = counts.tables(brought, split="train"), Patches(brought, brought.rows(split="train", country="Cyprus")).batch(torch.tensor([0]))
    seen = np.moveaxis(pixels.lr[0].double().numpy(), 1, 0)[:, pixels.valid[0].numpy()]
    of = made.countries["Cyprus"]
    assert np.allclose(of.mean, seen.mean(1)) and np.allclose(of.median, np.median(seen, 1)) and np.allclose(of.std, seen.std(1))
    everything = np.concatenate(
        [
            (made.normalised(np.moveaxis(Patches(brought, np.array([row])).batch(torch.tensor([0]), n).lr[0].double().numpy(), 1, -1), country)).reshape(-1, 4)
            for row, n, country in ((0, 3, "Cyprus"), (1, 5, "Lithuania"))
        ]
    )
    assert np.allclose([np.percentile(everything, 1, 0), np.percentile(everything, 99, 0)], [[0] * 4, [1] * 4], atol=0.02)


def test_one_bad_sample_stops_none_of_the_others_and_each_is_told(old_folder, tmp_path):
    one, two, three, _ = files(old_folder)
    one.write_bytes(one.read_bytes()[:2000])
    rewritten(two, labels=None)
    three.unlink()
    result = import_folder(old_folder, tmp_path / "store")
    assert result.patches == 1 and store.read(tmp_path / "store").index.num_rows == 1
    with pytest.raises(BadSource) as told:
        result.raise_failed(tmp_path / "store")
    said = str(told.value)
    assert "3 of 4 samples" in said and f"{one.name}\n" in said and "no array 'labels'" in said and "no file" in said


def test_no_whole_sample_makes_no_store(old_folder, tmp_path):
    for path in files(old_folder):
        path.unlink()
    with pytest.raises(BadSource, match="4 of 4 samples"):
        import_folder(old_folder, tmp_path / "store")
    assert not (tmp_path / "store").exists()


RAN = []


class Harmful:
    def __reduce__(self):
        return RAN.append, ("ran",)


class Kind:
    """Some type of somebody's."""


@pytest.mark.parametrize(
    ("value", "named"), [(Harmful(), "builtins"), (Kind(), "Kind|_reconstructor|object"), (np.dtype("f4"), "not an array of times|dtype|array")]
)
def test_a_pickle_with_anything_else_in_it_is_refused_and_named(old_folder, value, named):
    path = files(old_folder)[0]
    held = np.empty(3, object)
    held[:] = [datetime(2020, 1, 1), value, None]
    rewritten(path, timestamps_s2=held)
    with pytest.raises(BadSource, match=f"'timestamps_s2' is refused: .*({named})"):
        sample.read(path)
    assert RAN == []


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_times_of_any_protocol_and_with_a_zone_are_read(protocol):
    held = np.empty(2, object)
    held[:] = [datetime(2020, 1, 1, 9), datetime(2020, 1, 2, tzinfo=UTC)]
    assert objects.values(pickle.dumps(held, protocol=protocol), "here") == (datetime(2020, 1, 1, 9), datetime(2020, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x04.", pickle.dumps([1, 2]), pickle.dumps("text")])
def test_a_damaged_pickle_or_another_value_is_told(data):
    with pytest.raises(BadSource, match="here is refused"):
        objects.values(data, "here")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": np.zeros((3, 8, 8, 3))}, "features have 3 bands"),
        ({"features": np.zeros((3, 8, 4))}, "have the shape"),
        ({"labels": np.zeros((30, 32, 4))}, "no whole multiple"),
        ({"labels": np.full((32, 32, 4), np.nan)}, "4096 values that are not finite"),
        ({"features": np.zeros((3, 8, 8, 4), int)}, "need to be floats"),
        ({"timestamps_s2": np.array([datetime(2020, 1, 1)] * 2, object)}, "2 times for 3 dates"),
        ({"timestamps_s2": np.array(["a", "b", "c"], object)}, "times that are not times"),
        ({"features": None, "countries": None}, "no array 'features'"),
    ],
)
def test_what_is_wrong_with_a_sample_is_named(old_folder, changes, said):
    path = files(old_folder)[0]
    rewritten(path, **changes)
    with pytest.raises(BadSource, match=said):
        sample.read(path)


@pytest.mark.parametrize("damage", [lambda d: b"", lambda d: b"not a zip", lambda d: d[: len(d) // 2], lambda d: d[:400] + b"\xff" * 300 + d[700:]])
def test_a_corrupt_npz_is_told(old_folder, damage):
    path = files(old_folder)[0]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadSource, match="npz"):
        sample.read(path)


def test_a_sample_and_its_row_that_disagree_are_told(old_folder):
    row = interchange.read_index(old_folder)[0] | {"countries": "Atlantis"}
    with pytest.raises(BadSource, match=r"Cyprus.*Atlantis"):
        interchange.patch(files(old_folder)[0], row, tables.read(old_folder), dates=3)


def indexed(folder, **columns):
    """The index with some columns replaced."""
    rows = [row | {name: values[at] for name, values in columns.items()} for at, row in enumerate(interchange.read_index(folder))]
    pq.write_table(pa.Table.from_pylist(rows), folder / INDEX)


@pytest.mark.parametrize("number", [-3, 2.5, float("inf")])
def test_a_number_of_dates_that_is_none_is_told(old_folder, tmp_path, number):
    indexed(old_folder, num_tstamps=[float(number), 5.0, 4.0, 2.0])
    with pytest.raises(BadSource, match=r"npz_info\.pq has num_tstamps .*, needs how many dates each sample has"):
        import_folder(old_folder, tmp_path / "store")


def test_a_number_of_dates_in_words_is_told(old_folder, tmp_path):
    indexed(old_folder, num_tstamps=["three", "five", "four", "two"])
    with pytest.raises(BadSource, match="has num_tstamps 'five', 'four', 'three', 'two', needs"):
        import_folder(old_folder, tmp_path / "store")
    assert import_folder(old_folder, tmp_path / "store", dates=3).patches == 4


def test_a_number_of_dates_that_is_absent_is_that_of_the_others(old_folder, tmp_path):
    nan = float("nan")
    indexed(old_folder, num_tstamps=[nan, 5.0, nan, nan], is_shadow_v2=[nan, nan, 0.0, 1.0])
    assert import_folder(old_folder, tmp_path / "store").failed == {}
    opened = store.read(tmp_path / "store")
    assert opened.lr.shape[1] == 5 and opened.index["shadow"].to_pylist() == [False, False, False, True]


def test_dates_that_the_index_does_not_tell_of_are_not_left_out_without_a_word(old_folder, tmp_path):
    indexed(old_folder, num_tstamps=[3, 3, 3, 2])
    failed = import_folder(old_folder, tmp_path / "store").failed
    assert list(failed) == [files(old_folder)[1].name, files(old_folder)[2].name]
    assert "it has 5 dates, and no sample more than 3 by num_tstamps" in failed[files(old_folder)[1].name]


def test_a_sample_that_the_index_names_twice_is_told(old_folder, tmp_path):
    rows = interchange.read_index(old_folder)
    pq.write_table(pa.Table.from_pylist([*rows, rows[0] | {"train_test_validation": "validation"}]), old_folder / INDEX)
    result = import_folder(old_folder, tmp_path / "store")
    assert result.patches == 3 and list(result.failed) == [files(old_folder)[0].name] and "names it 2 times" in result.failed[files(old_folder)[0].name]


def test_a_sample_in_which_nothing_can_be_reflectance_is_told(old_folder, tmp_path):
    one, two, three, _ = files(old_folder)
    rewritten(one, features=sample.read(one).features * 10000)
    rewritten(two, labels=sample.read(two).label * np.float32(1e9))
    rewritten(three, features=np.full_like(sample.read(three).features, np.nan))
    failed = import_folder(old_folder, tmp_path / "store").failed
    assert [("features" in failed[path.name], "labels" in failed[path.name]) for path in (one, two, three)] == [(True, False), (False, True), (True, False)]
    assert "nothing that can be reflectance" in failed[one.name]


def test_a_country_without_normalisation_and_another_size_are_told(old_folder, tmp_path):
    norms = tables.read(old_folder)
    tables.write(old_folder, norms.model_copy(update={"countries": {"Cyprus": norms.countries["Cyprus"]}}))
    rewritten(files(old_folder)[2], labels=np.zeros((16, 16, 4), np.float32))
    failed = import_folder(old_folder, tmp_path / "store").failed
    assert "no normalisation for the country 'Lithuania'" in failed[files(old_folder)[1].name] and "sizes" in failed[files(old_folder)[2].name]


def test_missing_tables_and_a_missing_index_are_named(old_folder, tmp_path):
    (old_folder / "s2_min_max_norm.npz").unlink()
    (old_folder / "deimos_min_max_norm.npz").unlink()
    with pytest.raises(NotFound, match=r"lacks s2_min_max_norm\.npz, deimos_min_max_norm\.npz"):
        import_folder(old_folder, tmp_path / "store")
    (old_folder / INDEX).unlink()
    with pytest.raises(NotFound, match=INDEX):
        import_folder(old_folder, tmp_path / "store")


def test_a_file_outside_the_folder_is_not_opened(old_folder, tmp_path):
    rows = interchange.read_index(old_folder)
    rows[0]["singleton_npz_filename"] = "../secret.npz"
    pq.write_table(pa.Table.from_pylist(rows), old_folder / INDEX)
    assert "not the name of a file" in import_folder(old_folder, tmp_path / "store").failed["../secret.npz"]


def test_a_table_that_cannot_be_used_is_told(old_folder):
    np.savez(old_folder / "s2_min_max_norm.npz", p1=np.ones(4), p99=np.zeros(4))
    with pytest.raises(BadSource, match=r"sentinel: .*p99"):
        tables.read(old_folder)


def test_the_real_sample_is_read_normalised_and_written_again(shared_data, tmp_path):
    folder = shared_data / "seed-format"
    if not folder.is_dir():
        pytest.skip("no seed-format there")
    result = import_folder(folder, tmp_path / "store")
    assert list(result.failed) == ["data_eopatch-0277_66_2.npz"]  # named by the index, and not delivered
    opened = store.read(tmp_path / "store")
    row = opened.index.to_pylist()[0]
    assert opened.lr.shape == (1, 7, 4, 32, 32) and opened.hr.shape == (1, 4, 128, 128) and opened.valid[:].all()
    assert row["country"] == "Lithuania" and row["dates"][0] == "2020-09-16T09:45:17" and row["reference_date"] == "2020-09-18T09:07:25"
    paths = [folder / "data_eopatch-0288_0_3.npz"]
    check_formulas(opened, folder, paths)
    export_folder(opened, tmp_path / "again")
    shutil.copy(folder / INDEX, tmp_path / "index.pq")
    check_same(folder, tmp_path / "again", paths)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_samples_in_an_object_store_come_in_as_from_disk(bucket, old_folder, tmp_path):
    import s3fs

    s3fs.S3FileSystem().put(f"{old_folder}/", f"{bucket}/samples/", recursive=True)
    assert import_folder(f"{bucket}/samples", f"{bucket}/brought").failed == {}
    import_folder(old_folder, tmp_path / "store")
    here, there = store.read(tmp_path / "store"), store.read(f"{bucket}/brought")
    assert here.index.equals(there.index) and all(np.array_equal(getattr(here, name)[:], getattr(there, name)[:]) for name in ("lr", "valid", "hr"))
    gone = files(old_folder)[1].name
    s3fs.S3FileSystem().rm_file(f"{bucket}/samples/{gone}")
    assert list(import_folder(f"{bucket}/samples", tmp_path / "less").failed) == [gone]
    assert import_folder(f"{bucket}/samples", tmp_path / "allowed", allow_absent=True).absent == [gone]
    with pytest.raises(NotFound, match=r"no npz_info.pq in s3://bucket/nothing"):
        import_folder(f"{bucket}/nothing", tmp_path / "none")
