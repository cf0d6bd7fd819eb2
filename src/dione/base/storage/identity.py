"""What tells whether settings are still the same: a hash of their values."""

import hashlib
import json
from typing import Any


def of(*values: Any) -> str:
    """A hash of plain values (numbers, texts, lists, dictionaries in any order of their keys)."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()
