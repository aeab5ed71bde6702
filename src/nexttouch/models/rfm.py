"""Recency, frequency and money: the few columns every log has, ready for a logistic model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nexttouch.models.columns import signed_log

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["RFM_COLUMNS", "Standardised"]

RFM_COLUMNS = (
    "recency_days_activity",
    "tenure_days_activity",
    "active_days_activity_life",
    "events_activity_life",
    "active_days_activity_91d",
    "sum_value_activity_life",
)


class Standardised:
    """Logarithms of some columns, centred on the cohort's median and scaled to unit spread.

    Missing values stand at the median. Columns that never vary keep a scale of one.

    Parameters
    ----------
    columns : tuple of int
        Positions in the matrix.
    rhythm : tuple of int or None
        Positions of recency, tenure and active days; when given, a last term is added: recency
        over the mean gap between active days.

    Attributes
    ----------
    center_, scale_ : float64, shape (n_terms,)

    Examples
    --------
    >>> rows = np.array([[0.0], [np.e - 1], [np.e**2 - 1]])
    >>> Standardised((0,)).fit(rows).transform(rows)[:, 0].round(2).tolist()
    [-1.22, 0.0, 1.22]
    """

    def __init__(
        self, columns: tuple[int, ...], rhythm: tuple[int, int, int] | None = None
    ) -> None:
        self.columns = columns
        self.rhythm = rhythm

    def fit(self, matrix: NDArray[Any]) -> Standardised:
        """Learn medians and spreads."""
        raw = self._terms(matrix)
        known = np.isfinite(raw)
        empty = ~known.any(axis=0)
        raw[:, empty] = 0.0
        self.center_ = np.nanmedian(raw, axis=0)
        spread = np.nanstd(raw, axis=0)
        self.scale_ = np.where(spread > 1e-9, spread, 1.0)
        return self

    def transform(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Return the terms, shape (n_rows, n_terms)."""
        terms = (self._terms(matrix) - self.center_) / self.scale_
        return np.nan_to_num(terms, nan=0.0, posinf=0.0, neginf=0.0)

    @property
    def shown(self) -> tuple[int, ...]:
        """Return the column each term is shown by."""
        return self.columns if self.rhythm is None else (*self.columns, self.rhythm[0])

    def _terms(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        logs = signed_log(matrix[:, list(self.columns)])
        if self.rhythm is None:
            return logs
        recency, tenure, days = matrix[:, list(self.rhythm)].astype(np.float64).T
        over_gap = recency * np.maximum(days, 1.0) / np.maximum(tenure, 1.0)
        return np.column_stack([logs, signed_log(over_gap)])
