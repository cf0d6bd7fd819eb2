"""How large a network may be that a file asks for: a number in its header is no reason to fill the memory."""

from typing import Annotated

from pydantic import Field

Width = Annotated[int, Field(ge=1, le=2048)]
"""Channels, heads, hidden values."""
Depth = Annotated[int, Field(ge=0, le=256)]
"""Blocks and rounds."""
Few = Annotated[int, Field(ge=1, le=64)]
"""Bands, zoom, stages."""
LARGEST = 64_000_000
"""Parameters: three times the largest that anybody published for this."""


def modest(parameters: int) -> None:
    """Raise ValueError for a network of about so many parameters that is larger than LARGEST."""
    if parameters > LARGEST:
        raise ValueError(f"makes a network of about {parameters // 1_000_000} million parameters, more than {LARGEST // 1_000_000} million")


def of_blocks(channels: int, blocks: int) -> int:
    """Parameters of residual blocks of two 3 × 3 convolutions."""
    return 18 * channels**2 * (blocks + 1)
