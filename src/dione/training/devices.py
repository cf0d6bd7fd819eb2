"""Where training runs: one process by default, as many as `torchrun` started otherwise.

torchrun --nproc-per-node 2 --no-python dione train recipe.toml
"""

import os
from typing import Literal

from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from dione.nets.precision import doubt


def fabric(precision: Literal["32-true", "bf16-mixed"]) -> Fabric:
    """This process's place among the others, and its device."""
    made = _made(precision)
    if precision == "bf16-mixed" and is_first():
        doubt(made.device.type, "leave train.precision out")
    return made


def _made(precision: Literal["32-true", "bf16-mixed"]) -> Fabric:
    if "LOCAL_WORLD_SIZE" not in os.environ:
        return Fabric(accelerator="auto", devices=1, precision=precision)
    here, everywhere = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    # With one date the branches that fuse dates have no gradient, so unused parameters have to be looked for.
    strategy = DDPStrategy(find_unused_parameters=True)
    made = Fabric(accelerator="auto", devices=here, num_nodes=everywhere // here, strategy=strategy, precision=precision)
    made.launch()
    return made


def is_first() -> bool:
    """Whether this process is the one that speaks."""
    return os.environ.get("RANK", "0") == "0"
