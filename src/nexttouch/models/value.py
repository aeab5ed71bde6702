"""Value: what a customer who stays is expected to spend, shrunken to the cohort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator, RegressorMixin

from nexttouch.models.bgnbd import PurchaseRhythm
from nexttouch.models.columns import NamedColumns

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["RevenueIfKept", "ValueRegressor"]

HISTORY = ("tenure_days_activity", "active_days_activity_life", "sum_value_all_life")
RECENCY = "recency_days_activity"


@dataclass(frozen=True, eq=False)
class RevenueIfKept:
    """Expected revenue of customers who stay, with an interval; each of shape (n_rows,)."""

    expected: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class ValueRegressor(NamedColumns, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Shrunken history: rate of active days if alive x mean spend of an active day.

    The rate is the posterior mean of BG/NBD's gamma prior; the mean spend is pulled towards the
    cohort's by the share of its variance that is noise. One level, learned from observed revenue,
    corrects both. A customer with one purchase is close to the cohort, with a wide interval.

    Parameters
    ----------
    value_days : float
        Days over which revenue is expected.
    horizon_days : float
        Days over which the revenue in ``fit`` was observed.
    coverage : float
        Nominal coverage of the interval.

    Attributes
    ----------
    rhythm_ : PurchaseRhythm
    spend_ : float
        The cohort's mean spend of an active day.
    pull_ : float
        Active days' worth of belief in the cohort's mean.
    noise_, spread_ : float
        Variance of spend within and between customers.
    level_ : float

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> days = 1 + rng.poisson(5, 300)
    >>> X = pd.DataFrame({"recency_days_activity": 10.0, "tenure_days_activity": 200.0,
    ...     "active_days_activity_life": days, "sum_value_all_life": 20.0 * days})
    >>> model = ValueRegressor(value_days=364).fit(X, np.full(300, 17.0))
    >>> kept = model.predict_interval(X)
    >>> bool((kept.low < kept.expected).all() and (kept.expected < kept.high).all())
    True
    """

    def __init__(
        self, value_days: float = 364.0, horizon_days: float = 28.0, coverage: float = 0.8
    ) -> None:
        self.value_days = value_days
        self.horizon_days = horizon_days
        self.coverage = coverage

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on a data frame with the named columns and revenue in the horizon (n_rows,)."""
        matrix, revenue = self._learn_columns(X, y)
        self.columns_ = tuple(self._position(name) for name in (*HISTORY, RECENCY))
        tenure, days, money = self._history(matrix)
        recency = np.nan_to_num(matrix[:, self.columns_[3]].astype(np.float64))
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        last = np.clip(tenure - recency, 0.0, tenure)
        self.rhythm_ = PurchaseRhythm.fit(days - 1.0, last, tenure, weight)
        self._learn_spend(days, money)
        silent = self.rhythm_.p_silent(days - 1.0, last, tenure, self.horizon_days)
        per_day = self._rate(tenure, days) * self._spend(days, money)
        alive = np.clip(
            (1.0 - silent) / (1.0 - np.exp(-self._rate(tenure, days) * self.horizon_days)), 0.0, 1.0
        )
        foreseen = float(np.sum(alive * per_day) * self.horizon_days)
        seen = float(np.sum(np.maximum(revenue, 0.0)))
        self.level_ = float(np.clip(seen / foreseen, 0.5, 2.0)) if foreseen > 0 else 1.0
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return expected revenue over ``value_days`` of customers who stay, shape (n_rows,)."""
        return self.kept_of_matrix(self._read_columns(X)).expected

    def predict_interval(self, X: Any) -> RevenueIfKept:
        """Return expected revenue with its interval."""
        return self.kept_of_matrix(self._read_columns(X))

    def kept_of_matrix(self, matrix: NDArray[Any]) -> RevenueIfKept:
        """Return expected revenue with its interval for rows in the fitted columns."""
        tenure, days, money = self._history(matrix)
        unit = self.rhythm_.unit_days
        shape = self.rhythm_.r + days - 1.0
        scale = self.value_days / (self.rhythm_.alpha * unit + tenure)
        purchases, spend = shape * scale, self._spend(days, money)
        expected = self.level_ * purchases * spend
        doubt = self.spread_ * self.pull_ / (self.pull_ + days)
        variance = spend**2 * purchases * (1.0 + scale) + purchases * self.noise_
        variance += purchases**2 * doubt
        relative = np.where(spend > 0, variance / np.maximum(purchases * spend, 1e-9) ** 2, 0.0)
        sigma = np.sqrt(np.log1p(relative))  # log-normal with this mean and variance
        reach = float(ndtri(0.5 + self.coverage / 2.0))
        middle = expected * np.exp(-0.5 * sigma**2)
        low, high = middle * np.exp(-reach * sigma), middle * np.exp(reach * sigma)
        return RevenueIfKept(expected, np.minimum(low, expected), np.maximum(high, expected))

    def _history(
        self, matrix: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        tenure, days, money = (matrix[:, at].astype(np.float64) for at in self.columns_[:3])
        days = np.maximum(np.nan_to_num(days), 1.0)
        return np.maximum(np.nan_to_num(tenure), 0.0), days, np.maximum(np.nan_to_num(money), 0.0)

    def _rate(self, tenure: NDArray[np.float64], days: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.rhythm_.rate_per_day(days - 1.0, tenure)

    def _learn_spend(self, days: NDArray[np.float64], money: NDArray[np.float64]) -> None:
        """Split the variance of mean spends: between customers + within / active days."""
        self.spend_ = float(money.sum() / days.sum())
        square = (money / days - self.spend_) ** 2
        design = np.column_stack([np.ones(len(days)), 1.0 / days])
        between, within = np.linalg.lstsq(design, square, rcond=None)[0]
        least = 1e-3 * (self.spend_**2 + 1e-9)
        self.spread_, self.noise_ = float(max(between, least)), float(max(within, least))
        self.pull_ = self.noise_ / self.spread_

    def _spend(self, days: NDArray[np.float64], money: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((self.pull_ * self.spend_ + money) / (self.pull_ + days))
