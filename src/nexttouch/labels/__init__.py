"""Churn, next-stage and value labels."""

from nexttouch.labels.horizon import Labels, horizon_labels
from nexttouch.labels.spec import ChurnSpec, GoalsSpec, LabelSpec

__all__ = ["ChurnSpec", "GoalsSpec", "LabelSpec", "Labels", "horizon_labels"]
