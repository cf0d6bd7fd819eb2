"""What the pages show is run, and what they name is there."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement

import dione
from dione.cli import verbs
from dione.cli.gather import gathered

PROJECT = Path(__file__).resolve().parent.parent
DOCS = PROJECT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
EXAMPLES = [(page, code) for page in PAGES for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)]
SITE = tomllib.loads((PROJECT / "zensical.toml").read_text())["project"]


def leaves(nav: object) -> Iterator[str]:
    """The pages of a navigation, in its order."""
    if isinstance(nav, str):
        yield nav
    for part in nav if isinstance(nav, list) else nav.values() if isinstance(nav, dict) else []:
        yield from leaves(part)


def commands(page: Path) -> list[str]:
    """What a page would have its reader type after a blank prompt: lines of its code blocks that begin with dione."""
    blocks = re.findall(r"^```\n(.*?)^```$", re.sub(r"^```\w+\n.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.startswith("dione ")]


def unknown(line: str, command) -> list[str]:
    """The words of a command line that are no verb and no option of ours."""
    words = shlex.split(line, comments=True)[1:]
    while (verb := getattr(command, "commands", {}).get(words[0] if words else "")) is not None:
        command, words = verb, words[1:]
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
    return [words[0]] * hasattr(command, "commands") + [word for word in words if re.match(r"--?[a-z]", word) and word.split("=")[0] not in known]


@pytest.mark.parametrize(("page", "code"), EXAMPLES, ids=lambda part: part.name if isinstance(part, Path) else "")
def test_the_examples_of_the_pages_run(page: Path, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(page), "exec"), {})


def test_every_command_of_the_pages_is_one_of_ours():
    ours = typer.main.get_command(gathered(verbs))
    assert unknown("dione predict x --modle y", ours) == ["--modle"] and unknown("dione sharpen x", ours) == ["sharpen"]
    found = {f"{page.name}: {line}": unknown(line, ours) for page in [*PAGES, PROJECT / "README.md"] for line in commands(page)}
    assert len(found) > 40
    assert {line: words for line, words in found.items() if words} == {}


def test_every_page_is_in_the_navigation_once():
    assert sorted(leaves(SITE["nav"])) == [page.name for page in PAGES]


@pytest.mark.parametrize("page", [*PAGES, *PROJECT.glob("*.md")], ids=lambda page: page.name)
def test_every_file_that_a_page_leads_to_is_there(page: Path):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    links = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if not link.startswith(("http", "#"))]
    links += re.findall(r'^--8<-- "(.+)"', page.read_text(), re.MULTILINE)
    assert [link for link in links if not ((page.parent / link).exists() or (PROJECT / link).exists())] == []


def test_a_page_leads_to_nothing_outside_of_the_site():
    assert [page.name for page in PAGES if "](../" in page.read_text()] == []


def test_the_short_list_for_machines_names_pages_that_are_there():
    named = re.findall(r"\]\((.+?)\.html\)", (DOCS / "llms.txt").read_text())
    assert len(named) > 10 and [name for name in named if not (DOCS / f"{name}.md").exists()] == []


def test_the_reference_shows_every_public_name():
    shown = set(re.findall(r"^::: (\S+)", (DOCS / "api.md").read_text(), re.MULTILINE))
    assert shown == {f"{where}.{name}" for name, where in dione._WHERE.items()} | {"dione.accessor.Accessor"}


def test_every_card_of_the_weights_is_on_a_page():
    shown = (DOCS / "model-cards.md").read_text()
    assert [card.name for card in (PROJECT / "src" / "dione" / "weights").glob("*.md") if f'--8<-- "src/dione/weights/{card.name}"' not in shown] == []


def test_the_lock_of_the_pages_holds_their_builder():
    wanted = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]["docs"]
    pins = dict(re.findall(r"^([\w.-]+)==([^\s\\]+)", (PROJECT / "locks" / "docs.txt").read_text(), re.MULTILINE))
    assert [line for line in map(Requirement, wanted) if not line.specifier.contains(pins.get(line.name, "0"))] == [], "run scripts/lock"


@pytest.mark.slow
def test_the_site_is_whole_and_fetches_nothing(tmp_path: Path):
    if find_spec("zensical") is None:
        pytest.skip("the builder of the pages is not installed: make docs")
    for name in ("docs", "src", "recipes", "scripts"):
        shutil.copytree(PROJECT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    for name in ("zensical.toml", "CITATION.cff"):
        shutil.copy(PROJECT / name, tmp_path)
    subprocess.run([sys.executable, "-m", "zensical", "build", "--strict"], cwd=tmp_path, check=True)
    site = tmp_path / "site"
    assert {f"{page.stem}.html" for page in PAGES} | {"llms.txt"} <= {file.name for file in site.iterdir()}
    for page in site.glob("*.html"):
        assert re.findall(r'<(?:script|img|link rel="(?:stylesheet|preconnect)")[^>]+(?:src|href)="?https?://[^>]+', page.read_text()) == []
    assert 'id="dione.prediction.memory.predict"' in (site / "api.html").read_text()
