"""JSON, TOML and Parquet from outside."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dione.base.errors import BadSource, NotFound
from dione.base.storage import documents, parquet

DEEP = 100_000


@pytest.mark.parametrize("data", ["[" * DEEP, '{"a":' * DEEP, b"\xff\xfe{", "9" * 5000, "", "{"])
def test_json_is_a_document_or_a_value_error(data: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        documents.json_of(data)


@pytest.mark.parametrize("text", ["a = " + "[" * DEEP, "a." * 20_000 + "a = 1", f"a = {'9' * 5000}", "a = 1\na = 2", "[a"])
def test_toml_is_a_document_or_a_value_error_and_neither_takes_long(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        documents.toml_of(text.encode())


def test_toml_with_many_dots_in_its_texts_is_read() -> None:
    assert documents.toml_of(f'a.b.c = "{"1. " * 500}"'.encode())["a"]["b"]["c"].startswith("1. 1.")


def table(path: Path) -> Path:
    return parquet.write(path, pa.table({"name": ["a", "b"] * 50, "value": list(range(100))}))


def test_a_byte_of_a_table_that_is_another_is_found_out(tmp_path: Path) -> None:
    path = table(tmp_path / "t.parquet")
    whole, right = path.read_bytes(), parquet.read(path, "table of things", "make it again")
    pages = pq.read_metadata(path).row_group(0).column(1)
    told = []
    for at in range(pages.dictionary_page_offset, pages.dictionary_page_offset + pages.total_compressed_size, 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        try:
            assert parquet.read(path, "table of things", "make it again").equals(right)
        except BadSource as error:
            told.append(str(error))
    assert len(told) > 50 and all("table of things" in one and one.endswith("make it again") for one in told)


def test_a_table_that_says_it_is_endless_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MOST_CELLS", 150)
    with pytest.raises(BadSource, match="100 rows of 2 columns"):
        parquet.read(table(tmp_path / "t.parquet"), "table", "cut it")
    with pytest.raises(NotFound):
        parquet.read(tmp_path / "none.parquet", "table", "make one")
