"""`dione doctor`."""

from typing import Annotated

import typer

from dione.cli.result import Result


def doctor(
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Measure for some seconds how fast this machine sharpens.")] = True,
) -> Result:
    """What is installed, what this machine can do, what is missing and the command to get it. Exit 1 if dione cannot work here.

    Example: dione doctor
    """
    from dione import checkup

    found = checkup.look(probe=probe)

    def judge() -> None:
        if found.faults:
            raise typer.Exit(1)

    return Result(found.facts, checkup.lines(found), judge)
