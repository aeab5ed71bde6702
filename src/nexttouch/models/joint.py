"""One answer: churn and next stage joined so that they never contradict each other.

With ``S`` the chance of no activity event in the horizon, ``sigma`` the stage that the rules give
if nothing happens, and ``pi`` the stage vector given that something happens,
``P(stage = k) = S * 1[k = sigma] + (1 - S) * pi_k``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from nexttouch.errors import OneClassError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.training.training_set import TrainingSet

__all__ = ["fit_given_activity", "join"]


def join(
    p_churn: NDArray[np.float64],
    given_activity: NDArray[np.float64],
    silent_stage: NDArray[Any],
) -> NDArray[np.float64]:
    """Return the probability of every next stage.

    Parameters
    ----------
    p_churn : float64, shape (n_rows,)
        Chance of no activity event in the horizon.
    given_activity : float64, shape (n_rows, n_stages)
        Stage probabilities given that something happens; rows sum to 1.
    silent_stage : int, shape (n_rows,)
        Stage at the end of the horizon if nothing happens.

    Returns
    -------
    float64, shape (n_rows, n_stages)
        Rows sum to 1, and the silent stage has at least ``p_churn``.

    Examples
    --------
    >>> join(np.array([0.4]), np.array([[0.5, 0.5, 0.0]]), np.array([2])).tolist()
    [[0.3, 0.3, 0.4]]
    """
    stages = (1.0 - p_churn)[:, None] * given_activity
    stages[np.arange(len(stages)), np.asarray(silent_stage, dtype=np.intp)] += p_churn
    return stages


def fit_given_activity(estimator: Any, rows: TrainingSet) -> Any:
    """Fit a stage estimator on the rows in which something happened.

    This is the likelihood of ``pi`` itself; fitting an extra class "silent" on all rows is a tie on
    real logs at 2 to 12 times the cost.

    Raises
    ------
    OneClassError
        If every customer was silent.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> import pandas as pd
    >>> from nexttouch.models.markov import MarkovClassifier
    >>> active = SimpleNamespace(X=pd.DataFrame({"journey_stage": [0, 0]}), next_stage=[1, 1])
    >>> rows = SimpleNamespace(churned=np.array([0, 0, 1]), take=lambda rows: active)
    >>> model = fit_given_activity(MarkovClassifier(legal=np.ones((2, 2), dtype=bool)), rows)
    >>> model.predict(active.X).tolist()
    [1, 1]
    """
    active = rows.churned == 0
    if not active.any():
        raise OneClassError.of_labels("Next stage given activity", {"silent": len(rows)})
    seen = rows.take(active)
    return clone(estimator).fit(seen.X, seen.next_stage)
