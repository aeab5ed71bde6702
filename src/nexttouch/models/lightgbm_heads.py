"""LightGBM in the house parameters: the churn head and the next-stage head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight

from nexttouch.errors import OneClassError
from nexttouch.models.columns import MatrixClassifier, two_classes
from nexttouch.models.explanation import Explanation, Term
from nexttouch.models.legality import LegalStages, check_targets

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ChurnClassifier", "NextStageClassifier", "house_parameters"]

MANY_ROWS = 10_000
FEW_ROWS = 3_000


def house_parameters(
    counts: NDArray[Any], *, objective: str, num_threads: int = 1, random_state: int = 7
) -> dict[str, Any]:
    """Return the LightGBM parameters that won on real logs: small, regularised trees.

    Little evidence gets smaller trees; a leaf never holds less than a tenth of the rows there are.
    Evidence of a binary outcome is twice its rarer class: 70,000 rows of which 6 % are active carry
    no more than 8,400 balanced ones (8 leaves beat 15 on both real logs).

    Parameters
    ----------
    counts : array of shape (n_classes,)
        Rows of each class.

    Examples
    --------
    >>> house_parameters(np.array([25_000, 25_000]), objective="binary")["num_leaves"]
    15
    >>> house_parameters(np.array([49_000, 1_000]), objective="binary")["num_leaves"]
    4
    """
    multiclass = objective == "multiclass"
    n_rows = int(counts.sum())
    evidence = n_rows if multiclass else 2 * int(counts.min())
    leaves = 15 if evidence >= MANY_ROWS else 8 if evidence >= FEW_ROWS else 4
    return {
        "objective": objective,
        "learning_rate": 0.05,
        "num_leaves": min(leaves, 8) if multiclass else leaves,
        "min_data_in_leaf": max(1, min(60, max(20, n_rows // 200), n_rows // 10)),
        "feature_fraction": 0.6,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 20.0 if multiclass else 5.0,
        "num_threads": num_threads,
        "seed": random_state,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }


def _train(
    matrix: NDArray[Any],
    codes: NDArray[Any],
    weight: NDArray[Any] | None,
    parameters: dict[str, Any],
    rounds: int,
) -> Any:
    """Train a booster and read it back from its text, so that kept and stored models are one."""
    import lightgbm  # noqa: PLC0415 - seconds to import; only models need it

    data = lightgbm.Dataset(matrix, label=codes, weight=weight, free_raw_data=True)
    booster = lightgbm.train(parameters, data, num_boost_round=rounds)
    return lightgbm.Booster(model_str=booster.model_to_string())


class _Boosted(MatrixClassifier):
    """What both heads share: sklearn's manners around one booster."""

    def __init__(self, *, rounds: int = 150, num_threads: int = 1, random_state: int = 7) -> None:
        self.rounds = rounds
        self.num_threads = num_threads
        self.random_state = random_state

    def _weights(self, sample_weight: ArrayLike | None, matrix: NDArray[Any]) -> Any:
        if sample_weight is None:
            return None
        return _check_sample_weight(sample_weight, matrix)

    def _threads(self) -> int:
        return int(self.num_threads)


class ChurnClassifier(_Boosted):
    """Churn risk by small regularised boosted trees.

    Parameters
    ----------
    rounds : int
        Boosting rounds.
    num_threads : int
        Threads of LightGBM; the trees are the same for any number.
    random_state : int
        Seed of row and column sampling.

    Attributes
    ----------
    classes_ : array of shape (2,)
    booster_ : lightgbm.Booster

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 3)).astype("float32")
    >>> model = ChurnClassifier(rounds=20).fit(X, X[:, 0] > 0)
    >>> bool(model.predict_proba([[3.0, 0.0, 0.0]])[0, 1] > 0.5)
    True
    """

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on features (n_rows, n_features) and labels (n_rows,).

        Raises
        ------
        NoRowsError
            If there are no rows.
        OneClassError
            If only one outcome is present.
        """
        matrix, target = self._learn_columns(X, y)
        self.classes_, codes = two_classes(type(self).__name__, target)
        parameters = house_parameters(
            np.bincount(codes),
            objective="binary",
            num_threads=self.num_threads,
            random_state=self.random_state,
        )
        weight = self._weights(sample_weight, matrix)
        self.booster_ = _train(matrix, codes, weight, parameters, self.rounds)
        return self

    def __sklearn_tags__(self) -> Any:
        """Two classes only."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def proba_of_matrix(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probability of each class for rows in the fitted columns."""
        churn = self.booster_.predict(matrix, num_threads=self._threads())
        return np.column_stack([1.0 - churn, churn])

    def explain(self, matrix: NDArray[Any]) -> Explanation:
        """Return SHAP contributions of each column to the churn logit."""
        parts = self.booster_.predict(matrix, pred_contrib=True, num_threads=self._threads())
        return Explanation(
            terms=tuple(Term(column=at) for at in range(matrix.shape[1])),
            values=parts[:, :-1],
            base=parts[:, -1],
        )


class NextStageClassifier(LegalStages, _Boosted):
    """Probability of every next stage; stages the rules cannot reach get exactly 0.

    Parameters
    ----------
    stage_column : str or None
        Column with the code of the present stage. None, together with ``legal=None``, makes this
        a plain classifier.
    legal : bool array of shape (n_stages, n_stages) or None
        ``legal[j, k]``: stage k can be reached from j within the horizon. Targets are then stage
        codes, and ``classes_`` is ``0 .. n_stages - 1`` whether or not all were seen.
    rounds, num_threads, random_state : int
        As in `ChurnClassifier`.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
    booster_ : lightgbm.Booster or None
        None where training saw one stage only.
    seen_ : int array
        Codes of the stages that training saw, in the order of the booster's outputs.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"journey_stage": rng.integers(0, 2, 400), "x": rng.normal(size=400)})
    >>> legal = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1]], dtype=bool)
    >>> y = X["journey_stage"] + (X["x"] > 0)
    >>> model = NextStageClassifier(legal=legal, rounds=20).fit(X, y)
    >>> bool((model.predict_proba(X)[X["journey_stage"] == 0, 2] == 0.0).all())
    True
    """

    def __init__(
        self,
        stage_column: str | None = "journey_stage",
        legal: NDArray[np.bool_] | None = None,
        *,
        rounds: int = 150,
        num_threads: int = 1,
        random_state: int = 7,
    ) -> None:
        super().__init__(rounds=rounds, num_threads=num_threads, random_state=random_state)
        self.stage_column = stage_column
        self.legal = legal

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit on features (n_rows, n_features) and next stages (n_rows,).

        Raises
        ------
        NoRowsError
            If there are no rows.
        OneClassError
            If a plain classifier sees one class only.
        IllegalTargetError
            If a target is illegal from the row's present stage.
        """
        matrix, target = self._learn_columns(X, y)
        if self.legal is None:
            check_classification_targets(target)
            self.classes_, codes = np.unique(target, return_inverse=True)
            if len(self.classes_) < 2:
                counts = {str(self.classes_[0]): len(target)}
                raise OneClassError.of_labels(type(self).__name__, counts)
            self.seen_ = np.arange(len(self.classes_))
        else:
            self._learn_legal(target)
            self.seen_, codes = np.unique(target.astype(np.intp), return_inverse=True)
            check_targets(self.legal_, self._stage(matrix), target)
        self.booster_ = None
        if len(self.seen_) > 1:
            parameters = house_parameters(
                np.bincount(codes),
                objective="multiclass",
                num_threads=self.num_threads,
                random_state=self.random_state,
            )
            parameters["num_class"] = len(self.seen_)
            weight = self._weights(sample_weight, matrix)
            self.booster_ = _train(matrix, codes, weight, parameters, self.rounds)
        return self

    def proba_of_matrix(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Return the probability of each class for rows in the fitted columns."""
        raw = np.zeros((len(matrix), len(self.classes_)))
        if self.booster_ is None:
            raw[:, self.seen_] = 1.0
        elif len(matrix):  # of no rows LightGBM returns no columns
            raw[:, self.seen_] = self.booster_.predict(matrix, num_threads=self._threads())
        return self._mask(matrix, raw)

    def explain(self, matrix: NDArray[Any], stage: int) -> Explanation:
        """Return SHAP contributions to one stage's score before masking and joining."""
        n_rows, n_columns = matrix.shape
        at = np.flatnonzero(self.seen_ == stage)
        terms = tuple(Term(column=column) for column in range(n_columns))
        if self.booster_ is None or not len(at):
            return Explanation(terms, np.zeros((n_rows, n_columns)), np.zeros(n_rows))
        parts = self.booster_.predict(matrix, pred_contrib=True, num_threads=self._threads())
        mine = parts.reshape(n_rows, len(self.seen_), n_columns + 1)[:, int(at[0])]
        return Explanation(terms, mine[:, :-1], mine[:, -1])
