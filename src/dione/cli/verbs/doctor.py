"""`dione doctor`."""

from typing import Annotated

import typer

from dione.cli.console import Json, say, say_json


def doctor(
    probe: Annotated[bool, typer.Option("--probe/--no-probe", help="Measure for some seconds how fast this machine sharpens.")] = True,
    as_json: Json = False,
) -> None:
    """What is installed, what this machine can do, what is missing and the command to get it. Exit 1 if dione cannot work here.

    Example: dione doctor
    """
    from dione import checkup

    found = checkup.look(probe=probe)
    if as_json:
        say_json(found.facts)
    else:
        for line in checkup.lines(found):
            say(line)
    if found.faults:
        raise typer.Exit(1)
