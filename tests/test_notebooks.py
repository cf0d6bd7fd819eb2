"""Every notebook runs from its first cell to its last; none holds a function or yesterday's output."""

import ast
import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))


def code(notebook: Path) -> list[dict]:
    return [cell for cell in json.loads(notebook.read_text())["cells"] if cell["cell_type"] == "code"]


def named(notebook: Path) -> str:
    return notebook.name


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=named)
def test_a_notebook_calls_the_library_and_keeps_no_output(notebook: Path):
    cells = code(notebook)
    assert cells and not [cell for cell in cells if cell["outputs"] or cell["execution_count"]]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert not [node for cell in cells for node in ast.walk(ast.parse("".join(cell["source"]))) if isinstance(node, kinds)]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # what Jupyter's own packages deprecate is not ours
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=named)
def test_a_notebook_runs(notebook: Path, tmp_path: Path):
    nbclient = pytest.importorskip("nbclient", reason="make docs installs what runs notebooks")
    pytest.importorskip("ipykernel")
    import nbformat

    book = nbformat.read(notebook, as_version=4)
    nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert all(cell.execution_count for cell in book.cells if cell.cell_type == "code")
