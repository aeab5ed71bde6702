"""Scorer: everything that turns a feature matrix into one answer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nexttouch.errors import FeatureMismatchError, ModelFileError
from nexttouch.models.files import pack, read_json, unpack
from nexttouch.models.joint import fit_given_activity, join
from nexttouch.models.reasons import Reason, group_reasons
from nexttouch.models.value import ValueRegressor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nexttouch.models.explanation import Explanation
    from nexttouch.training.training_set import TrainingSet

__all__ = ["Answers", "Scorer"]

DOCUMENT = "scorer.json"
FORMAT = 1
LITTLE_HISTORY_DAYS = 2


@dataclass(frozen=True, eq=False)
class Answers:
    """What is foreseen for some customers.

    Attributes
    ----------
    p_churn : float64, shape (n_rows,)
        Chance of no activity event in the horizon.
    p_stage : float64, shape (n_rows, n_stages)
        Rows sum to 1; illegal stages are exactly 0.
    revenue_if_kept, revenue_low, revenue_high : float64, shape (n_rows,)
        Over ``value_days``, for a customer who stays.
    little_history : bool, shape (n_rows,)
        Fewer than two active days: the answer is close to the cohort's.
    reconciled : bool
        Whether churn and stages come from one joint distribution.
    """

    p_churn: NDArray[np.float64]
    p_stage: NDArray[np.float64]
    revenue_if_kept: NDArray[np.float64]
    revenue_low: NDArray[np.float64]
    revenue_high: NDArray[np.float64]
    little_history: NDArray[np.bool_]
    reconciled: bool


@dataclass(frozen=True, eq=False)
class Scorer:
    """Fitted champions of churn, next stage and value, and what their words need.

    Parameters
    ----------
    feature_names, reason_groups : tuple of str, length n_features
    medians : float64, shape (n_features,)
        Of the cohort the models were fitted on; NaN where nothing was known.
    stages : tuple of str
    horizon_days : int
    churn, stage, value : fitted estimators
    reconciled : bool
        Whether ``stage`` was fitted given activity and is joined with ``churn``.
    activity : str
        What an activity event is called in reasons.
    names : dict of str to str
        Names of the champions, as the backtest calls them.
    """

    feature_names: tuple[str, ...]
    reason_groups: tuple[str, ...]
    medians: NDArray[np.float64]
    stages: tuple[str, ...]
    horizon_days: int
    churn: Any
    stage: Any
    value: Any
    reconciled: bool = True
    activity: str = "activity"
    names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        rows: TrainingSet,
        *,
        churn: Any,
        stage: Any,
        reason_groups: Sequence[str],
        value_days: float = 364.0,
        reconciled: bool = True,
        activity: str = "activity",
        names: Mapping[str, str] | None = None,
    ) -> Self:
        """Fit champions on the labelled rows of a training set.

        Parameters
        ----------
        rows : TrainingSet
            Rows with unknown outcomes are left out.
        churn, stage : estimators
            Unfitted, for example from `churn_candidates` and `stage_candidates`.
        reason_groups : sequence of str
            Aligned with ``rows.X.columns``, or shorter: columns beyond it are told as journey.
        value_days : float
        reconciled : bool
            False where the journey is not driven by the activity events of churn.
        activity, names
            As attributes.

        Raises
        ------
        OneClassError
            If only one outcome is present.
        """
        from sklearn.base import clone  # noqa: PLC0415 - beside the fitting it is for

        known = rows.take(np.isfinite(rows.churned) & (rows.next_stage >= 0))
        columns = tuple(str(name) for name in rows.X.columns)
        groups = (*reason_groups, *["journey"] * (len(columns) - len(reason_groups)))
        with np.errstate(all="ignore"):
            matrix = known.X.to_numpy(dtype=np.float64)
            blank = np.isnan(matrix).all(axis=0)
            medians = np.full(len(columns), np.nan)
            medians[~blank] = np.nanmedian(matrix[:, ~blank], axis=0)
        given = (
            fit_given_activity(stage, known)
            if reconciled
            else clone(stage).fit(known.X, known.next_stage)
        )
        value = ValueRegressor(value_days=value_days, horizon_days=rows.horizon_days)
        return cls(
            feature_names=columns,
            reason_groups=groups,
            medians=medians,
            stages=rows.stages,
            horizon_days=rows.horizon_days,
            churn=clone(churn).fit(known.X, known.churned),
            stage=given,
            value=value.fit(known.X, known.revenue),
            reconciled=reconciled,
            activity=activity,
            names=dict(names or {}),
        )

    def answer(self, X: NDArray[np.float32]) -> Answers:
        """Score a feature matrix.

        Parameters
        ----------
        X : float32, shape (n_rows, n_features)
            Columns as ``feature_names``.

        Raises
        ------
        FeatureMismatchError
            If the number of columns differs.
        """
        matrix = self._checked(X)
        p_churn = self.churn.proba_of_matrix(matrix)[:, 1]
        p_stage = self.stage.proba_of_matrix(matrix)
        if self.reconciled:
            p_stage = join(p_churn, p_stage, matrix[:, self._at("journey_silent_stage")])
        kept = self.value.kept_of_matrix(matrix)
        return Answers(
            p_churn=p_churn,
            p_stage=p_stage,
            revenue_if_kept=kept.expected,
            revenue_low=kept.low,
            revenue_high=kept.high,
            little_history=~(
                matrix[:, self._at("active_days_activity_life")] >= LITTLE_HISTORY_DAYS
            ),
            reconciled=self.reconciled,
        )

    def reasons(
        self,
        X: NDArray[np.float32],
        rows: NDArray[np.intp] | None = None,
        *,
        top: int = 3,
        stage: int | None = None,
    ) -> list[list[Reason]]:
        """Say why, for some rows: the groups that move the served model most, in words.

        Parameters
        ----------
        X : float32, shape (n_rows, n_features)
        rows : int array, optional
            Rows to explain; all by default. Reasons cost far more than answers.
        top : int
            Groups per row.
        stage : int, optional
            Explain the score of this next stage (before masking and joining) instead of churn.
        """
        matrix = self._checked(X)
        picked = matrix if rows is None else matrix[rows]
        return group_reasons(
            self.explanation(picked, stage=stage),
            picked,
            feature_names=self.feature_names,
            reason_groups=self.reason_groups,
            medians=self.medians,
            stages=self.stages,
            activity=self.activity,
            top=top,
        )

    def explanation(self, X: NDArray[np.float32], *, stage: int | None = None) -> Explanation:
        """Return contributions of every term to the churn logit, or to one stage's score."""
        matrix = self._checked(X)
        if stage is None:
            found: Explanation = self.churn.explain(matrix)
        else:
            found = self.stage.explain(matrix, stage)
        return found

    def to_files(self) -> dict[str, bytes]:
        """Return the scorer as files: LightGBM text and one JSON document."""
        files: dict[str, bytes] = {}
        document = {
            "format": FORMAT,
            "feature_names": list(self.feature_names),
            "reason_groups": list(self.reason_groups),
            "medians": pack(self.medians, "medians", files),
            "stages": list(self.stages),
            "horizon_days": self.horizon_days,
            "reconciled": self.reconciled,
            "activity": self.activity,
            "names": self.names,
            "churn": pack(self.churn, "churn", files),
            "stage": pack(self.stage, "stage", files),
            "value": pack(self.value, "value", files),
        }
        text = json.dumps(document, allow_nan=False, sort_keys=True)
        return {DOCUMENT: text.encode(), **files}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        """Build a scorer from its files.

        Raises
        ------
        ModelFileError
            If a file is missing, unreadable, or written by another format version.
        """
        document = read_json(DOCUMENT, files)
        if document.get("format") != FORMAT:
            raise ModelFileError.unknown_kind(f"format {document.get('format')}")
        try:
            return cls(
                feature_names=tuple(document["feature_names"]),
                reason_groups=tuple(document["reason_groups"]),
                medians=unpack(document["medians"], files),
                stages=tuple(document["stages"]),
                horizon_days=int(document["horizon_days"]),
                churn=unpack(document["churn"], files),
                stage=unpack(document["stage"], files),
                value=unpack(document["value"], files),
                reconciled=bool(document["reconciled"]),
                activity=str(document["activity"]),
                names=dict(document["names"]),
            )
        except ModelFileError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{type(error).__name__} at {error}"
            raise ModelFileError.unreadable(DOCUMENT, what) from error

    def _at(self, name: str) -> int:
        return self.feature_names.index(name)

    def _checked(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        matrix = np.asarray(X)
        if matrix.ndim != 2 or matrix.shape[1] != len(self.feature_names):
            raise FeatureMismatchError.count(matrix.shape[-1], len(self.feature_names))
        return matrix
