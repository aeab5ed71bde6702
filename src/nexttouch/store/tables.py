"""Tables of scores and decisions: append-only, one run after another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = [
    "SCHEMA_VERSION",
    "ScoreRun",
    "decision_runs",
    "decisions",
    "metadata",
    "score_runs",
    "scores",
    "versions",
]

SCHEMA_VERSION = 1

metadata = sa.MetaData()

versions = sa.Table(
    "nexttouch_schema",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
)

score_runs = sa.Table(
    "score_runs",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("as_of_us", sa.BigInteger, nullable=False, comment="microseconds UTC"),
    sa.Column("model_version", sa.Text, nullable=False),
    sa.Column("bundle_digest", sa.Text, nullable=False),
    sa.Column("data_digest", sa.Text, nullable=False),
    sa.Column("created_at_us", sa.BigInteger, nullable=False, comment="microseconds UTC"),
    sa.Column("info", sa.Text, nullable=False, comment="JSON"),
)

scores = sa.Table(
    "scores",
    metadata,
    sa.Column("run", sa.ForeignKey(score_runs.c.number), primary_key=True),
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("p_churn", sa.Double, nullable=True),
    sa.Column("detail", sa.Text, nullable=False, comment="the other columns, JSON"),
    sqlite_with_rowid=False,
)

decision_runs = sa.Table(
    "decision_runs",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("score_run", sa.ForeignKey(score_runs.c.number), nullable=False),
    sa.Column("created_at_us", sa.BigInteger, nullable=False, comment="microseconds UTC"),
    sa.Column("info", sa.Text, nullable=False, comment="JSON"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("run", sa.ForeignKey(decision_runs.c.number), primary_key=True),
    sa.Column("customer_id", sa.Text, primary_key=True),
    sa.Column("tier", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False, comment="the other columns, JSON"),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True)
class ScoreRun:
    """One scoring of all eligible customers.

    Attributes
    ----------
    id : str
        Unique; for example the MLflow run or a UUID.
    as_of, created_at : Timestamp
        With a zone; kept to the microsecond.
    model_version, bundle_digest, data_digest : str
        What scored, and what was scored.
    info : mapping
        Strict JSON.
    """

    id: str
    as_of: pd.Timestamp
    model_version: str
    bundle_digest: str
    data_digest: str
    created_at: pd.Timestamp
    info: Mapping[str, Any] = field(default_factory=dict)
