"""The options of every verb that works on results: which pixels are trusted."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

Results = Annotated[str, typer.Argument(help="The folder that `dione predict -o` wrote.", show_default=False)]


@dataclass(frozen=True)
class Trusting:
    """Which pixels are left out."""

    max_sigma: Annotated[float, typer.Option(min=1e-6, help="Leave out pixels that are less sure in any band: 1 sigma, reflectance.")] = 0.05
    confirmed: Annotated[bool, typer.Option("--confirmed", help="Leave out detail that no date confirms (class 3 of the support map).")] = False

    def rule(self) -> Any:
        """As the room of analysis takes it."""
        from dione.analysis.trust import Trust

        return Trust(self.max_sigma, self.confirmed)
