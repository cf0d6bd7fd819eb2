"""What every verb has in common: examples, silence where it is asked for, no colours where they are not, completion."""

import json
import os
import subprocess
import sys
from pkgutil import walk_packages

import pytest

import dione
from dione import checkup
from dione.cli import verbs
from dione.testing import landscape, series, write_geotiffs

VERBS = [found.name.removeprefix("dione.cli.verbs.") for found in walk_packages(verbs.__path__, "dione.cli.verbs.") if not found.ispkg]


def words_of(verb):
    return [part.rstrip("_").replace("_", "-") for part in verb.split(".")]


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_shows_an_example_of_it(verb, run):
    code, told, _ = run(*words_of(verb), "--help")
    assert code == 0 and f"Example: dione {' '.join(words_of(verb))}" in " ".join(told.split()) and "--quiet" in told and "--json" in told


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_geotiffs(series(landscape((20, 20)), days=2).stack, tmp_path_factory.mktemp("in"))


def test_a_prediction_ends_with_five_lines(run, folder, tmp_path):
    code, told, _ = run("predict", folder, "-o", tmp_path / "out", "--model", "bicubic")
    lines = told.strip().splitlines()
    assert code == 0 and len(lines) == 5
    assert lines[0].startswith("sharpened 2024-05-06 4 times with bicubic, 2 dates each, in ") and lines[4].endswith("out/report.html")
    assert "bicubic, 1 date each, in " in run("predict", folder, "-o", tmp_path / "alone", "--model", "bicubic", "--views", 1)[1]


def test_the_version_is_told(run):
    code, told, _ = run("--version")
    assert code == 0 and told == f"dione {dione.__version__}\n"


def test_quiet_tells_the_result_and_errors_alone(run, folder, tmp_path):
    code, told, beside = run("predict", folder, "-o", tmp_path / "out", "--model", "bicubic", "--quiet")
    assert code == 0 and told and beside == ""
    code, told, beside = run("predict", tmp_path / "nowhere", "-o", tmp_path / "out", "--quiet")
    assert code == 1 and beside.startswith("error: ")


def test_an_output_in_ascii_is_no_reason_to_fail(folder):
    looked = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-m", "dione", "info", folder], capture_output=True, text=True, env=looked, timeout=120)
    assert done.returncode == 0 and "2 dates, 20?20 px of 10 m" in done.stdout and "Traceback" not in done.stderr


def test_no_color_takes_the_colours_away_from_a_terminal():
    script = "import sys; sys.argv = ['dione', 'info', 'nowhere']\nfrom dione.cli import main\nmain()"
    looked = {**{name: value for name, value in os.environ.items() if name != "NO_COLOR"}, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    plain, coloured = (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=looked | more, timeout=120).stderr
        for more in ({"NO_COLOR": "1"}, {})
    )
    assert "31m" in coloured and "31m" not in plain and "nothing found at nowhere" in plain


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_is_told_how_to_complete(shell):
    asked = {**os.environ, "_DIONE_COMPLETE": f"source_{shell}"}
    script = "import sys; sys.argv = ['dione']\nfrom dione.cli import main\nmain()"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=asked, timeout=120)
    assert said.returncode == 0 and "_DIONE_COMPLETE" in said.stdout


def test_the_doctor_tells_versions_machine_and_what_is_missing(run, monkeypatch):
    monkeypatch.setattr(checkup, "_speed", lambda: {"km2": 1.6, "seconds": 1.0, "km2_per_min": 98.0})
    code, told, _ = run("doctor", "--json")
    facts = json.loads(told)
    assert code == 0 and facts["machine"]["cores"] >= 1 and facts["versions"]["torch"] != "not installed" and facts["speed"]["km2_per_min"] == 98
    assert facts["commands"].keys() == facts["missing"].keys()
    assert all(facts["commands"][extra] == f"pip install 'dione[{extra}]'" for extra in facts["missing"])
    assert "all well" in run("doctor", "--no-probe")[1]


def test_the_doctor_fails_where_a_package_is_missing(run, monkeypatch):
    version = checkup._version
    monkeypatch.setattr(checkup, "_version", lambda name: "not installed" if name == "rasterio" else version(name))
    code, told, _ = run("doctor", "--no-probe")
    assert code == 1 and "fault: rasterio" in told


def test_the_doctor_measures_how_fast_this_machine_sharpens(monkeypatch):
    monkeypatch.setattr(checkup, "PROBE_PX", 24)
    assert checkup._speed()["km2_per_min"] > 0


def test_what_the_system_refuses_where_nobody_foresaw_it_is_an_error_and_no_traceback(run):
    name = "x" * 300
    code, out, told = run("models", "show", name + ".safetensors")
    assert (code, out) == (1, "") and told.startswith(f"error: {name}.safetensors: File name too long\nlook at its name and permissions")


def test_a_machine_without_memory_or_threads_is_told_and_a_fault_of_ours_stays_one(run, monkeypatch):
    def fails():
        raise fault

    monkeypatch.setattr("dione.cli.command", lambda: fails)
    fault = MemoryError("Unable to allocate 7.5 GiB")
    code, out, told = run("list")
    assert (code, out) == (1, "") and told.startswith("error: the system: Unable to allocate 7.5 GiB\nlet this process have more memory")
    fault = RuntimeError("ours")
    with pytest.raises(RuntimeError, match="ours"):
        run("list")
