"""Champion and gate: which model is served, and why, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nexttouch.models.backtesting import JOINT
from nexttouch.models.bootstrap import Interval, paired_interval
from nexttouch.models.candidates import BASELINES, SIMPLEST_FIRST
from nexttouch.models.metrics import expected_calibration_error, roc_auc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexttouch.models.backtesting import Backtest

__all__ = ["Choice", "GateLine", "choose_champion", "gate"]

AUC_SLACK = 0.002
ECE_LIMIT = 0.03
ECE_SLACK = 0.005


@dataclass(frozen=True)
class Choice:
    """The champion of a backtest and why.

    ``model`` is its name in the backtest, ``candidate`` the name of its estimator among the
    candidates, ``joint`` whether it is served joined with churn.
    """

    model: str
    candidate: str
    joint: bool
    why: str
    against: dict[str, Interval]


@dataclass(frozen=True)
class GateLine:
    """One condition of a promotion, with its figures."""

    name: str
    passed: bool
    words: str


def choose_champion(
    result: Backtest, *, allowed: Sequence[str] | None = None, random_state: int = 7
) -> Choice:
    """Choose where there is no champion yet: least log loss, and the simplest among ties.

    Candidates whose paired interval against the best holds 0 are ties; the simplest tie wins unless
    its AUC is lower by more than .002. For stages that were also tested in joint form, ties are
    sought among joint forms: only those never contradict the churn risk. If a direct form beats
    every joint one it wins and is served unreconciled.

    Parameters
    ----------
    result : Backtest
    allowed : sequence of str, optional
        Names to choose among; all by default.
    random_state : int
        Seed of the bootstrap.

    Examples
    --------
    >>> import pandas as pd
    >>> from types import SimpleNamespace
    >>> from nexttouch.models.backtesting import Backtest
    >>> rows = SimpleNamespace(churned=np.arange(40) % 2, customer_id=np.arange(40))
    >>> sure, blind = np.where(rows.churned > 0, 0.99, 0.01), np.full(40, 0.5)
    >>> metrics = pd.DataFrame({"model": ["base_rate", "logistic"], "test_date": "2025-01-01",
    ...     "log_loss": [0.69, 0.11], "auc": [0.5, 1.0]})
    >>> result = Backtest("churn", metrics, rows, {"base_rate": blind, "logistic": sure})
    >>> choose_champion(result).model
    'logistic'
    """
    models = [m for m in result.models if allowed is None or m in allowed]
    mean = {
        m: float(result.metrics.loc[result.metrics["model"] == m, "log_loss"].mean())
        for m in models
    }
    joint = [m for m in models if m.startswith(JOINT)]
    best = min(models, key=lambda m: (mean[m], _rank(m)))
    if joint and not best.startswith(JOINT):
        served = min(joint, key=lambda m: (mean[m], _rank(m)))
        if not _difference(result, best, served, random_state).below_zero:
            best = served
    against = {m: _difference(result, m, best, random_state) for m in models if m != best}
    rivals = joint if best.startswith(JOINT) else models
    ties = [m for m in rivals if m != best and not against[m].above_zero]
    chosen = best
    for name in sorted(ties, key=_rank):
        if _rank(name) >= _rank(best) or _auc(result, name) < _auc(result, best) - AUC_SLACK:
            continue
        if not _beaten(result, name, models, random_state):
            chosen = name
            break
    if chosen != best:
        against = {m: _difference(result, m, chosen, random_state) for m in models if m != chosen}
    return Choice(
        model=chosen,
        candidate=chosen.removeprefix(JOINT),
        joint=chosen.startswith(JOINT),
        why=_why(result, chosen, best, mean, against),
        against=against,
    )


def _beaten(result: Backtest, name: str, models: Sequence[str], random_state: int) -> bool:
    """Whether some baseline is better beyond the paired interval: a tie must not end below it."""
    rivals = (m for m in models if m in BASELINES and m != name)
    return any(_difference(result, m, name, random_state).below_zero for m in rivals)


def _rank(model: str) -> int:
    name = model.removeprefix(JOINT)
    return SIMPLEST_FIRST.index(name) if name in SIMPLEST_FIRST else len(SIMPLEST_FIRST)


def _difference(result: Backtest, model: str, other: str, random_state: int) -> Interval:
    return paired_interval(
        result.losses(model) - result.losses(other),
        result.rows.customer_id,
        random_state=random_state,
    )


def _auc(result: Backtest, model: str) -> float:
    """Return the mean AUC over test dates; 0 for stages, where no AUC is compared."""
    if result.task == "stage":
        return 0.0
    return float(result.metrics.loc[result.metrics["model"] == model, "auc"].mean())


def _why(
    result: Backtest, chosen: str, best: str, mean: dict[str, float], against: dict[str, Interval]
) -> str:
    dates = result.metrics["test_date"].nunique()
    over = f"over {dates} test date{'s' if dates > 1 else ''}"
    if chosen == best:
        head = (
            f"{chosen} has the lowest mean log loss of all candidates ({mean[chosen]:.4f} {over})"
        )
    else:
        head = (
            f"{chosen} (mean log loss {mean[chosen]:.4f} {over}) ties with {best} "
            f"({mean[best]:.4f}; paired difference {_flip(against[best])}) and is simpler"
        )
    baselines = [m for m in against if m.removeprefix(JOINT) in BASELINES]
    if not baselines:
        return f"{head}."
    rival = min(baselines, key=lambda m: mean[m])
    gap = _flip(against[rival])
    verdict = (
        "better beyond the paired interval"
        if gap.below_zero
        else "worse beyond the paired interval"
        if gap.above_zero
        else "a tie"
    )
    return (
        f"{head}; against the best other baseline, {rival} ({mean[rival]:.4f}): {gap}, {verdict}."
    )


def _flip(interval: Interval) -> Interval:
    return Interval(-interval.mean, -interval.high, -interval.low)


def gate(
    result: Backtest, *, candidate: str, champion: str | None, random_state: int = 7
) -> tuple[GateLine, ...]:
    """Hold a candidate against the champion and against every baseline on the same rows.

    Parameters
    ----------
    result : Backtest
        Holds predictions of the candidate, the champion and the baselines.
    candidate : str
    champion : str or None
        None where there is no champion yet: then only calibration and baselines are asked for.
    random_state : int
        Seed of the bootstrap.

    Returns
    -------
    tuple of GateLine
        Promote if all have passed.

    Examples
    --------
    >>> import pandas as pd
    >>> from types import SimpleNamespace
    >>> from nexttouch.models.backtesting import Backtest
    >>> rows = SimpleNamespace(churned=np.arange(40) % 2, customer_id=np.arange(40))
    >>> sure, blind = np.where(rows.churned > 0, 0.99, 0.01), np.full(40, 0.5)
    >>> metrics = pd.DataFrame({"model": ["base_rate", "logistic"], "test_date": "2025-01-01",
    ...     "log_loss": [0.69, 0.11], "auc": [0.5, 1.0]})
    >>> result = Backtest("churn", metrics, rows, {"base_rate": blind, "logistic": sure})
    >>> [line.name for line in gate(result, candidate="logistic", champion="base_rate")]
    ['log loss', 'auc', 'calibration', 'baseline base_rate']
    >>> all(line.passed for line in gate(result, candidate="logistic", champion="base_rate"))
    True
    """
    lines = []
    ece = _ece(result, candidate)
    if champion is None:
        words = f"ECE {ece:.4f}, limit {ECE_LIMIT}"
        lines.append(GateLine("calibration", ece <= ECE_LIMIT, words))
    else:
        gap = _difference(result, candidate, champion, random_state)
        words = f"log loss against {champion}: {gap}; the interval must lie below 0"
        lines.append(GateLine("log loss", gap.below_zero, words))
        if result.task == "churn":
            mine, theirs = _pooled_auc(result, candidate), _pooled_auc(result, champion)
            words = f"AUC {mine:.4f} against {theirs:.4f}, at most {AUC_SLACK} lower"
            lines.append(GateLine("auc", not mine < theirs - AUC_SLACK, words))
        before = _ece(result, champion)
        words = f"ECE {ece:.4f} against {before:.4f}: at most {ECE_LIMIT}, or {ECE_SLACK} more"
        calm = ece <= ECE_LIMIT or ece <= before + ECE_SLACK
        lines.append(GateLine("calibration", calm, words))
    for name in result.models:
        if name in BASELINES and name != candidate:
            gap = _difference(result, candidate, name, random_state)
            words = f"log loss against baseline {name}: {gap}; must not lie above 0"
            lines.append(GateLine(f"baseline {name}", not gap.above_zero, words))
    return tuple(lines)


def _pooled_auc(result: Backtest, model: str) -> float:
    return roc_auc(result.rows.churned, result.predictions[model])


def _ece(result: Backtest, model: str) -> float:
    p: Any = result.predictions[model]
    if result.task == "churn":
        return expected_calibration_error(result.rows.churned, p)
    guess = np.argmax(p, axis=1)
    hit = guess == result.rows.next_stage
    return expected_calibration_error(hit, p[np.arange(len(p)), guess])
