"""Scale and offset, decided from what metadata say."""

import pytest

from dione.base.errors import BadValues
from dione.sources.sentinel.offsets import Claims, Radiometry, decide

OLD, NEW, COLLECTION_1, BY_USERS = (2, 14), (5, 10), (5, 0), (99, 99)


@pytest.mark.parametrize(
    ("claims", "offset"),
    [
        (Claims("x", baseline=OLD, scale=1e-4, offset=0.0), 0.0),
        (Claims("x", baseline=NEW, scale=1e-4, offset=-0.1), -0.1),
        (Claims("x", baseline=NEW, offset=-0.1, applied=False), -0.1),
        (Claims("x", baseline=NEW, offset=0.0, applied=True), 0.0),
        (Claims("x", baseline=NEW, offset=-0.1, applied=True, flag_wins=True), 0.0),
        (Claims("x", baseline=NEW, applied=False), -0.1),
        (Claims("x", baseline=OLD), 0.0),
        (Claims("x", baseline=NEW, unaltered=True), -0.1),
        (Claims("x", baseline=COLLECTION_1, product=-0.1, unaltered=True), -0.1),
        (Claims("x", scale=1e-4, offset=-0.1), -0.1),
        (Claims("x", baseline=BY_USERS, product=0.0, unaltered=True), 0.0),
        (Claims("x", baseline=BY_USERS, product=-0.1, unaltered=True), -0.1),
        (Claims("x", baseline=BY_USERS, scale=1e-4, offset=0.0), 0.0),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_metadata_say_is_what_is_added(claims: Claims, offset: float) -> None:
    assert decide(claims).offset == offset and decide(claims).scale == 1e-4


@pytest.mark.parametrize(
    ("claims", "both"),
    [
        (Claims("x", baseline=OLD, offset=-0.1), ("-0.1", "02.14")),
        (Claims("x", baseline=NEW, offset=0.0), ("0 is to be added", "05.10")),
        (Claims("x", baseline=NEW, offset=0.0, applied=False), ("0 is to be added", "05.10")),
        (Claims("x", baseline=NEW, offset=-0.1, applied=True), ("-0.1", "boa_offset_applied")),
        (Claims("x", baseline=OLD, product=-0.1), ("XML", "02.14")),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_contradicts_itself_is_an_error_that_names_both(claims: Claims, both: tuple[str, str]) -> None:
    with pytest.raises(BadValues) as error:
        decide(claims)
    assert all(words in str(error.value) for words in both) and "--offset" in str(error.value)


@pytest.mark.parametrize("claims", [Claims("x"), Claims("x", baseline=NEW), Claims("x", baseline=BY_USERS, unaltered=True)])
def test_what_says_too_little_is_not_guessed(claims: Claims) -> None:
    with pytest.raises(BadValues, match="--offset"):
        decide(claims)


def test_what_is_given_goes_before_all_metadata() -> None:
    assert decide(Claims("x", baseline=OLD, offset=-0.1), offset=0.0) == Radiometry(1e-4, 0.0, "given")
