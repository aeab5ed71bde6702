"""Scores and decisions of all runs; readers see the newest one that is complete."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
import sqlalchemy as sa

from nexttouch.errors import StoreError
from nexttouch.store.database import Database
from nexttouch.store.frames import from_rows, to_columns
from nexttouch.store.tables import (
    SCHEMA_VERSION,
    ScoreRun,
    decision_runs,
    decisions,
    metadata,
    score_runs,
    scores,
    versions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CustomerState", "ScoreStore"]

_SCORE = ("customer_id", "stage", "p_churn")
_DECISION = ("customer_id", "tier")


@dataclass(frozen=True)
class CustomerState:
    """Newest score of one customer, with the decision made from that score where there is one."""

    run: ScoreRun
    score: Mapping[str, Any]
    decision: Mapping[str, Any] | None


class ScoreStore:
    """Scores and decisions in SQLite or Postgres.

    A run is written in one transaction: killed half-way, it never was. Runs are only ever added;
    the newest is the one written last, whatever its ``as_of``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = ScoreStore.open(f"sqlite:///{folder}/nexttouch.db")
    ...     run = ScoreRun("r1", pd.Timestamp("2025-03-01", tz="UTC"), "1", "b", "d",
    ...                    pd.Timestamp("2025-03-02", tz="UTC"))
    ...     store.write_scores(run, pd.DataFrame({"customer_id": ["007"], "stage": ["loyal"],
    ...                                           "p_churn": [0.25], "p_stage_loyal": [0.75]}))
    ...     tiers = pd.DataFrame({"customer_id": ["007"], "tier": ["no_touch"]})
    ...     store.write_decisions("r1", tiers)
    ...     state = store.customer("007")
    ...     store.close()
    >>> state.score["p_stage_loyal"], state.decision["tier"]
    (0.75, 'no_touch')
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, url: str) -> Self:
        """Open a database, creating its tables when they are missing.

        Raises
        ------
        StoreError
            If it cannot be opened or was written by another version of nexttouch.
        """
        database = Database(url)
        try:
            _prepare(database)
        except StoreError:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Close all connections of this process."""
        self._database.close()

    def write_scores(self, run: ScoreRun, frame: pd.DataFrame) -> None:
        """Add a run of scores.

        Parameters
        ----------
        run : ScoreRun
        frame : DataFrame of shape (n_customers, 3+)
            ``customer_id``, ``stage``, ``p_churn`` and any other columns.

        Raises
        ------
        StoreError
            If a column is missing, a customer stands twice, or the run exists already.
        """
        entry = {
            "id": run.id,
            "as_of_us": _us(run.as_of),
            "model_version": run.model_version,
            "bundle_digest": run.bundle_digest,
            "data_digest": run.data_digest,
            "created_at_us": _us(run.created_at),
            "info": json.dumps(dict(run.info), allow_nan=False),
        }
        with self._database.writing() as link:
            if link.execute(sa.select(score_runs.c.id).where(score_runs.c.id == run.id)).first():
                raise StoreError(f"The score run '{run.id}' exists already; runs never change.")
            (number,) = link.execute(sa.insert(score_runs), entry).inserted_primary_key or (0,)
            _insert(link, scores, number, to_columns(frame, _SCORE))

    def write_decisions(
        self,
        run_id: str,
        frame: pd.DataFrame,
        *,
        created_at: pd.Timestamp | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        """Add decisions made from a run of scores.

        Parameters
        ----------
        run_id : str
            ``ScoreRun.id`` of the scores.
        frame : DataFrame of shape (n_customers, 2+)
            ``customer_id``, ``tier`` and any other columns.
        created_at : Timestamp, optional
            With a zone; the score run's time by default.
        info : mapping, optional
            Strict JSON: policy, price set, capacity.

        Raises
        ------
        StoreError
            If the score run does not exist, a column is missing or a customer stands twice.
        """
        known = sa.select(score_runs.c.number, score_runs.c.created_at_us)
        with self._database.writing() as link:
            scored = link.execute(known.where(score_runs.c.id == run_id)).first()
            if scored is None:
                raise StoreError(f"There is no score run '{run_id}'; write its scores first.")
            entry = {
                "score_run": scored.number,
                "created_at_us": scored.created_at_us if created_at is None else _us(created_at),
                "info": json.dumps(dict(info or {}), allow_nan=False),
            }
            (number,) = link.execute(sa.insert(decision_runs), entry).inserted_primary_key or (0,)
            _insert(link, decisions, number, to_columns(frame, _DECISION))

    def latest_run(self) -> ScoreRun | None:
        """Return the newest run of scores, or None when there is none."""
        with self._database.reading() as link:
            row = link.execute(_newest()).first()
        return None if row is None else _run(row)

    def latest_scores(self) -> pd.DataFrame:
        """Return the newest scores, ordered by customer; empty when there are none."""
        with self._database.reading() as link:
            row = link.execute(_newest()).first()
            columns = [*(scores.c[name] for name in _SCORE), scores.c.detail]
            chosen = sa.select(*columns).where(scores.c.run == (row.number if row else -1))
            rows = link.execute(chosen).all()
        return from_rows(rows, _SCORE)

    def latest_decisions(self) -> pd.DataFrame:
        """Return the newest decisions of the newest scores that were decided on."""
        newest = (
            sa.select(decision_runs.c.number)
            .join(score_runs, score_runs.c.number == decision_runs.c.score_run)
            .order_by(score_runs.c.number.desc(), decision_runs.c.number.desc())
            .limit(1)
        )
        columns = [*(decisions.c[name] for name in _DECISION), decisions.c.detail]
        with self._database.reading() as link:
            chosen = sa.select(*columns).where(decisions.c.run == newest.scalar_subquery())
            rows = link.execute(chosen).all()
        return from_rows(rows, _DECISION)

    def customer(self, customer_id: str) -> CustomerState | None:
        """Return one customer's state in the newest run, or None when it does not hold them."""
        with self._database.reading() as link:
            row = link.execute(_newest()).first()
            if row is None:
                return None
            score = link.execute(
                sa.select(scores.c.stage, scores.c.p_churn, scores.c.detail).where(
                    scores.c.run == row.number, scores.c.customer_id == customer_id
                )
            ).first()
            decided = link.execute(
                sa.select(decisions.c.tier, decisions.c.detail)
                .join(decision_runs, decision_runs.c.number == decisions.c.run)
                .where(
                    decision_runs.c.score_run == row.number, decisions.c.customer_id == customer_id
                )
                .order_by(decision_runs.c.number.desc())
                .limit(1)
            ).first()
        if score is None:
            return None
        return CustomerState(
            _run(row),
            {"stage": score.stage, "p_churn": score.p_churn, **json.loads(score.detail)},
            None if decided is None else {"tier": decided.tier, **json.loads(decided.detail)},
        )


def _prepare(database: Database) -> None:
    """Create the tables where there are none, and check whose they are."""
    with database.reading() as link:
        fresh = not sa.inspect(link).has_table(versions.name)
    if fresh:
        with database.writing() as link:
            metadata.create_all(link)
            if link.execute(sa.select(versions)).first() is None:
                link.execute(sa.insert(versions), {"version": SCHEMA_VERSION})
    with database.reading() as link:
        found = link.execute(sa.select(versions.c.version)).scalar()
    if found != SCHEMA_VERSION:
        raise StoreError(
            f"The database {database.name} has schema version {found}; this nexttouch reads "
            f"{SCHEMA_VERSION}. Use the nexttouch that wrote it, or another data.database_url."
        )


def _newest() -> sa.Select[Any]:
    return sa.select(score_runs).order_by(score_runs.c.number.desc()).limit(1)


def _insert(
    link: sa.Connection, table: sa.Table, run: int, columns: Mapping[str, list[Any]]
) -> None:
    """Insert many rows by the driver's own fast way; rows as dictionaries take twice as long."""
    named = {"run": [run] * len(columns["detail"]), **columns}
    if link.dialect.name == "postgresql":
        cursor: Any = link.connection.cursor()
        with cursor, cursor.copy(f"COPY {table.name} ({', '.join(named)}) FROM STDIN") as copy:
            for row in zip(*named.values(), strict=True):
                copy.write_row(row)
    elif named["run"]:
        statement = sa.insert(table).compile(dialect=link.dialect, column_keys=list(named))
        order = [named[name] for name in statement.positiontup or ()]
        link.exec_driver_sql(str(statement), list(zip(*order, strict=True)))


def _run(row: Any) -> ScoreRun:
    return ScoreRun(
        id=row.id,
        as_of=pd.Timestamp(row.as_of_us, unit="us", tz="UTC"),
        model_version=row.model_version,
        bundle_digest=row.bundle_digest,
        data_digest=row.data_digest,
        created_at=pd.Timestamp(row.created_at_us, unit="us", tz="UTC"),
        info=json.loads(row.info),
    )


def _us(moment: pd.Timestamp) -> int:
    if moment.tzinfo is None:
        raise StoreError(f"{moment} has no time zone; times are stored in UTC.")
    return int(moment.value // 1000)  # .value is in nanoseconds whatever the unit
