"""Logistic baselines on recency, frequency and money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import expit, softmax

from nexttouch.models.columns import MatrixClassifier, two_classes
from nexttouch.models.explanation import Explanation, Term
from nexttouch.models.legality import LegalStages, check_targets
from nexttouch.models.rfm import RFM_COLUMNS, Standardised

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["RFMLogistic", "StageLogistic", "fit_softmax"]


def fit_softmax(
    terms: NDArray[np.float64],
    codes: NDArray[np.intp],
    weight: NDArray[np.float64],
    *,
    ridge: float,
) -> NDArray[np.float64]:
    """Fit a multinomial logistic model by Newton's method.

    Parameters
    ----------
    terms : float64, shape (n_rows, n_terms)
    codes : int, shape (n_rows,)
        Classes ``0 .. n_classes - 1``, each present.
    weight : float64, shape (n_rows,)
    ridge : float
        Half the penalty per squared coefficient; the intercept is free.

    Returns
    -------
    float64, shape (n_terms + 1, n_classes)
        Coefficients, the intercept last. Of two classes the first has score 0.

    Examples
    --------
    >>> terms = np.array([[-1.0], [-1.0], [1.0], [1.0]])
    >>> coef = fit_softmax(terms, np.array([0, 1, 0, 1]), np.ones(4), ridge=1.0)
    >>> bool(np.abs(coef).max() < 1e-6)
    True
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - fitting only

    n_classes = int(codes.max()) + 1
    coef = np.zeros((terms.shape[1] + 1, n_classes))
    if n_classes == 1:
        return coef
    model = LogisticRegression(C=0.5 / ridge, solver="newton-cholesky", max_iter=100, tol=1e-6)
    model.fit(terms, codes, sample_weight=weight)
    free = slice(1, None) if n_classes == 2 else slice(None)
    coef[:-1, free], coef[-1, free] = model.coef_.T, model.intercept_
    return coef


def _scores(
    terms: NDArray[np.float64], coef: NDArray[np.float64], intercept: Any
) -> NDArray[np.float64]:
    """Return ``terms @ coef + intercept``, adding term by term.

    A matrix product may add in another order for one row than for many; this gives the same bits.
    """
    total = np.zeros((len(terms), coef.shape[1])) + intercept
    for term in range(terms.shape[1]):
        total += terms[:, term, None] * coef[term]
    return np.asarray(total)


def _unit_weight(sample_weight: ArrayLike | None, n_rows: int) -> NDArray[np.float64]:
    if sample_weight is None:
        return np.ones(n_rows)
    return np.asarray(sample_weight, dtype=np.float64)


class RFMLogistic(MatrixClassifier):
    """Logistic regression on logarithms of recency, tenure, frequency and money.

    Parameters
    ----------
    columns : tuple of str
        Columns to read. Terms are their logarithms, and recency over the mean gap.
    ridge : float
        Half the penalty per squared standardised coefficient.

    Attributes
    ----------
    terms_ : Standardised
    coef_ : float64, shape (n_terms,)
    intercept_ : float
        The logit of a customer who stands at every median.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({name: rng.gamma(2.0, size=300) for name in RFM_COLUMNS})
    >>> model = RFMLogistic().fit(X, X["recency_days_activity"] > 2)
    >>> bool(model.coef_[0] > 0)
    True
    """

    def __init__(self, columns: tuple[str, ...] = RFM_COLUMNS, ridge: float = 1.0) -> None:
        self.columns = columns
        self.ridge = ridge

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on a data frame with the named columns and churn labels (n_rows,)."""
        matrix, target = self._learn_columns(X, y)
        self.classes_, codes = two_classes(type(self).__name__, target)
        self.terms_ = Standardised(
            tuple(self._position(name) for name in self.columns),
            rhythm=tuple(self._position(name) for name in RFM_COLUMNS[:3]),  # type: ignore[arg-type]
        ).fit(matrix)
        coef = fit_softmax(
            self.terms_.transform(matrix),
            codes,
            _unit_weight(sample_weight, len(matrix)),
            ridge=self.ridge,
        )
        self.coef_, self.intercept_ = coef[:-1, 1], float(coef[-1, 1])
        return self

    def proba_of_matrix(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probability of each class for rows in the fitted columns."""
        scores = _scores(self.terms_.transform(matrix), self.coef_[:, None], self.intercept_)
        churn = expit(scores[:, 0])
        return np.column_stack([1.0 - churn, churn])

    def explain(self, matrix: NDArray[Any]) -> Explanation:
        """Return coefficient x (value - cohort median) of each term."""
        values = self.terms_.transform(matrix) * self.coef_
        terms = tuple(Term(column=at) for at in self.terms_.shown)
        return Explanation(terms, values, np.full(len(matrix), self.intercept_))


class StageLogistic(LegalStages, MatrixClassifier):
    """Multinomial logistic regression of the next stage.

    Terms are the logarithms of recency, tenure, frequency and money, recency over the mean gap, and
    one indicator for each present stage and for each stage that silence would lead to.

    Parameters
    ----------
    stage_column : str
    legal : bool array of shape (n_stages, n_stages)
    columns : tuple of str
    silent_column : str
        Column with the code of the stage at the end of the horizon if nothing happens.
    ridge : float

    Attributes
    ----------
    coef_ : float64, shape (n_terms + 1, n_seen_stages)
        The intercept last.
    seen_ : int array
        Codes of the stages that training saw.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({name: rng.gamma(2.0, size=300) for name in RFM_COLUMNS})
    >>> X[["journey_stage", "journey_silent_stage"]] = 0
    >>> model = StageLogistic(legal=np.ones((2, 2), bool)).fit(X, X["recency_days_activity"] > 2)
    >>> model.predict_proba(X).shape
    (300, 2)
    """

    def __init__(
        self,
        stage_column: str = "journey_stage",
        legal: NDArray[np.bool_] | None = None,
        columns: tuple[str, ...] = RFM_COLUMNS,
        silent_column: str = "journey_silent_stage",
        ridge: float = 1.0,
    ) -> None:
        self.stage_column = stage_column
        self.legal = legal
        self.silent_column = silent_column
        self.columns = columns
        self.ridge = ridge

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on a data frame with the named columns and next stages (n_rows,)."""
        matrix, target = self._learn_columns(X, y)
        self._learn_legal(target)
        self.silent_at_ = self._position(self.silent_column)
        check_targets(self.legal_, self._stage(matrix), target)
        self.seen_, codes = np.unique(target.astype(np.intp), return_inverse=True)
        self.terms_ = Standardised(
            tuple(self._position(name) for name in self.columns),
            rhythm=tuple(self._position(name) for name in RFM_COLUMNS[:3]),  # type: ignore[arg-type]
        ).fit(matrix)
        self.coef_ = fit_softmax(
            self._design(matrix),
            codes,
            _unit_weight(sample_weight, len(matrix)),
            ridge=self.ridge,
        )
        return self

    def _design(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        indicator = np.eye(len(self.legal_))
        silent = indicator[matrix[:, self.silent_at_].astype(np.intp)]
        return np.hstack([self.terms_.transform(matrix), indicator[self._stage(matrix)], silent])

    def proba_of_matrix(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probability of each class for rows in the fitted columns."""
        raw = np.zeros((len(matrix), len(self.legal_)))
        scores = _scores(self._design(matrix), self.coef_[:-1], self.coef_[-1])
        raw[:, self.seen_] = softmax(scores, axis=1)
        return self._mask(matrix, raw)

    def explain(self, matrix: NDArray[Any], stage: int) -> Explanation:
        """Return coefficient x (value - cohort median) for one stage's score before masking."""
        at = np.flatnonzero(self.seen_ == stage)
        if not len(at):
            return Explanation.constant(0.0, len(matrix))
        coef = self.coef_[:, int(at[0])]
        shown = self.terms_.shown
        parts = self._design(matrix) * coef[:-1]
        values = np.column_stack([parts[:, : len(shown)], parts[:, len(shown) :].sum(axis=1)])
        terms = (*(Term(column=c) for c in shown), Term(column=self.stage_at_))
        return Explanation(terms, values, np.full(len(matrix), coef[-1]))
