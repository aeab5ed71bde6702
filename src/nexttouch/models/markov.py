"""Stage baselines that look at the present stage alone: stay, Markov chains, recency Markov."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nexttouch.models.columns import MatrixClassifier
from nexttouch.models.explanation import Explanation, Term
from nexttouch.models.legality import LegalStages, check_targets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["MarkovClassifier", "StayClassifier"]


class _StageTable(LegalStages, MatrixClassifier):
    """A table of next-stage shares by what is known of the present: subclasses say what that is."""

    stage_column: str
    legal: NDArray[np.bool_] | None

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on a data frame with the named columns and next stages (n_rows,)."""
        matrix, target = self._learn_columns(X, y)
        self._learn_legal(target)
        stage = self._stage(matrix)
        check_targets(self.legal_, stage, target)
        weight = np.ones(len(matrix)) if sample_weight is None else np.asarray(sample_weight, float)
        self._learn_table(matrix, stage, target.astype(np.intp), weight)
        self.cohort_ = self.proba_of_matrix(matrix).mean(axis=0)
        return self

    def explain(self, matrix: NDArray[Any], stage: int) -> Explanation:
        """Return one contribution: the present stage against the cohort, in log odds."""
        chance = np.clip(self.proba_of_matrix(matrix)[:, stage], 1e-9, 1 - 1e-9)
        usual = float(np.clip(self.cohort_[stage], 1e-9, 1 - 1e-9))
        base = np.log(usual) - np.log1p(-usual)
        values = np.log(chance) - np.log1p(-chance) - base
        term = Term(column=self.stage_at_, group="present stage")
        return Explanation((term,), values[:, None], np.full(len(matrix), base))

    def _learn_table(
        self,
        matrix: NDArray[Any],
        stage: NDArray[np.intp],
        target: NDArray[np.intp],
        weight: NDArray[np.float64],
    ) -> None:
        raise NotImplementedError


class StayClassifier(_StageTable):
    """Everybody stays where they are, with one learned probability; the rest is spread evenly.

    Parameters
    ----------
    stage_column : str
    legal : bool array of shape (n_stages, n_stages)

    Attributes
    ----------
    stay_ : float
        Share of training rows that stayed.

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"journey_stage": [0, 0, 0, 1]})
    >>> model = StayClassifier(legal=np.ones((2, 2), bool)).fit(X, [0, 0, 1, 1])
    >>> model.predict_proba(X.head(1)).round(2).tolist()
    [[0.7, 0.3]]
    """

    def __init__(
        self, stage_column: str = "journey_stage", legal: NDArray[np.bool_] | None = None
    ) -> None:
        self.stage_column = stage_column
        self.legal = legal

    def _learn_table(
        self,
        matrix: NDArray[Any],  # noqa: ARG002 - the base's signature
        stage: NDArray[np.intp],
        target: NDArray[np.intp],
        weight: NDArray[np.float64],
    ) -> None:
        stayed = float(weight[stage == target].sum())
        self.stay_ = (stayed + 0.5) / (float(weight.sum()) + 1.0)

    def proba_of_matrix(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probability of each class for rows in the fitted columns."""
        n_stages = len(self.legal_)
        stage = self._stage(matrix)
        elsewhere = np.maximum(self.legal_.sum(axis=1) - np.diag(self.legal_), 1)
        raw = np.repeat(((1.0 - self.stay_) / elsewhere[stage])[:, None], n_stages, axis=1)
        raw[np.arange(len(matrix)), stage] = self.stay_
        return self._mask(matrix, raw)


class MarkovClassifier(_StageTable):
    """Shares of next stages seen from the present stage, shrunken to what is less specific.

    Parameters
    ----------
    order : {1, 2}
        2 also looks at the previous stage (``journey_previous_stage``).
    recency_bins : int
        0, or into how many equal-count bins of recency each stage is cut.
    stage_column : str
    legal : bool array of shape (n_stages, n_stages)
    previous_column, recency_column : str
    strength : float
        Rows' worth of belief in the less specific share.

    Attributes
    ----------
    table_ : float64, shape (n_previous, n_stages, n_bins, n_stages)
        Shares of next stages; a single previous stage or bin where those are not used.
    edges_ : float64, shape (n_bins - 1,)

    Examples
    --------
    >>> import pandas as pd
    >>> X = pd.DataFrame({"journey_stage": [0] * 80 + [1] * 20})
    >>> legal = np.array([[True, True], [False, True]])
    >>> model = MarkovClassifier(legal=legal).fit(X, [0] * 40 + [1] * 60)
    >>> model.predict_proba(X.iloc[[0, 99]]).round(2).tolist()
    [[0.5, 0.5], [0.0, 1.0]]
    """

    def __init__(
        self,
        order: int = 1,
        *,
        recency_bins: int = 0,
        stage_column: str = "journey_stage",
        legal: NDArray[np.bool_] | None = None,
        previous_column: str = "journey_previous_stage",
        recency_column: str = "recency_days_activity",
        strength: float = 5.0,
    ) -> None:
        self.order = order
        self.recency_bins = recency_bins
        self.stage_column = stage_column
        self.legal = legal
        self.previous_column = previous_column
        self.recency_column = recency_column
        self.strength = strength

    def _learn_table(
        self,
        matrix: NDArray[Any],
        stage: NDArray[np.intp],
        target: NDArray[np.intp],
        weight: NDArray[np.float64],
    ) -> None:
        self.previous_at_ = self._position(self.previous_column) if self.order == 2 else -1
        self.recency_at_ = self._position(self.recency_column) if self.recency_bins else -1
        self.edges_ = np.zeros(0)
        if self.recency_bins:
            cuts = np.linspace(0.0, 1.0, self.recency_bins + 1)[1:-1]
            known = matrix[:, self.recency_at_]
            known = known[np.isfinite(known)]
            self.edges_ = np.unique(np.quantile(known, cuts)) if len(known) else np.zeros(0)
        n_stages = len(self.legal_)
        shape = (n_stages if self.order == 2 else 1, n_stages, len(self.edges_) + 1, n_stages)
        counts = np.zeros(shape)
        np.add.at(counts, (*self._known(matrix, stage), target), weight)
        everywhere = counts.sum(axis=(0, 1, 2)) + 0.5
        share = everywhere / everywhere.sum()
        for axes in ((0, 2), (0,), ()):  # from the stage alone to everything that is known
            seen = counts.sum(axis=axes, keepdims=True) if axes else counts
            total = seen.sum(axis=-1, keepdims=True)
            share = (seen + self.strength * share) / (total + self.strength)
        self.table_ = np.broadcast_to(share, shape).copy()

    def _known(
        self, matrix: NDArray[Any], stage: NDArray[np.intp]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Return previous stage, stage and recency bin of each row."""
        nothing = np.zeros(len(matrix), dtype=np.intp)
        previous = nothing
        if self.previous_at_ >= 0:
            raw = np.nan_to_num(matrix[:, self.previous_at_], nan=0.0)
            previous = np.clip(raw, 0, len(self.legal_) - 1).astype(np.intp)
        bins = nothing
        if self.recency_at_ >= 0:
            recency = np.nan_to_num(matrix[:, self.recency_at_], nan=np.inf)
            bins = np.searchsorted(self.edges_, recency, side="left").astype(np.intp)
        return previous, stage, bins

    def proba_of_matrix(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probability of each class for rows in the fitted columns."""
        return self._mask(matrix, self.table_[self._known(matrix, self._stage(matrix))])
