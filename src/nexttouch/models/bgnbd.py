"""BG/NBD: churn as the probability that no event falls into the horizon.

Source: P. Fader, B. Hardie, K. Lee, "Counting Your Customers the Easy Way", Marketing Science 24
(2005). Ranking by ``1 - P(alive)`` is harmful (customers with one purchase get P(alive) = 1), so
this predicts ``P(no event in the horizon)``, dead or merely silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, digamma, gammaln, logit

from nexttouch.models.columns import MatrixClassifier, two_classes
from nexttouch.models.explanation import Explanation, Term

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["BGNBDClassifier", "PurchaseRhythm"]

SUFFICIENT = ("recency_days_activity", "tenure_days_activity", "active_days_activity_life")


class PurchaseRhythm:
    """The four parameters of BG/NBD, fitted on rows of repeats, last repeat and age.

    Attributes
    ----------
    r, alpha, a, b : float
        Purchase rates are Gamma(r, alpha) per ``unit_days``; dropout after each purchase is
        Beta(a, b).
    unit_days : float

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> repeats = rng.poisson(rng.gamma(1.0, 2.0, 500))
    >>> age = np.full(500, 300.0)
    >>> rhythm = PurchaseRhythm.fit(repeats, np.where(repeats > 0, 250.0, 0.0), age)
    >>> silent = rhythm.p_silent(np.array([0.0, 9.0]), np.array([0.0, 250.0]), age[:2], 28.0)
    >>> bool(silent[0] > silent[1])
    True
    """

    def __init__(self, r: float, alpha: float, a: float, b: float, unit_days: float) -> None:
        self.r, self.alpha, self.a, self.b, self.unit_days = r, alpha, a, b, unit_days

    @classmethod
    def fit(
        cls,
        repeats: NDArray[Any],
        last_days: NDArray[Any],
        age_days: NDArray[Any],
        weight: NDArray[Any] | None = None,
    ) -> Self:
        """Fit by maximum likelihood on distinct rows (whole days), each with its weight."""
        whole = [np.round(v).astype(np.int64) for v in (repeats, last_days, age_days)]
        span = [int(v.max()) + 1 for v in whole]
        key = (whole[0] * span[1] + whole[1]) * span[2] + whole[2]
        key, inverse = np.unique(key, return_inverse=True)
        count = np.bincount(inverse, weights=weight, minlength=len(key))
        x, last, age = np.stack(np.unravel_index(key, span)).astype(np.float64)
        unit = max(float(np.mean(age)) / 10.0, 1.0)
        counts, last, age = _Counts(x), last / unit, age / unit
        share = count / count.sum()

        def loss(logs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            model = cls.of_logs(logs, unit)
            value, slope = model.likelihood(counts, last, age)
            ridge = 1e-3 * float((logs**2).sum())
            return ridge - float(share @ value), 2e-3 * logs - np.exp(logs) * (slope @ share)

        bounds = [(-7.0, 7.0)] * 4
        best = minimize(loss, np.zeros(4), jac=True, method="L-BFGS-B", bounds=bounds)
        return cls.of_logs(best.x, unit)

    @classmethod
    def of_logs(cls, logs: NDArray[np.float64], unit_days: float) -> Self:
        """Build from the logarithms of r, alpha, a and b."""
        r, alpha, a, b = (float(v) for v in np.exp(logs))
        return cls(r, alpha, a, b, unit_days)

    def p_silent(
        self,
        repeats: NDArray[Any],
        last_days: NDArray[Any],
        age_days: NDArray[Any],
        horizon_days: float,
    ) -> NDArray[np.float64]:
        """Return the probability of no event in the horizon, shape (n_rows,)."""
        last, age = last_days / self.unit_days, age_days / self.unit_days
        counts = _Counts(repeats)
        quiet, dead = self._log_parts(counts, last, age, horizon_days / self.unit_days)
        alive, _ = self._log_parts(counts, last, age, 0.0)
        return np.asarray(np.exp(np.logaddexp(quiet, dead) - np.logaddexp(alive, dead)))

    def rate_per_day(self, repeats: NDArray[Any], age_days: NDArray[Any]) -> NDArray[np.float64]:
        """Return the expected purchase rate of customers who are alive, events per day."""
        expected = (self.r + repeats) / (self.alpha + age_days / self.unit_days)
        return np.asarray(expected / self.unit_days)

    def likelihood(
        self, counts: _Counts, last: NDArray[np.float64], age: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the log likelihood of each row and its slope by r, alpha, a and b."""
        times, at = counts.distinct, counts.at
        r, alpha, a, b = self.r, self.alpha, self.a, self.b
        alive, dead = self._log_parts(counts, last, age, 0.0)
        both = np.logaddexp(alive, dead)
        front = gammaln(r + times) - gammaln(r) + r * np.log(alpha) - betaln(a, b)
        is_dead = np.exp(dead - both)
        by_r = (digamma(r + times) - digamma(r) + np.log(alpha))[at]
        by_r -= np.log(alpha + age) * (1.0 - is_dead) + np.log(alpha + last) * is_dead
        by_alpha = r / alpha - (r + times[at]) * (
            (1.0 - is_dead) / (alpha + age) + is_dead / (alpha + last)
        )
        together = digamma(a + b) - digamma(a + b + times)
        by_a = together[at] + is_dead / a  # digamma(a + 1) - digamma(a) = 1 / a
        by_b = (together + digamma(b + times) - digamma(b))[at]
        by_b -= is_dead / np.maximum(b + times - 1.0, 1e-12)[at]
        return both + front[at], np.stack([by_r, by_alpha, by_a, by_b])

    def _log_parts(
        self, counts: _Counts, last: NDArray[Any], age: NDArray[Any], ahead: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return log likelihoods: alive and silent so far (and ahead); dead since the last."""
        times, at = counts.distinct, counts.at
        kept = betaln(self.a, self.b + times)[at]
        gone = betaln(self.a + 1.0, self.b + np.maximum(times, 1.0) - 1.0)
        gone = np.where(times > 0, gone, -np.inf)[at]
        shape = self.r + times[at]
        alive = kept - shape * np.log(self.alpha + age + ahead)
        return alive, gone - shape * np.log(self.alpha + last)


class _Counts:
    """Repeat counts as few distinct values: the special functions cost most."""

    def __init__(self, repeats: NDArray[Any]) -> None:
        self.distinct, self.at = np.unique(repeats.astype(np.float64), return_inverse=True)


class BGNBDClassifier(MatrixClassifier):
    """BG/NBD as a churn classifier: learns from behaviour, not from the labels.

    Parameters
    ----------
    horizon_days : float

    Attributes
    ----------
    rhythm_ : PurchaseRhythm
    base_ : float
        The logit of the cohort's mean risk, from which reasons start.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> days = 1 + rng.poisson(rng.gamma(1.0, 4.0, 400))
    >>> X = pd.DataFrame({"recency_days_activity": rng.uniform(0, 200, 400),
    ...     "tenure_days_activity": 200.0, "active_days_activity_life": days})
    >>> model = BGNBDClassifier(horizon_days=28).fit(X, np.arange(400) % 2)
    >>> model.predict_proba(X).shape
    (400, 2)
    """

    def __init__(self, horizon_days: float = 28.0) -> None:
        self.horizon_days = horizon_days

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on a data frame with the named columns; labels only name the two classes."""
        matrix, target = self._learn_columns(X, y)
        self.classes_, _ = two_classes(type(self).__name__, target)
        self.columns_ = tuple(self._position(name) for name in SUFFICIENT)
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        self.rhythm_ = PurchaseRhythm.fit(*self._history(matrix), weight)
        self.base_ = float(logit(np.mean(self._churn(matrix))))
        return self

    def _history(
        self, matrix: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        recency, tenure, days = (matrix[:, at].astype(np.float64) for at in self.columns_)
        age = np.nan_to_num(np.maximum(tenure, 0.0))
        last = np.clip(age - np.nan_to_num(recency), 0.0, age)
        return np.maximum(np.nan_to_num(days, nan=1.0) - 1.0, 0.0), last, age

    def _churn(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        p = self.rhythm_.p_silent(*self._history(matrix), self.horizon_days)
        return np.clip(p, 1e-9, 1.0 - 1e-9)

    def proba_of_matrix(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probability of each class for rows in the fitted columns."""
        churn = self._churn(matrix)
        return np.column_stack([1.0 - churn, churn])

    def explain(self, matrix: NDArray[Any]) -> Explanation:
        """Return one contribution: the customer's rhythm against the cohort's mean risk."""
        values = logit(self._churn(matrix)) - self.base_
        term = Term(column=self.columns_[0], group="purchase rhythm")
        return Explanation((term,), values[:, None], np.full(len(matrix), self.base_))
