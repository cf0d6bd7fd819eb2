"""What the pages show is run."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
EXAMPLES = [(page, code) for page in sorted(DOCS.glob("*.md")) for code in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)]


@pytest.mark.parametrize(("page", "code"), EXAMPLES, ids=lambda part: part.name if isinstance(part, Path) else "")
def test_the_examples_of_the_pages_run(page: Path, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(page), "exec"), {})
