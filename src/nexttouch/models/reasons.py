"""Reasons: contributions summed into few groups, each told by the customer's own value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nexttouch.models.phrases import phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nexttouch.models.explanation import Explanation

__all__ = ["Reason", "group_reasons"]


@dataclass(frozen=True)
class Reason:
    """Why a score is what it is: one group of features.

    ``contribution`` is on the logit of the served model: above 0 speaks for the outcome. ``value``
    and ``median`` are those of ``feature``, which carries most of the group.
    """

    group: str
    contribution: float
    feature: str
    value: float
    median: float
    words: str


def group_reasons(
    explanation: Explanation,
    matrix: NDArray[Any],
    *,
    feature_names: Sequence[str],
    reason_groups: Sequence[str],
    medians: NDArray[np.float64],
    stages: Sequence[str] = (),
    activity: str = "activity",
    top: int = 3,
) -> list[list[Reason]]:
    """Return the groups that move each row most, strongest first.

    Examples
    --------
    >>> from nexttouch.models.explanation import Explanation, Term
    >>> why = Explanation((Term(0),), np.array([[0.7]]), np.zeros(1))
    >>> group_reasons(why, np.array([[61.0]]), feature_names=["recency_days_activity"],
    ...     reason_groups=["recency"], medians=np.array([12.0]))[0][0].words
    'last activity 61 days ago (typical: 12)'
    """
    if not explanation.terms:
        return [[] for _ in range(len(matrix))]
    named = [term.group or reason_groups[term.column] for term in explanation.terms]
    groups = sorted(set(named))
    code = np.array([groups.index(name) for name in named])
    member = (code[:, None] == np.arange(len(groups))).astype(np.float64)
    total = explanation.values @ member
    order = np.argsort(-np.abs(total), axis=1, kind="stable")[:, :top]
    answers = []
    for row in range(len(matrix)):
        told = []
        for group in order[row]:
            push = float(total[row, group])
            if push == 0.0:
                continue
            mine = np.flatnonzero(code == group)
            strongest = mine[np.argmax(np.sign(push) * explanation.values[row, mine])]
            column = explanation.terms[strongest].column
            value, median = float(matrix[row, column]), float(medians[column])
            words = phrase(feature_names[column], value, median, stages=stages, activity=activity)
            told.append(Reason(groups[group], push, feature_names[column], value, median, words))
        answers.append(told)
    return answers
