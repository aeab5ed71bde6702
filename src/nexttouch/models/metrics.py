"""Metrics of churn risks and of next-stage probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import rankdata

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "churn_losses",
    "churn_metrics",
    "expected_calibration_error",
    "roc_auc",
    "stage_losses",
    "stage_metrics",
]

TINY = 1e-15


def churn_losses(churned: NDArray[Any], p: NDArray[Any]) -> NDArray[np.float64]:
    """Return the log loss of each row.

    Examples
    --------
    >>> churn_losses(np.array([1, 0]), np.array([0.5, 0.5])).round(4).tolist()
    [0.6931, 0.6931]
    """
    clipped = np.clip(np.asarray(p, dtype=np.float64), TINY, 1.0 - TINY)
    return np.asarray(-np.where(churned > 0, np.log(clipped), np.log1p(-clipped)))


def stage_losses(next_stage: NDArray[Any], p: NDArray[Any]) -> NDArray[np.float64]:
    """Return the log loss of each row of stage probabilities.

    Examples
    --------
    >>> stage_losses(np.array([1]), np.array([[0.5, 0.5]])).round(4).tolist()
    [0.6931]
    """
    mine = p[np.arange(len(p)), np.asarray(next_stage, dtype=np.intp)]
    return np.asarray(-np.log(np.maximum(mine, TINY)))


def roc_auc(churned: NDArray[Any], p: NDArray[Any]) -> float:
    """Return the area under the ROC curve, ties counted half; NaN where one outcome is missing.

    Examples
    --------
    >>> roc_auc(np.array([0, 0, 1]), np.array([0.1, 0.3, 0.2]))
    0.5
    """
    positive = np.asarray(churned) > 0
    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(p)
    wins = float(ranks[positive].sum()) - n_positive * (n_positive + 1) / 2
    return wins / (n_positive * n_negative)


def expected_calibration_error(churned: NDArray[Any], p: NDArray[Any], *, bins: int = 15) -> float:
    """Return the mean gap between predicted and observed rates over equal-count bins.

    Examples
    --------
    >>> expected_calibration_error(np.array([0, 1]), np.array([0.25, 0.25]), bins=1)
    0.25
    """
    order = np.argsort(p, kind="stable")
    edges = np.linspace(0, len(order), min(bins, len(order)) + 1).astype(np.intp)
    gap = np.asarray(p, dtype=np.float64)[order] - np.asarray(churned, dtype=np.float64)[order]
    return float(np.abs(np.add.reduceat(gap, edges[:-1])).sum() / len(order))


def churn_metrics(churned: NDArray[Any], p: NDArray[Any]) -> dict[str, float]:
    """Return every churn metric of one test date.

    Returns
    -------
    dict
        ``n``, ``base_rate``, ``auc``, ``log_loss``, ``brier_skill`` (over the base rate), ``ece``,
        ``pr_auc_rarer`` (of the rarer outcome), ``lift_top_decile`` and its cap ``lift_cap``.
        What needs both outcomes is NaN where one is missing.

    Examples
    --------
    >>> churn_metrics(np.array([0, 0, 0, 1]), np.array([0.1, 0.2, 0.3, 0.9]))["auc"]
    1.0
    """
    y = (np.asarray(churned) > 0).astype(np.float64)
    rate = float(y.mean())
    both = 0.0 < rate < 1.0
    brier = float(np.mean((p - y) ** 2))
    top = np.argsort(-p, kind="stable")[: max(1, len(p) // 10)]
    return {
        "n": float(len(y)),
        "base_rate": rate,
        "auc": roc_auc(y, p),
        "log_loss": float(churn_losses(y, p).mean()),
        "brier_skill": 1.0 - brier / (rate * (1.0 - rate)) if both else float("nan"),
        "ece": expected_calibration_error(y, p),
        "pr_auc_rarer": _average_precision(y, p) if rate <= 0.5 else _average_precision(1 - y, -p),
        "lift_top_decile": float(y[top].mean()) / rate if rate else float("nan"),
        "lift_cap": min(1.0 / rate, len(p) / len(top)) if rate else float("nan"),
    }


def stage_metrics(
    next_stage: NDArray[Any], p: NDArray[Any], stage: NDArray[Any]
) -> dict[str, float]:
    """Return every next-stage metric of one test date.

    Parameters
    ----------
    next_stage, stage : int, shape (n_rows,)
        Observed next stage and stage at the cutoff.
    p : float64, shape (n_rows, n_stages)

    Returns
    -------
    dict
        ``n``, ``log_loss``, ``macro_log_loss`` (mean over stages that occurred), ``macro_f1``,
        ``log_loss_movers`` (rows whose stage changed; NaN if none did), ``ece`` (of the most
        probable stage).

    Examples
    --------
    >>> p = np.array([[0.8, 0.2], [0.4, 0.6]])
    >>> stage_metrics(np.array([0, 1]), p, np.array([0, 0]))["macro_f1"]
    1.0
    """
    target = np.asarray(next_stage, dtype=np.intp)
    losses = stage_losses(target, p)
    found = np.bincount(target, minlength=p.shape[1])
    sums = np.bincount(target, weights=losses, minlength=p.shape[1])
    present = found > 0
    guess = np.argmax(p, axis=1)
    hits = np.bincount(target[guess == target], minlength=p.shape[1])
    guessed = np.bincount(guess, minlength=p.shape[1])
    f1 = 2.0 * hits[present] / (found + guessed)[present]
    moved = target != np.asarray(stage)
    confidence = p[np.arange(len(p)), guess]
    return {
        "n": float(len(target)),
        "log_loss": float(losses.mean()),
        "macro_log_loss": float((sums[present] / found[present]).mean()),
        "macro_f1": float(f1.mean()),
        "log_loss_movers": float(losses[moved].mean()) if moved.any() else float("nan"),
        "ece": expected_calibration_error(guess == target, confidence),
    }


def _average_precision(y: NDArray[np.float64], score: NDArray[Any]) -> float:
    """Return the area under the precision-recall curve as a step function, ties taken together."""
    if not y.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(y[order])
    last = np.r_[np.flatnonzero(np.diff(score[order])), len(order) - 1]
    precision = hits[last] / (last + 1.0)
    return float((np.diff(hits[last], prepend=0.0) * precision).sum() / hits[-1])
