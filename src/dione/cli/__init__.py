"""The command line: one verb a file. It parses, calls and prints; it holds no logic.

cli/verbs/predict.py          `dione predict`: a function of the file's name
cli/verbs/dataset/build.py    `dione dataset build`: a folder is a group of verbs, its docstring their help
cli/gather.py                 finds them; adding a verb is adding a file
cli/reading.py, console.py    what verbs share: how a series is read, how things are told
cli/result.py                 what they give back, for a person or (--json) for a program
cli/stopping.py               how Ctrl-C is answered
cli/quick.py                  how a command starts and ends in less time
"""

import sys
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated, NoReturn

import typer

from dione.base.errors import DioneError, of_the_system
from dione.base.machine import memory, processors
from dione.cli import verbs
from dione.cli.console import err, say
from dione.cli.gather import gathered
from dione.cli.quick import quicken
from dione.cli.stopping import Stopping


def _version(asked: bool) -> bool:
    if asked:
        say(f"dione {version('dione')}")
        raise typer.Exit
    return asked


def command() -> typer.Typer:
    """Every verb, and `--version`."""
    app = gathered(verbs)

    @app.callback()
    def asked(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Tell the version and exit.")] = False) -> None:
        pass

    return app


def main() -> NoReturn:
    """The entry point: exit 0 done, 1 failed with a message, 2 wrong usage, 130 and 143 stopped by Ctrl-C and SIGTERM."""
    quicken()
    processors.tell_openmp()
    memory.tell_gdal()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an output in ASCII has no ×, which is no reason to fail
    try:
        with Stopping(sys.argv[1:]):
            command()()
    except (DioneError, OSError, MemoryError, RuntimeError, ImportError) as error:
        told = error if isinstance(error, DioneError) else of_the_system(error)
        if told is None:
            raise
        err.quiet = False  # --quiet is for all else
        err.print(f"error: {told}", style="bold red" if err.is_terminal else None, markup=False)
        sys.exit(1)
    sys.exit(0)
