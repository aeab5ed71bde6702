"""Explain: one customer from events to features, score, reasons and tier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.engine import EventStore
from nexttouch.errors import UnknownCustomerError
from nexttouch.events.log import MISSING
from nexttouch.pipeline.project import Project
from nexttouch.pipeline.scoring import champion
from nexttouch.store import ScoreStore

if TYPE_CHECKING:
    from pathlib import Path

    from nexttouch.config import Config
    from nexttouch.events import EventLog
    from nexttouch.pipeline.predictor import Predictions, Predictor

__all__ = ["explain"]

LAST_EVENTS = 8


def explain(project: str | Path | Config | Project, customer_id: str) -> dict[str, Any]:
    """Walk one customer's answer back to the events it rests on.

    Returns
    -------
    dict
        Last events, stage, next stages, churn risk, every reason group, the features behind them,
        and the newest decision with its words; plain JSON.

    Raises
    ------
    UnknownCustomerError
        If the event store holds no event of this customer.
    """
    opened = Project.open(project)
    store = EventStore.open(opened.store_folder)
    log = store.customer(customer_id)
    if log is None:
        raise UnknownCustomerError.named(customer_id, opened.name)
    database = ScoreStore.open(opened.database_url)
    try:
        run, state = database.latest_run(), database.customer(customer_id)
        decided = database.latest_decisions() if state is not None and state.decision else None
    finally:
        database.close()
    predictor, version = champion(opened)
    as_of_us = store.observed_until_us if run is None else int(run.as_of.value // 1000)
    predictions = predictor.predict_log(log, as_of_us)
    if not len(predictions):
        raise UnknownCustomerError.later(customer_id, _iso(as_of_us))
    row, names = predictions.frame().iloc[0], predictor.scorer.names
    return {
        "customer_id": customer_id,
        "as_of": _iso(as_of_us),
        "events": len(log),
        "first": _iso(int(log.timestamp_us[0])),
        "last": _iso(int(log.timestamp_us[-1])),
        "last_events": _last_events(log),
        "eligible": bool(row["eligible"]),
        "stage": row["stage"],
        "silent_stage": row["silent_stage"],
        "horizon_days": predictor.definition.labels.horizon_days,
        "p_churn": float(row["p_churn"]),
        "p_stage": [
            {"stage": s, "probability": float(row[f"p_stage_{s}"])} for s in predictions.stages
        ],
        "margin_if_kept": float(row["margin_if_kept"]),
        "little_history": bool(row["little_history"]),
        "model": f"{predictor.definition.name} version {version} "
        f"(churn: {names['churn']}, stage: {names['stage']})",
        "currency": predictor.definition.currency,
        **_reasons(predictor, predictions),
        "decision": None if decided is None else _decision(decided, customer_id),
    }


def _reasons(predictor: Predictor, predictions: Predictions) -> dict[str, Any]:
    explanation = predictor.scorer.explanation(predictions.table.X)
    reasons = predictor.reasons(predictions, top=20)[0]
    return {
        "base_logit": float(explanation.base[0]),
        "logit": float(explanation.logit()[0]),
        "reasons": [
            {"group": r.group, "contribution": r.contribution, "words": r.words} for r in reasons
        ],
        "features": [
            {"name": r.feature, "value": _known(r.value), "median": _known(r.median)}
            for r in reasons
        ],
    }


def _last_events(log: EventLog) -> list[dict[str, Any]]:
    measure, value = log.vocabulary.measures[0], log.measures[0]
    return [
        {
            "timestamp": _iso(int(log.timestamp_us[i])),
            "event": log.vocabulary.events[log.event[i]],
            "channel": log.vocabulary.channels[log.channel[i]] or None,
            "value": None if value[i] == MISSING else float(value[i] * measure.step),
        }
        for i in range(max(0, len(log) - LAST_EVENTS), len(log))
    ]


def _decision(decided: pd.DataFrame, customer_id: str) -> dict[str, Any] | None:
    rows = decided[decided["customer_id"] == customer_id]
    if rows.empty:
        return None
    row = rows.iloc[0]
    words = [row["why"], row["flip"] and f"It would be {row['flip']}", row["play"]]
    return {
        "tier": row["tier"],
        "effect_level": row["effect_level"],
        "expected_value": float(row["expected_value"]),
        **{name: _text(row[name]) for name in ("runner_up", "binding", "group")},
        "why": [w for w in words if isinstance(w, str) and w],
        "decision_id": row["decision_id"],
    }


def _text(value: Any) -> str | None:
    """Return a word; the database gives NaN where there is none."""
    return value if isinstance(value, str) else None


def _known(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _iso(moment_us: int) -> str:
    return str(pd.Timestamp(moment_us, unit="us", tz="UTC").isoformat())
