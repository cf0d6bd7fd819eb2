"""The command line: one verb a file. It parses, calls and prints; it holds no logic.

cli/verbs/predict.py          `dione predict`: a function of the file's name
cli/verbs/dataset/build.py    `dione dataset build`: a folder is a group of verbs, its docstring their help
cli/gather.py                 finds them; adding a verb is adding a file
cli/reading.py, console.py    what verbs share: how a series is read, how things are told
"""

import sys
from typing import NoReturn

from dione.base.errors import DioneError
from dione.cli import verbs
from dione.cli.console import err
from dione.cli.gather import gathered


def main() -> NoReturn:
    """The entry point: exit 0 done, 1 failed with a message, 2 wrong usage, 130 interrupted."""
    try:
        gathered(verbs)()
    except DioneError as error:
        err.quiet = False  # --quiet is for all else
        err.print(f"error: {error}", style="bold red" if err.is_terminal else None, markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("stopped; run the same command again to go on where it stopped", markup=False)
        sys.exit(130)
    sys.exit(0)
