"""`dione demo`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.console import progress
from dione.cli.result import Result


def demo(folder: Annotated[Path, typer.Option("-o", "--output", help="Folder for input and results.")] = Path("demo")) -> Result:
    """Sharpen a real series of seven dates near Toulouse, and show what was gained.

    Example: dione demo -o demo/
    """
    from dione import demo as shown

    with progress() as tell:
        made = shown.run(folder, progress=tell)
    return Result(made, made.lines)
