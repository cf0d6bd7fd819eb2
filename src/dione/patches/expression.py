"""Conditions on the columns of an index, as text: `ssim > 0.2 and not shadow`, `split == "train" or views >= 4`, `site in ("a", "b")`.

The text is taken apart as Python's grammar does and nothing in it is run: names are columns; there are numbers, texts in
quotes, True and False, comparisons (== != < <= > >= in, not in), + − * /, and, or, not, and brackets. Where a column has
no value, a comparison has no answer; `or` with something true still has, and what is left without an answer is no.
"""

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dione.base.errors import BadRecipe

LONGEST = 1000
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: pc.equal,
    ast.NotEq: pc.not_equal,
    ast.Lt: pc.less,
    ast.LtE: pc.less_equal,
    ast.Gt: pc.greater,
    ast.GtE: pc.greater_equal,
}
ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: pc.add,
    ast.Sub: pc.subtract,
    ast.Mult: pc.multiply,
    ast.Div: lambda one, other: pc.divide(pc.cast(one, pa.float64()), other),
}


def chosen(table: pa.Table, text: str) -> NDArray[np.bool_]:
    """Which rows of `table` fulfil the condition; raises BadRecipe with what in it cannot be understood."""
    try:
        if len(text) > LONGEST:
            raise ValueError(f"it is longer than {LONGEST} characters")
        found = _value(ast.parse(text.strip(), mode="eval").body, table)
    except (ValueError, SyntaxError, RecursionError, MemoryError, OverflowError, pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadRecipe(
            f"'{text:.200}' is no condition: {said}\ncolumns are {', '.join(sorted(table.column_names))}; write, e.g., ssim > 0.2 and views >= 2"
        ) from error
    rows = found if isinstance(found, pa.ChunkedArray | pa.Array) else pa.repeat(found, table.num_rows)
    if not pa.types.is_boolean(rows.type):
        raise BadRecipe(f"'{text:.200}' is no condition: it gives {rows.type}, not yes or no\ncompare it with something: {text:.60} > 0")
    return np.asarray(rows.fill_null(False).to_numpy(zero_copy_only=False), bool)


def _value(node: ast.expr, table: pa.Table) -> Any:
    """A column, or a scalar."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return pa.scalar(value)
        case ast.Name(id=name) if name.lower() in ("true", "false"):
            return pa.scalar(name.lower() == "true")
        case ast.Name(id=name):
            if name not in table.column_names:
                raise ValueError(f"no column '{name}'")
            return table[name]
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            return pc.invert(_value(inner, table))
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return pc.negate(_value(inner, table))
        case ast.BoolOp(op=op, values=values):
            join = pc.and_kleene if isinstance(op, ast.And) else pc.or_kleene
            total = _value(values[0], table)
            for each in values[1:]:
                total = join(total, _value(each, table))
            return total
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            return ARITHMETIC[type(op)](_value(left, table), _value(right, table))
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [left, *others]
            answers = [_compared(one, op, other, table) for one, op, other in zip(sides, ops, others, strict=False)]
            total = answers[0]
            for each in answers[1:]:
                total = pc.and_kleene(total, each)
            return total
    raise ValueError(f"it holds {type(node).__name__} ('{ast.unparse(node):.60}')")


def _compared(one: ast.expr, op: ast.cmpop, other: ast.expr, table: pa.Table) -> Any:
    if isinstance(op, ast.In | ast.NotIn) and isinstance(other, ast.Tuple | ast.List):
        values, looked = [_value(each, table) for each in other.elts], _value(one, table)
        if not all(isinstance(value, pa.Scalar) for value in values):
            raise ValueError(f"'{ast.unparse(other):.60}' holds a column, needs numbers or texts in quotes")
        held = pc.is_in(looked, value_set=pa.array([value.as_py() for value in values]))
        known = pc.if_else(pc.is_valid(looked), held, pa.scalar(None, pa.bool_()))
        return known if isinstance(op, ast.In) else pc.invert(known)
    if type(op) not in COMPARE:
        raise ValueError(f"it compares with {type(op).__name__}")
    return COMPARE[type(op)](_value(one, table), _value(other, table))
