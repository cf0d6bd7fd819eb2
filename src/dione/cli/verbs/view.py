"""`dione view`."""

from pathlib import Path
from typing import Annotated

import typer

from dione.cli.result import Result, tell


def view(
    folder: Annotated[Path, typer.Argument(help="A folder of results: the OUT of `dione predict`.", show_default=False)],
    host: Annotated[str, typer.Option(help="Where to listen. Any other than 127.0.0.1 lets other machines look.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes any that is free.")] = 8765,
    base_map: Annotated[
        str | None, typer.Option(help="A map to lay under the results: osm, or an address with {z}, {x} and {y}. Without it no other machine is asked.")
    ] = None,
) -> None:
    """Look at results on a map in a browser: 10 m beside 2.5 m, uncertainty, spectra over time. Needs the extra `view`.

    Example: dione view out/
    """
    from dione.base.errors import NotFound

    try:
        from dione.view.app import application
        from dione.view.serve import serve
    except ModuleNotFoundError as error:
        raise NotFound(f"`dione view` needs {error.name}, which is not installed\nrun: pip install 'dione[view]'") from error
    from dione.view.folder import gallery

    serve(
        application(gallery(folder), host=host, base_map=base_map),
        port=port,
        ready=lambda address: tell(Result({"address": address}, [f"look at {address}  (Ctrl-C ends)"])),
    )
