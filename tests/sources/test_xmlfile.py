"""XML that could do harm is refused before it can."""

from pathlib import Path

import pytest

from dione.base.errors import BadSource
from dione.sources.sentinel import xmlfile

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    "text",
    [
        f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l9;</a>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1/x.dtd"> %x;]><a/>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>',
    ],
    ids=["billion laughs", "a local file", "a parameter entity", "a foreign document type"],
)
def test_declarations_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.dim"
    path.write_text(text)
    with pytest.raises(BadSource, match=r"a\.dim declares a document type or entity .* refused"):
        xmlfile.read(path)


def test_a_document_nested_very_deep_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.dim").write_text("<a>" * 100_000 + "</a>" * 100_000)
    with pytest.raises(BadSource, match="nested more than 64 deep"):
        xmlfile.read(tmp_path / "a.dim")


@pytest.mark.parametrize("data", [b"", b"<a>", b"\x89PNG", b"<a>&nothing;</a>", b'<?xml version="1.0" encoding="nonsense"?><a/>'])
def test_what_is_no_xml_is_told_so(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.dim").write_bytes(data)
    with pytest.raises(BadSource, match="is no XML"):
        xmlfile.read(tmp_path / "a.dim")


def test_name_spaces_are_taken_off(tmp_path: Path) -> None:
    (tmp_path / "a.dim").write_text('<a xmlns="urn:x"><b>1 &lt; 2</b></a>')
    assert xmlfile.read(tmp_path / "a.dim").findtext("b") == "1 < 2"
