"""The training set: features joined with labels, one row per snapshot."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["TrainingSet"]


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Features, labels and what is known of each snapshot.

    Attributes
    ----------
    X : DataFrame of float32, shape (n_rows, n_features)
        Features as of the cutoff, including ``journey_stage`` and ``journey_silent_stage``.
    customer_id : array of str, shape (n_rows,)
    cutoff_us : int64, shape (n_rows,)
    stage, silent_stage, next_stage : int16, shape (n_rows,)
        Codes into ``stages``: at the cutoff; at the end of the horizon if nothing happens; observed
        at the end of the horizon (-1 where censored).
    churned : float32, shape (n_rows,)
        1 where no activity event falls into the horizon, 0 where one does, NaN where censored.
    revenue : float64, shape (n_rows,)
        Money of all events in the horizon, in major units, NaN where censored.
    stages : tuple of str
    legal : bool, shape (n_stages, n_stages)
        ``legal[j, k]``: stage k can be reached from j within the horizon.
    horizon_days : int
    """

    X: pd.DataFrame
    customer_id: NDArray[np.object_]
    cutoff_us: NDArray[np.int64]
    stage: NDArray[np.int16]
    silent_stage: NDArray[np.int16]
    next_stage: NDArray[np.int16]
    churned: NDArray[np.float32]
    revenue: NDArray[np.float64]
    stages: tuple[str, ...]
    legal: NDArray[np.bool_]
    horizon_days: int

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.cutoff_us)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """Return some rows, in the given order."""
        parts = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "X":
                parts["X"] = value.iloc[rows if rows.dtype != bool else np.flatnonzero(rows)]
            elif item.name not in {"stages", "legal", "horizon_days"}:
                parts[item.name] = value[rows]
        return replace(self, **parts)

    def at(self, cutoffs_us: Iterable[int]) -> Self:
        """Return the rows of some cutoffs."""
        return self.take(np.isin(self.cutoff_us, np.fromiter(cutoffs_us, dtype=np.int64)))
