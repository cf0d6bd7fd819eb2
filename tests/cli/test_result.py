"""`--json` on every verb: one value on the output and nothing else, whatever else is told goes to the error stream."""

import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

from dione.cli import console
from dione.cli.result import Result, plain, tell
from dione.testing import landscape, series, write_geotiffs
from tests.cli.test_manners import VERBS


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"view"}))  # which tells its address while it serves
def test_every_verb_returns_what_it_tells(verb):
    name = verb.rpartition(".")[2]
    module = import_module(f"dione.cli.verbs.{verb}")
    kind = get_type_hints(getattr(module, name))["return"]
    assert kind is Result or kind == Result | None
    assert "print(" not in inspect.getsource(module)


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    """A series and its results, which the verbs below work on."""
    return write_geotiffs(series(landscape((48, 48), seed=2), days=2).stack, tmp_path_factory.mktemp("json") / "in")


@pytest.fixture
def asked(run):
    """`asked(*words)`: the one value."""

    def typed(*words):
        code, told, beside = run(*words, "--json", "--quiet")
        assert code == 0 and beside == "", beside
        return json.loads(told)

    return typed


def test_from_a_series_to_parcels_every_step_answers_with_one_value(asked, field):
    out, made = field.parent / "out", field.parent
    assert [date["day"] for date in asked("info", field)["dates"]] == ["2024-05-01", "2024-05-06"]
    assert asked("fetch", field, "-o", made / "kept.zarr") == {"stack": str(made / "kept.zarr")}
    predicted = asked("predict", field, "-o", out, "--model", "bicubic-median", "--target", "all")
    assert all((out / file).is_file() for target in predicted["targets"] for file in target["files"])
    assert [Path(file).name for file in asked("indices", out, "NDVI")["files"]] == ["2024-05-01_NDVI.tif", "2024-05-06_NDVI.tif"]
    changed = asked("change", out, "2024-05-01", "2024-05-06")
    assert len(changed["files"]) == 2 and 0 <= changed["same"] <= 1
    fields = asked("boundaries", out, "--least-m2", "2000", "-o", out / "fields.geojson")
    assert fields["fields"] > 0 and Path(fields["file"]).is_file()
    assert asked("zonal", out, out / "fields.geojson")["parcels"] == fields["fields"]


def test_a_series_is_told_with_the_size_of_its_pixels_in_metres(run, field):
    code, told, _ = run("info", field)
    assert code == 0 and told.splitlines()[0].endswith(": 2 dates, 48×48 px of 10 m, EPSG:32631")


def test_models_answer_too(asked, tmp_path):
    assert "bicubic" in asked("models", "list")["baselines"] and asked("models", "show", "bicubic")["name"] == "bicubic"
    assert asked("models", "export", "bicubic", "--stac", tmp_path / "model.json")["files"] == [str(tmp_path / "model.json")]


def test_an_error_keeps_its_style_and_the_output_stays_empty(run, tmp_path):
    code, told, beside = run("predict", tmp_path / "nowhere", "-o", tmp_path / "out", "--json")
    assert code == 1 and told == "" and beside.startswith("error: nothing found")


def test_what_failed_is_raised_after_the_rest_was_told(capsys, monkeypatch):
    def fail():
        raise ValueError("one of two")

    monkeypatch.setattr(console.out, "quiet", True)
    with pytest.raises(ValueError, match="one of two"):
        tell(Result({"made": 1}, ["made 1"], fail))
    assert capsys.readouterr().out == '{"made": 1}\n'


def test_numbers_that_json_lacks_become_null_and_paths_text():
    assert plain({1: (np.float32(0.5), np.int64(3), np.array([1, 2])), "bad": [float("nan"), float("-inf")], "at": Path("a"), "so": True}) == {
        "1": [0.5, 3, [1, 2]],
        "bad": [None, None],
        "at": "a",
        "so": True,
    }
