"""Models: estimators, the joint answer, backtest, champion and reasons."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = [
    "Answers",
    "BGNBDClassifier",
    "Backtest",
    "BaseRateClassifier",
    "BlendClassifier",
    "Choice",
    "ChurnClassifier",
    "GateLine",
    "Interval",
    "MarkovClassifier",
    "NextStageClassifier",
    "RFMLogistic",
    "Reason",
    "Scorer",
    "StageLogistic",
    "StayClassifier",
    "ValueRegressor",
    "backtest",
    "choose_champion",
    "churn_candidates",
    "churn_metrics",
    "fit_given_activity",
    "gate",
    "join",
    "paired_interval",
    "stage_candidates",
    "stage_metrics",
]

_HOME = {
    "Answers": "scorer",
    "BGNBDClassifier": "bgnbd",
    "Backtest": "backtesting",
    "BaseRateClassifier": "blend",
    "BlendClassifier": "blend",
    "Choice": "champion",
    "ChurnClassifier": "lightgbm_heads",
    "GateLine": "champion",
    "Interval": "bootstrap",
    "MarkovClassifier": "markov",
    "NextStageClassifier": "lightgbm_heads",
    "RFMLogistic": "logistic",
    "Reason": "reasons",
    "Scorer": "scorer",
    "StageLogistic": "logistic",
    "StayClassifier": "markov",
    "ValueRegressor": "value",
    "backtest": "backtesting",
    "choose_champion": "champion",
    "churn_candidates": "candidates",
    "churn_metrics": "metrics",
    "fit_given_activity": "joint",
    "gate": "champion",
    "join": "joint",
    "paired_interval": "bootstrap",
    "stage_candidates": "candidates",
    "stage_metrics": "metrics",
}


def __getattr__(name: str) -> Any:
    """Import public names when they are first used: sklearn and scipy take seconds."""
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
