"""Scores and decisions in SQL: SQLite beside the project, or Postgres by URL."""

from __future__ import annotations

from nexttouch.store.score_store import CustomerState, ScoreStore
from nexttouch.store.tables import ScoreRun

__all__ = ["CustomerState", "ScoreRun", "ScoreStore"]
