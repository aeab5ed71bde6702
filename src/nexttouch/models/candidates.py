"""Candidates: the models that compete to be champion, simplest first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nexttouch.models.bgnbd import BGNBDClassifier
from nexttouch.models.blend import BaseRateClassifier, BlendClassifier
from nexttouch.models.lightgbm_heads import ChurnClassifier, NextStageClassifier
from nexttouch.models.logistic import RFMLogistic, StageLogistic
from nexttouch.models.markov import MarkovClassifier, StayClassifier

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BASELINES", "SIMPLEST_FIRST", "churn_candidates", "stage_candidates"]

SIMPLEST_FIRST = (
    "base_rate",
    "stay",
    "markov",
    "markov_recency",
    "markov_2",
    "bg_nbd",
    "logistic",
    "lightgbm",
    "blend",
)
BASELINES = frozenset(SIMPLEST_FIRST) - {"lightgbm", "blend"}


def churn_candidates(
    horizon_days: float, *, num_threads: int = 1, random_state: int = 7
) -> dict[str, Any]:
    """Return unfitted churn models by name, simplest first.

    Examples
    --------
    >>> list(churn_candidates(28))
    ['base_rate', 'bg_nbd', 'logistic', 'lightgbm', 'blend']
    """
    options: dict[str, Any] = {"num_threads": num_threads, "random_state": random_state}
    return {
        "base_rate": BaseRateClassifier(),
        "bg_nbd": BGNBDClassifier(horizon_days),
        "logistic": RFMLogistic(),
        "lightgbm": ChurnClassifier(**options),
        "blend": BlendClassifier(horizon_days, **options),
    }


def stage_candidates(
    legal: NDArray[np.bool_],
    *,
    stage_column: str = "journey_stage",
    order_2: bool = True,
    num_threads: int = 1,
    random_state: int = 7,
) -> dict[str, Any]:
    """Return unfitted next-stage models by name, simplest first.

    Parameters
    ----------
    legal : bool, shape (n_stages, n_stages)
    stage_column : str
    order_2 : bool
        False where the features lack ``journey_previous_stage``.
    num_threads, random_state : int

    Examples
    --------
    >>> import numpy as np
    >>> list(stage_candidates(np.ones((2, 2), dtype=bool)))
    ['stay', 'markov', 'markov_recency', 'markov_2', 'logistic', 'lightgbm']
    """
    common: dict[str, Any] = {"stage_column": stage_column, "legal": legal}
    options: dict[str, Any] = {"num_threads": num_threads, "random_state": random_state}
    found = {
        "stay": StayClassifier(**common),
        "markov": MarkovClassifier(**common),
        "markov_recency": MarkovClassifier(recency_bins=10, **common),
        "markov_2": MarkovClassifier(order=2, **common),
        "logistic": StageLogistic(**common),
        "lightgbm": NextStageClassifier(**common, **options),
    }
    if not order_2:
        del found["markov_2"]
    return found
