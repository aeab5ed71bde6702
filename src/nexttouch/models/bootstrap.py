"""Paired bootstrap by customer: how sure a difference between two models is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Interval", "paired_interval"]


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float

    @property
    def below_zero(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.high < 0.0

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0.0

    def __str__(self) -> str:
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def paired_interval(
    difference: NDArray[Any],
    customer_id: NDArray[Any],
    *,
    draws: int = 1_000,
    random_state: int = 7,
) -> Interval:
    """Return the mean of a per-row difference with a bootstrap interval by customer.

    Customers, not rows, are drawn with replacement, so that several test dates of one customer
    count as one piece of evidence.

    Parameters
    ----------
    difference : float64, shape (n_rows,)
        For example loss of the candidate less loss of the champion on the same row.
    customer_id : array of shape (n_rows,)
    draws : int
    random_state : int

    Examples
    --------
    >>> better = paired_interval(np.full(50, -0.1), np.arange(50))
    >>> better.below_zero
    True
    """
    code, _ = pd.factorize(np.asarray(customer_id))
    sums = np.bincount(code, weights=difference)
    counts = np.bincount(code).astype(np.float64)
    n_customers = len(sums)
    rng = np.random.default_rng(random_state)
    means = np.empty(draws)
    for draw in range(draws):
        picked = rng.integers(0, n_customers, n_customers, dtype=np.int32)
        means[draw] = sums[picked].sum() / counts[picked].sum()
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(np.mean(difference)), float(low), float(high))
