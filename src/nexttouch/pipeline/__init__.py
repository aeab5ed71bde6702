"""The verbs: each joins the core with the edges, and CLI, service and notebooks call the same."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "Predictor",
    "Project",
    "backtest",
    "build_training_set",
    "check",
    "decide",
    "erase",
    "explain",
    "ingest",
    "read_facts",
    "run",
    "score",
    "train",
    "write_demo",
]

_HOMES = {
    "Predictor": "predictor",
    "Project": "project",
    "backtest": "evaluation",
    "build_training_set": "training_data",
    "check": "project_check",
    "decide": "deciding",
    "erase": "erasure",
    "explain": "explanation",
    "ingest": "ingestion",
    "read_facts": "reading",
    "run": "whole_run",
    "score": "scoring",
    "train": "training",
    "write_demo": "demos",
}


def __getattr__(name: str) -> Any:
    """Import a verb when it is asked for: some pull in heavy libraries."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
