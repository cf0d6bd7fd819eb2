"""What a user installs is the package, its weights and its licence, and nothing else."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parent.parent
HOUSE = {str(file.relative_to(PROJECT / "src")) for file in (PROJECT / "src" / "dione").rglob("*") if file.is_file() and "__pycache__" not in file.parts}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive, built without network."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", out], cwd=PROJECT, check=True, capture_output=True)
    return out


def test_the_wheel_holds_the_house_and_its_licence_and_nothing_else(built: Path):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    assert {name for name in names if name.startswith("dione/")} == HOUSE
    beside = {name.partition(".dist-info/")[2] for name in names if not name.startswith("dione/")}
    assert beside == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
    assert {"dione/py.typed", "dione/weights/setsr-s.safetensors", "dione/weights/setsr-s.md", "dione/pages/templates/shell.html"} <= names


def test_the_source_archive_holds_what_the_wheel_is_built_from(built: Path):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    beside = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "PKG-INFO", ".gitignore"}
    assert names - {f"src/{name}" for name in HOUSE} == beside and {f"src/{name}" for name in HOUSE} <= names


def test_one_version_everywhere():
    version = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(r"^## (\S+?),? ", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == version
    assert str(yaml.safe_load((PROJECT / "CITATION.cff").read_text())["version"]) == version
    assert f"{{{version}}}" in (PROJECT / "docs" / "cite.md").read_text()


def test_the_citation_names_what_its_format_asks_for():
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["license"] == tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["license"]


def test_the_image_runs_as_nobody_in_particular_and_starts_dione():
    lines = (PROJECT / "Dockerfile").read_text().splitlines()
    assert lines.index("USER 1000") < lines.index('ENTRYPOINT ["dione"]')
    assert not [line for line in lines if line.startswith("COPY . ")]


def test_what_the_image_compiles_is_kept_where_any_user_may_write():
    """Numba's own places are the package's folder and the user's home: whom `-u` names has neither, and would compile in every run."""
    text = (PROJECT / "Dockerfile").read_text()
    made = re.search(r"^RUN mkdir -m 1777 (\S+)$", text, re.MULTILINE)
    kept = re.search(r"^ENV .*NUMBA_CACHE_DIR=(\S+)", text, re.MULTILINE)
    assert made and kept and Path(kept[1]).is_relative_to(made[1]) and f"-v dione:{made[1]} " in text
