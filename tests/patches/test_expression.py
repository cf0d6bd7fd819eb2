import pyarrow as pa
import pytest

from dione.base.errors import BadRecipe
from dione.patches.expression import chosen

TABLE = pa.table(
    {"ssim": [0.1, 0.5, None, 0.9], "views": [1, 2, 3, 4], "shadow": [False, True, False, False], "site": ["a", "b", "a", "c"], "dates": [["x"]] * 4}
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("ssim > 0.2", [1, 3]),
        ("ssim > 0.2 and not shadow", [3]),
        ("ssim > 0.2 or views >= 3", [1, 2, 3]),
        ("0.05 < ssim <= 0.5", [0, 1]),
        ("site == 'a'", [0, 2]),
        ('site in ("a", "c")', [0, 2, 3]),
        ("site not in ['a']", [1, 3]),
        ("views / 2 > 1.4", [2, 3]),  # whole numbers are divided as others
        ("ssim not in (0.9,)", [0, 1]),  # nothing is known of the third
        ("views * 2 - 1 > -(-3)", [2, 3]),
        ("ssim / views < 0.2", [0]),
        ("views != 2 and (site == 'c' or views < 2)", [0, 3]),
        ("shadow", [1]),
        ("not (ssim > 0.2)", [0]),  # of the third nothing is known, so neither this nor its opposite holds
        ("True", [0, 1, 2, 3]),
        ("false", []),
    ],
)
def test_a_condition_chooses_rows(text, rows):
    assert [row for row, kept in enumerate(chosen(TABLE, text)) if kept] == rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sim > 0.2", "no column 'sim'"),
        ("ssim >", "invalid syntax"),
        ("__import__('os').system('true')", "Call"),
        ("site.upper == 'A'", "Attribute"),
        ("[x for x in site]", "ListComp"),
        ("(lambda: 1)", "Lambda"),
        ("ssim is None", "compares with Is"),
        ("site in (site,)", "holds a column"),
        ("ssim ** 2 > 1", "BinOp"),
        ("views + 1", "not yes or no"),
        ("dates == 'x'", "no condition"),
        ("site > 3", "no condition"),
        ("", "no condition"),
        ("(" * 500 + "1" + ")" * 500, "no condition"),
        ("views > " + "1" * 2000, "longer than"),
    ],
)
def test_what_is_no_condition_is_told_with_the_columns_there_are(text, said):
    with pytest.raises(BadRecipe, match=said) as told:
        chosen(TABLE, text)
    assert "columns are" in str(told.value) or "compare it" in str(told.value)
