"""The house rules that no linter knows."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parent.parent
SOURCES = sorted((PROJECT / "src").rglob("*.py"))
PAGES = [*SOURCES, *sorted((PROJECT / "docs").rglob("*.md")), *sorted(PROJECT.glob("*.md"))]


def shown(path: Path) -> str:
    return str(path.relative_to(PROJECT))


def tree() -> set[str]:
    """Every path that the README's file tree names; two spaces or more stand before a description."""
    block = re.search(r"## The file tree.*?```\n(.*?)```", (PROJECT / "README.md").read_text(), re.DOTALL)
    assert block, "README.md has no file tree"
    paths, parents = set(), {0: ""}
    for line in filter(str.strip, block[1].splitlines()):
        depth = len(line) - len(line.lstrip())
        for name in re.split(r"\s{2,}", line.strip())[0].split():
            paths.add((parents[depth] + name).rstrip("/"))
            parents[depth + 2] = parents[depth] + name
    return paths


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Each call of a file with the name that it calls (`pickle.load`)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def locked() -> dict[str, str]:
    """The pinned version of each package that `make setup` installs."""
    text = "".join((PROJECT / "locks" / name).read_text() for name in ("requirements.txt", "torch.txt"))
    return dict(re.findall(r"^([\w.-]+)==([^\s\\]+)", text, re.MULTILINE))


def test_every_path_of_the_readme_tree_exists():
    assert [path for path in sorted(tree()) if not (PROJECT / path).exists()] == []


def test_every_room_and_every_module_beside_them_is_in_the_readme_tree():
    house = PROJECT / "src" / "dione"
    rooms = [file.parent for file in house.glob("*/__init__.py")]
    assert {shown(path) for path in [*rooms, *house.glob("*.py")]} <= tree()


def test_importing_dione_does_not_import_torch():
    subprocess.run([sys.executable, "-c", "import sys, dione; sys.exit('torch' in sys.modules)"], check=True)


@pytest.mark.parametrize("path", SOURCES, ids=shown)
def test_nothing_runs_code_that_it_reads(path: Path):
    forbidden = {
        *("eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads", "marshal.load", "shelve.open"),
        *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "joblib.load", "dill.load", "dill.loads", "torch.hub.load", "runpy.run_path"),
        *("os.system", "os.popen", "os.startfile", "pty.spawn", "tempfile.mktemp", "tarfile.open", "shutil.unpack_archive", "urllib.request.urlopen"),
    }
    running = ("subprocess.", "os.exec", "os.spawn", "os.posix_spawn", "asyncio.create_subprocess")
    found = [name for name, _ in calls(path) if name in forbidden or name.startswith(running) or name.endswith((".extractall", ".extract"))]
    found += [
        f"{name}({word.arg}=True)"
        for name, call in calls(path)
        for word in call.keywords
        if word.arg in ("shell", "allow_pickle") and ast.unparse(word.value) == "True"
    ]
    found += [name for name, call in calls(path) if name == "torch.load" and "weights_only=True" not in ast.unparse(call)]
    found += [name for name, _ in calls(path) if name == "torch.jit.load" and path.name != "features.py"]  # there, only what the user trusts
    found += [name for name, call in calls(path) if name == "np.load" and "allow_pickle=False" not in ast.unparse(call)]
    found += [
        f"{name}({word.arg}=False)"
        for name, call in calls(path)
        for word in call.keywords
        if word.arg in ("verify", "autoescape") and ast.unparse(word.value) == "False"
    ]
    assert found == []


ONE_PLACE = {
    "pickle.Unpickler, made narrow": (r"\(pickle\.Unpickler\)", {"sources/eopatches/unpickling.py"}),
    "XML is parsed": (r"ElementTree\.(fromstring|parse|iterparse|XML)\(|ParserCreate\(|import lxml|minidom|xml\.sax", {"base/storage/xmltext.py"}),
    "a request is made": (r"requests\.(get|post|put|head|request|Session)\(|urlopen|http\.client|httpx\.", {"sources/remote/sessions.py"}),
    "a page is rendered": (r"jinja2\.Environment\(|jinja2\.Template\(", {"pages/page.py"}),
    "JSON or TOML is parsed": (
        r"\bjson\.loads?\(|tomllib\.loads?\(",
        {"base/storage/documents.py", "training/logs.py", "pipeline/stages.py", "testing/hub.py", "testing/loopback.py"},
    ),
    "a Parquet table is read": (r"pq\.(read_table|ParquetFile)\(", {"base/storage/parquet.py"}),
    "a raster is opened": (
        r"rasterio\.open\(",
        {
            *("sources/rasters/gdal.py", "sources/rasters/companions.py", "sources/remote/ranges.py"),  # from outside
            *(
                "prediction/check.py",
                "prediction/looks/picture.py",
                "prediction/files/canvas.py",
                "prediction/files/tiles.py",
                "prediction/files/cog.py",
                "demo.py",
            ),  # our own, or the demo's
            "testing/rasters.py",
        },
    ),
}
"""What is done in few places, which keep the rules of SECURITY.md: a new place is thought about first."""


@pytest.mark.parametrize("what", ONE_PLACE)
def test_what_reads_strange_bytes_is_done_in_the_places_that_keep_the_rules(what: str):
    pattern, places = ONE_PLACE[what]
    house = PROJECT / "src" / "dione"
    assert {str(path.relative_to(house)) for path in SOURCES if re.search(pattern, path.read_text())} <= places


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_no_page_names_a_path_of_one_machine(path: Path):
    assert re.findall(r"(?<![\w.:/*>}])/(?:work|opt|root|home|mnt)/\S*|\.\./shared\S*", path.read_text()) == []


def test_the_lock_holds_every_dependency_within_its_range():
    pyproject = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    project = pyproject["project"]
    wanted = [
        *project["dependencies"],
        *pyproject["dependency-groups"]["dev"],
        *(line for name, extra in project["optional-dependencies"].items() if name not in pyproject["tool"]["dione"]["unlocked-extras"] for line in extra),
    ]
    pins = locked()
    missing = [line for line in map(Requirement, wanted) if not line.specifier.contains(pins.get(canonicalize_name(line.name), "0"))]
    assert missing == [], "run scripts/lock"


def test_the_lock_brings_no_cuda_and_no_build_of_torch_by_name():
    assert [name for name in locked() if re.match(r"nvidia|cuda|triton", name)] == []
    assert "+" not in locked()["torch"]


def test_every_package_of_a_lock_is_hashed_but_torch_which_is_pinned():
    for file in (PROJECT / "locks").iterdir():
        lines = file.read_text().replace("\\\n", " ").splitlines()
        pins = [line for line in lines if line and not line.startswith("#")]
        assert pins and all(re.match(r"[\w.\[\]-]+==\S+", line) for line in pins), file.name
        assert [line for line in pins if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", line) and file.name != "torch.txt"] == []


def test_the_locks_name_no_registry():
    assert [file.name for file in (PROJECT / "locks").iterdir() if re.search(r"https?:|--(extra-)?index-url|--find-links", file.read_text())] == []
