"""`dione dataset import` and `export` as a user types them."""

from dione.patches import store


def test_samples_come_in_and_go_out(run, old_folder, tmp_path):
    code, out, _ = run("dataset", "import", old_folder, "-o", tmp_path / "store")
    assert code == 0 and "store: 4 patches" in out
    code, out, _ = run("dataset", "export", tmp_path / "store", "-o", tmp_path / "again", "--format", "npz")
    assert code == 0 and "again: 4 samples" in out and len(list((tmp_path / "again").iterdir())) == 8


def test_a_sample_that_cannot_be_read_is_told_the_others_are_kept_and_the_run_fails(run, old_folder, tmp_path):
    next(old_folder.glob("data_*.npz")).write_bytes(b"nothing")
    code, out, err = run("dataset", "import", old_folder, "-o", tmp_path / "store")
    assert code == 1 and "3 patches" in out and "1 of 4 samples" in err and store.read(tmp_path / "store").index.num_rows == 3


def test_another_format_is_wrong_usage(run, old_folder, tmp_path):
    assert run("dataset", "export", tmp_path, "-o", tmp_path / "x", "--format", "hdf5")[0] == 2


def test_what_is_no_store_or_folder_of_samples_is_told(run, tmp_path):
    assert run("dataset", "import", tmp_path, "-o", tmp_path / "store")[::2] == (
        1,
        f"error: no npz_info.pq in {tmp_path}\nneeded the older pipeline's index of samples, with the columns singleton_npz_filename, eopatch, train_test_validation\n",
    )
    assert run("dataset", "export", tmp_path, "-o", tmp_path / "x")[0] == 1


def test_a_part_of_a_dataset_comes_in_when_told_that_the_rest_is_elsewhere(run, old_folder, tmp_path):
    next(old_folder.glob("data_*.npz")).unlink()
    assert run("dataset", "import", old_folder, "-o", tmp_path / "store")[0] == 1
    code, out, err = run("dataset", "import", old_folder, "-o", tmp_path / "store", "--allow-absent")
    assert code == 0 and "3 patches" in out and "1 samples of the index are not in" in err


def test_where_figures_cannot_be_kept_is_told_before_they_are_counted(run, old_folder, tmp_path, monkeypatch):
    assert run("dataset", "import", old_folder, "-o", tmp_path / "store")[0] == 0
    words = ("dataset", "scaling", tmp_path / "store", "--by", "site", "--split", "all", "-o")
    assert run(*words, tmp_path / "new" / "scaling.json")[0] == 0 and (tmp_path / "new" / "scaling.json").is_file()
    monkeypatch.setattr("dione.patches.older.scaling.scaling", None)
    code, _, fault = run(*words, tmp_path / "new" / "scaling.json" / "scaling.json")
    assert code == 1 and "cannot write into" in fault
