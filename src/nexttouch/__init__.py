"""nexttouch: from customer behaviour to the right next touch.

Public names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "ChurnClassifier",
    "Config",
    "EventLog",
    "FeatureSpec",
    "Journey",
    "LabelSpec",
    "NextStageClassifier",
    "SnapshotPlan",
    "TouchPolicy",
    "ValueRegressor",
    "backtest",
    "build_training_set",
    "decide",
    "explain",
    "ingest",
    "run",
    "score",
    "simulate",
    "train",
]

_HOMES = {
    "ChurnClassifier": "models",
    "Config": "config",
    "EventLog": "events",
    "FeatureSpec": "features",
    "Journey": "journey.JourneySpec",
    "LabelSpec": "labels",
    "NextStageClassifier": "models",
    "SnapshotPlan": "snapshots",
    "TouchPolicy": "decisions.StrategySpec",
    "ValueRegressor": "models",
    "backtest": "pipeline",
    "build_training_set": "pipeline",
    "decide": "pipeline",
    "explain": "pipeline",
    "ingest": "pipeline",
    "run": "pipeline",
    "score": "pipeline",
    "simulate": "datasets",
    "train": "pipeline",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its room."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    room, _, inner = _HOMES[name].partition(".")
    value = getattr(importlib.import_module(f"{__name__}.{room}"), inner or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
