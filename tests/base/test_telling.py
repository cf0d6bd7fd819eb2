"""What errors, logs and notes may say of the world outside."""

import logging
import time

import pytest

from dione.base import telling
from dione.base.errors import BadSource, DioneError
from dione.cli.console import Guarded


@pytest.mark.parametrize(
    "text",
    [
        "https://user:verysecret@host/a.tif cannot be read",
        "https://host/a.tif?sig=verysecret&se=2024 cannot be read",
        "s3://key:verysecret@bucket/a.tif",
        "https://user:very@verysecret@host/a",
        "HTTPSConnectionPool(host='h', port=443): Max retries exceeded with url: /a.tif?token=verysecret",
        "/vsicurl/https://host/a.tif?X-Amz-Signature=verysecret",
    ],
)
def test_no_error_holds_a_password_or_a_signature(text: str) -> None:
    assert "verysecret" not in str(BadSource(text)) and str(BadSource(text))


@pytest.mark.parametrize("part", ["://", "://a@", "?a", "?a=", ":// ", "\x1b", "a"])
def test_a_text_of_any_length_is_told_in_as_little_time_a_letter(part: str) -> None:
    began = time.process_time()
    telling.message(part * 200_000)
    assert time.process_time() - began < 5


def test_a_log_line_holds_none_either_and_nothing_that_a_terminal_obeys() -> None:
    record = logging.LogRecord("dione", logging.INFO, "", 1, "https://u:verysecret@h/%s?sig=verysecret", ("\x1b[2Ja",), None)
    told = Guarded("%(message)s").format(record)
    assert "verysecret" not in told and "\x1b" not in told and "https://h/" in told


def test_letters_that_a_terminal_obeys_are_written_out() -> None:
    assert str(DioneError("a\x1b[31mb\u202ec\rd\te")) == "a\\x1b[31mb\\u202ec\\rd e"


@pytest.mark.parametrize("text", ["x" * 100_000, "\n".join(f"  - fault {n}" for n in range(500)), "\n".join(["y" * 5_000] * 60)])
def test_an_error_is_at_most_a_screen_and_keeps_its_first_words_and_its_advice(text: str) -> None:
    told = str(BadSource(f"this is wrong:\n{text}\ndo that"))
    assert told.startswith("this is wrong:") and told.endswith("do that")
    assert len(told.split("\n")) <= telling.LINES and len(told) <= telling.LETTERS


def test_what_fits_is_told_as_it_is_and_telling_it_again_changes_nothing() -> None:
    text = "series/ has 2 faults:\n  - one, at https://host/a\n  - two: é × Ω\ndo that"
    assert str(DioneError(text)) == text == telling.message(telling.message(text))
