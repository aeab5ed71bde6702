"""Rows written down while the days pass, joined into columns at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Columns"]


@dataclass
class Columns:
    """Blocks of rows with the same columns.

    ``missing`` names the columns and the number that stands for "not given"; its type is the
    type of the column.
    """

    missing: dict[str, int | float]
    blocks: list[dict[str, NDArray[np.generic]]] = field(default_factory=list)

    def add(self, customer: NDArray[np.int64], **columns: NDArray[np.generic] | float) -> None:
        """Write one row per customer; a single number stands for every row."""
        if len(customer):
            rows = {name: np.asarray(value) for name, value in columns.items()}
            self.blocks.append({"customer": customer, **rows})

    def joined(self) -> dict[str, NDArray[np.generic]]:
        """Return all rows, in the order in which they were written."""
        sizes = [len(block["customer"]) for block in self.blocks]
        joined: dict[str, NDArray[np.generic]] = {}
        for name, missing in {"customer": 0, **self.missing}.items():
            of_type = np.float64 if isinstance(missing, float) else np.int64
            column = np.full(sum(sizes), missing, dtype=of_type)
            at = 0
            for block, size in zip(self.blocks, sizes, strict=True):
                if name in block:
                    column[at : at + size] = block[name]
                at += size
            joined[name] = column
        return joined
