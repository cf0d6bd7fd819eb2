"""`dione dataset split`."""

from typing import Annotated

import typer

from dione.cli.result import Result


def split(
    store: Annotated[str, typer.Argument(help="A patch store, here or at s3://.", show_default=False)],
    shares: Annotated[str, typer.Option(help="Of training, validation and test.")] = "0.6,0.2,0.2",
    by: Annotated[str | None, typer.Option(help="A column, such as country: each of its values is divided for itself.")] = None,
    seed: Annotated[int, typer.Option(help="What the division is drawn with.")] = 0,
) -> Result:
    """Divide a store by place; areas that touch never fall on both sides, those between are left out.

    Example: dione dataset split runs/deimos --by country
    """
    from dione.patches import splitting
    from dione.patches.store import read

    made = splitting.split(read(store), shares=_numbers(shares), by=by, seed=seed)
    words = [f"{side:11} {made.patches.get(side, 0):6} patches of {places} places" for side, places in sorted(made.places.items())]
    return Result({"patches": made.patches, "places": made.places}, words)


def _numbers(text: str) -> tuple[float, float, float]:
    try:
        train, validation, test = (float(word) for word in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not three numbers, such as 0.6,0.2,0.2", param_hint="--shares") from error
    return train, validation, test
