"""Backtest: every candidate on every test date, trained only on what was known by then."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from sklearn.base import clone

from nexttouch.errors import NoRowsError, OneClassError
from nexttouch.models.candidates import BASELINES
from nexttouch.models.joint import fit_given_activity, join
from nexttouch.models.metrics import churn_losses, churn_metrics, stage_losses, stage_metrics
from nexttouch.progress import quiet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from nexttouch.progress import Progress
    from nexttouch.snapshots import Fold
    from nexttouch.training.training_set import TrainingSet

__all__ = ["JOINT", "Backtest", "backtest"]

JOINT = "joint_"
"""Prefix of stage models that are fitted given activity and joined with the churn champion."""


@dataclass(frozen=True, eq=False)
class Backtest:
    """Out-of-time predictions and metrics of every candidate for one task.

    Attributes
    ----------
    task : {'churn', 'stage'}
    metrics : DataFrame
        A row for each test date and model: ``test_date``, ``model``, ``train_rows``, ``cpu_s`` and
        the metrics of `churn_metrics` or `stage_metrics`.
    rows : TrainingSet
        The test rows of all dates, in the order of the predictions.
    predictions : dict of str to float64 array
        Of shape (n_rows,) for churn, (n_rows, n_stages) for stages.
    """

    task: Literal["churn", "stage"]
    metrics: pd.DataFrame
    rows: TrainingSet
    predictions: dict[str, NDArray[np.float64]]

    @property
    def models(self) -> tuple[str, ...]:
        """Return the names of the candidates."""
        return tuple(self.predictions)

    def losses(self, model: str) -> NDArray[np.float64]:
        """Return the log loss of each pooled test row."""
        p = self.predictions[model]
        if self.task == "churn":
            return churn_losses(self.rows.churned, p)
        return stage_losses(self.rows.next_stage, p)

    def means(self) -> pd.DataFrame:
        """Return the mean of every metric over test dates, a row for each model."""
        numbers = self.metrics.drop(columns=["test_date"])
        table = numbers.groupby("model", sort=False).mean()
        table.insert(0, "test_dates", self.metrics.groupby("model", sort=False).size())
        return table


def backtest(
    training_set: TrainingSet,
    folds: Sequence[Fold],
    candidates: Mapping[str, Any],
    *,
    task: Literal["churn", "stage"] = "churn",
    churn_model: Any | None = None,
    progress: Progress = quiet,
) -> Backtest:
    """Train and test every candidate on every fold.

    Parameters
    ----------
    training_set : TrainingSet
        Must hold the rows of all cutoffs of the folds.
    folds : sequence of Fold
    candidates : mapping of str to unfitted estimator
    task : {'churn', 'stage'}
    churn_model : unfitted estimator, optional
        For stages: the churn champion. Candidates are then tested in their joint form, named
        ``joint_NAME``, as they would be served; baselines in their plain form, too.
    progress : callable

    Raises
    ------
    NoRowsError
        If a test date has no rows with a known outcome, or nothing before it to train on.
    OneClassError
        If a test date's training rows hold one outcome only.

    Examples
    --------
    >>> from nexttouch.models.blend import BaseRateClassifier
    >>> from nexttouch.snapshots import Fold
    >>> from nexttouch.training.training_set import TrainingSet
    >>> stages = np.zeros(8, dtype="int16")
    >>> rows = TrainingSet(X=pd.DataFrame({"x": np.zeros(8, "float32")}),
    ...     customer_id=np.array(list("aabbccdd"), dtype=object), cutoff_us=np.array([1, 2] * 4),
    ...     stage=stages, silent_stage=stages, next_stage=stages,
    ...     churned=np.array([0, 0, 1, 1, 0, 1, 1, 0], "float32"), revenue=np.zeros(8),
    ...     stages=("active",), legal=np.ones((1, 1), dtype=bool), horizon_days=28)
    >>> result = backtest(rows, [Fold(2, (1,))], {"base_rate": BaseRateClassifier()})
    >>> float(result.means().loc["base_rate", "log_loss"].round(4))
    0.6931
    """
    steps = len(folds) * (len(candidates) + (churn_model is not None))
    records: list[dict[str, Any]] = []
    tested: list[TrainingSet] = []
    pooled: dict[str, list[NDArray[np.float64]]] = {}
    done = 0
    for fold in folds:
        test_date = str(pd.Timestamp(fold.test_us, unit="us").date())
        training = _labelled(training_set.at(fold.training_us), test_date, "training")
        test = _labelled(training_set.at([fold.test_us]), test_date, "test")
        _check_classes(training, test_date)
        tested.append(test)
        p_churn = None
        if churn_model is not None:
            fitted = clone(churn_model).fit(training.X, training.churned)
            p_churn = fitted.predict_proba(test.X)[:, 1]
            done += 1
            progress(f"backtest {test_date}: churn for stages", done, steps)
        for name, candidate in candidates.items():
            for label, joint in _forms(name, task, p_churn):
                started = time.process_time()
                p = _predict(candidate, training, test, task, p_churn if joint else None)
                spent = time.process_time() - started
                pooled.setdefault(label, []).append(p)
                records.append(
                    {"test_date": test_date, "model": label, "train_rows": len(training)}
                    | {"cpu_s": spent}
                    | _measure(task, test, p)
                )
            done += 1
            progress(f"backtest {test_date}: {task} {name}", done, steps)
    rows = tested[0] if len(tested) == 1 else _stack(training_set, tested)
    predictions = {name: np.concatenate(parts) for name, parts in pooled.items()}
    return Backtest(task, pd.DataFrame(records), rows, predictions)


def _forms(
    name: str, task: str, p_churn: NDArray[np.float64] | None
) -> tuple[tuple[str, bool], ...]:
    """Return how a candidate is tested: as it is, joined with churn, or both."""
    if task == "churn" or p_churn is None:
        return ((name, False),)
    joint = ((JOINT + name, True),)
    return ((name, False), *joint) if name in BASELINES else joint


def _predict(
    candidate: Any,
    training: TrainingSet,
    test: TrainingSet,
    task: str,
    p_churn: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    if task == "churn":
        fitted = clone(candidate).fit(training.X, training.churned)
        return np.asarray(fitted.predict_proba(test.X)[:, 1])
    if p_churn is None:
        fitted = clone(candidate).fit(training.X, training.next_stage)
        return np.asarray(fitted.predict_proba(test.X))
    given = fit_given_activity(candidate, training).predict_proba(test.X)
    return join(p_churn, given, test.silent_stage)


def _measure(task: str, test: TrainingSet, p: NDArray[np.float64]) -> dict[str, float]:
    if task == "churn":
        return churn_metrics(test.churned, p)
    return stage_metrics(test.next_stage, p, test.stage)


def _labelled(rows: TrainingSet, test_date: str, kind: str) -> TrainingSet:
    known = np.isfinite(rows.churned) & (rows.next_stage >= 0)
    if not known.any():
        raise NoRowsError.at_test_date(test_date, kind)
    return rows if known.all() else rows.take(known)


def _check_classes(training: TrainingSet, test_date: str) -> None:
    churned = int((training.churned > 0).sum())
    if churned in {0, len(training)}:
        counts = {"churned": churned, "active": len(training) - churned}
        where = f"Training rows before test date {test_date}"
        raise OneClassError.of_labels(where, {k: n for k, n in counts.items() if n})


def _stack(whole: TrainingSet, parts: Sequence[TrainingSet]) -> TrainingSet:
    """Put test rows of several dates one below the other."""
    at = pd.concat([part.X for part in parts]).index
    if at.is_unique and isinstance(whole.X.index, pd.RangeIndex):
        return whole.take(np.asarray(at, dtype=np.intp))
    msg = "TrainingSet.X needs a fresh RangeIndex, so that rows can be found again."
    raise ValueError(msg)
