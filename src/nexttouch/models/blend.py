"""Base rate and fixed blend: the least and the most that a churn baseline can be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import expit, logit

from nexttouch.models.bgnbd import BGNBDClassifier
from nexttouch.models.columns import MatrixClassifier, two_classes
from nexttouch.models.explanation import Explanation
from nexttouch.models.lightgbm_heads import ChurnClassifier
from nexttouch.models.logistic import RFMLogistic

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["BaseRateClassifier", "BlendClassifier"]

WEIGHTS = (0.5, 0.25, 0.25)
"""LightGBM, BG/NBD, logistic: fixed, because fitted weights gained nothing."""


class BaseRateClassifier(MatrixClassifier):
    """Everybody has the churn rate of the training rows.

    Examples
    --------
    >>> BaseRateClassifier().fit(np.zeros((4, 1)), [0, 0, 0, 1]).predict_proba([[5.0]]).tolist()
    [[0.75, 0.25]]
    """

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on labels (n_rows,); the features are not read."""
        matrix, target = self._learn_columns(X, y)
        self.classes_, codes = two_classes(type(self).__name__, target)
        weight = np.ones(len(matrix)) if sample_weight is None else np.asarray(sample_weight, float)
        self.rate_ = float((weight * codes).sum() / weight.sum())
        return self

    def proba_of_matrix(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probability of each class for rows in the fitted columns."""
        return np.tile([1.0 - self.rate_, self.rate_], (len(matrix), 1))

    def explain(self, matrix: NDArray[Any]) -> Explanation:
        """Return an explanation without reasons."""
        return Explanation.constant(float(logit(self.rate_)), len(matrix))


class BlendClassifier(MatrixClassifier):
    """Fixed 2:1:1 blend of the logits of LightGBM, BG/NBD and RFM logistic.

    Parameters
    ----------
    horizon_days : float
    rounds, num_threads, random_state : int
        As in `ChurnClassifier`.

    Attributes
    ----------
    lightgbm_, bg_nbd_, logistic_ : fitted estimators

    Examples
    --------
    >>> import pandas as pd
    >>> from nexttouch.models.rfm import RFM_COLUMNS
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({name: 1 + rng.gamma(2.0, size=300) for name in RFM_COLUMNS})
    >>> model = BlendClassifier(rounds=10).fit(X, X["recency_days_activity"] > 3)
    >>> model.predict_proba(X).shape
    (300, 2)
    """

    def __init__(
        self,
        horizon_days: float = 28.0,
        *,
        rounds: int = 150,
        num_threads: int = 1,
        random_state: int = 7,
    ) -> None:
        self.horizon_days = horizon_days
        self.rounds = rounds
        self.num_threads = num_threads
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the three members on a data frame with the named columns."""
        self._learn_columns(X, y)
        options = {
            "rounds": self.rounds,
            "num_threads": self.num_threads,
            "random_state": self.random_state,
        }
        self.lightgbm_ = ChurnClassifier(**options).fit(X, y, sample_weight)
        self.bg_nbd_ = BGNBDClassifier(self.horizon_days).fit(X, y, sample_weight)
        self.logistic_ = RFMLogistic().fit(X, y, sample_weight)
        self.classes_ = self.lightgbm_.classes_
        return self

    def _members(self) -> tuple[Any, Any, Any]:
        return self.lightgbm_, self.bg_nbd_, self.logistic_

    def proba_of_matrix(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probability of each class for rows in the fitted columns."""
        total = np.zeros(len(matrix))
        for weight, member in zip(WEIGHTS, self._members(), strict=True):
            p = member.proba_of_matrix(matrix)[:, 1]
            total += weight * logit(np.clip(p, 1e-9, 1.0 - 1e-9))
        churn = expit(total)
        return np.column_stack([1.0 - churn, churn])

    def explain(self, matrix: NDArray[Any]) -> Explanation:
        """Return the members' contributions with the weights of their logits."""
        pairs = zip(WEIGHTS, self._members(), strict=True)
        return Explanation.weighted((weight, member.explain(matrix)) for weight, member in pairs)
