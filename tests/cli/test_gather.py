"""A verb is a file: how the files of a package become a command line."""

import json
import sys
from pathlib import Path

import pytest
import typer

SHARED = """
from dataclasses import dataclass
from typing import Annotated
import typer

@dataclass(frozen=True)
class Colour:
    red: Annotated[int, typer.Option(help="How red.")] = 1
    dark: Annotated[bool, typer.Option("--dark")] = False
"""
VERB = """
from dione.cli.result import Result
from {package}.shared.colour import Colour

def {name}(where: str, colour: Colour = Colour(), times: int = 2) -> Result:
    \"\"\"Paint.\"\"\"
    return Result(dict(colour=colour, times=times), [f"{name} {{where}} {{colour.red}} {{colour.dark}} {{times}}"])
"""


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Type words at a made-up command: a verb `paint`, a group `wall` with a verb `import`."""
    from dione.cli.gather import gathered

    package = "made_up_verbs"
    files = {
        "__init__.py": '"""A made-up command."""',
        "paint.py": VERB.format(package="made_up_shared", name="paint"),
        "wall/__init__.py": '"""Walls."""',
        "wall/import_.py": VERB.format(package="made_up_shared", name="import_"),
        "../made_up_shared/__init__.py": "",
        "../made_up_shared/shared/__init__.py": "",
        "../made_up_shared/shared/colour.py": SHARED,
    }
    for name, text in files.items():
        path = tmp_path / package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
        path.resolve().write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.startswith("made_up_")]:
        monkeypatch.delitem(sys.modules, name)
    app: typer.Typer = gathered(__import__(package))

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["made-up", *words])
        with pytest.raises(SystemExit) as ended:
            app()
        return int(ended.value.code or 0), capsys.readouterr().out

    return run


def test_a_file_is_a_verb_and_a_folder_is_a_group_of_verbs(typed):
    assert typed("paint", "here") == (0, "paint here 1 False 2\n")
    assert typed("wall", "import", "there") == (0, "import_ there 1 False 2\n")
    assert "Walls." in typed("--help")[1]


def test_a_dataclass_becomes_options_of_every_verb_that_takes_it(typed):
    assert typed("paint", "here", "--red", "7", "--dark", "--times", "1", "-v") == (0, "paint here 7 True 1\n")
    assert "How red." in typed("wall", "import", "--help")[1]


def test_what_a_verb_returns_is_told_in_lines_or_as_one_value(typed):
    code, told = typed("paint", "here", "--json")
    assert code == 0 and json.loads(told) == {"colour": {"red": 1, "dark": False}, "times": 2}


def test_every_verb_of_dione_explains_itself():
    from dione.cli import verbs
    from dione.cli.gather import gathered

    def commands(app: typer.Typer):
        yield from (one.callback for one in app.registered_commands)
        for group in app.registered_groups:
            yield from commands(group.typer_instance)

    found = list(commands(gathered(verbs)))
    assert len(found) >= 15 and all(verb.__doc__ for verb in found)
