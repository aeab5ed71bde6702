"""The request core: customers in, results out; no web framework and no data frame."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from nexttouch.errors import RequestError, RequestTooLargeError
from nexttouch.events import EventLog
from nexttouch.serving.schema import Model, PredictAnswer, ReasonAnswer, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexttouch.engine import EventStore
    from nexttouch.models import Reason
    from nexttouch.pipeline.predictor import Predictions, Predictor
    from nexttouch.serving.schema import Customer, PredictRequest
    from nexttouch.store import ScoreStore

__all__ = ["MAX_CUSTOMERS", "MAX_EVENTS", "MAX_EXPLAINED", "Served", "answer"]

MAX_CUSTOMERS = 1_000
MAX_EVENTS = 100_000
MAX_EXPLAINED = 50

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_UTC_US = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class Served:
    """A loaded bundle with what the service may read beside it.

    Attributes
    ----------
    predictor : Predictor
    model : Model
    events : EventStore or None
        Answers requests by id; without it every id alone is unknown.
    scores : ScoreStore or None
        Holds the tiers of the newest batch.
    """

    predictor: Predictor
    model: Model
    events: EventStore | None = None
    scores: ScoreStore | None = None


def answer(
    request: PredictRequest, served: Served, *, request_id: str, now: datetime
) -> PredictAnswer:
    """Answer a request.

    Parameters
    ----------
    request : PredictRequest
    served : Served
    request_id : str
        Stands in the answer.
    now : datetime
        With zone; the default ``as_of`` for posted events.

    Raises
    ------
    RequestTooLargeError
        If there are more customers or events than the service takes at once.
    RequestError
        If a measure is unknown.
    DataCheckError
        If posted events break the contract of the event log.
    """
    asked = request.asked
    _check_size(request, asked)
    posted = {c.customer_id: c for c in asked if c.events is not None}
    by_id = list(dict.fromkeys(c.customer_id for c in asked if c.events is None))
    if len(posted) + sum(c.events is None for c in asked) < len(asked) or posted.keys() & set(
        by_id
    ):
        raise RequestError("A customer is asked for twice with events; post them once, together.")
    explain = request.reasons if request.reasons is not None else request.customers is None
    results: dict[str, Result] = {}
    if posted:
        log = served.predictor.log_of(_table(list(posted.values()), served))
        results |= _predict(log, list(posted), request.as_of or now, served, explain=explain)
    if by_id:
        results |= _from_store(by_id, request.as_of, served, explain=explain, now=now)
    ordered = [results[customer.customer_id] for customer in asked]
    return PredictAnswer.model_construct(request_id=request_id, model=served.model, results=ordered)


def _check_size(request: PredictRequest, asked: list[Customer]) -> None:
    if len(asked) > MAX_CUSTOMERS:
        raise RequestTooLargeError.over("customers", len(asked), MAX_CUSTOMERS)
    if request.reasons and len(asked) > MAX_EXPLAINED:
        raise RequestTooLargeError.over("customers with reasons", len(asked), MAX_EXPLAINED)
    events = sum(len(c.events or ()) for c in asked)
    if events > MAX_EVENTS:
        raise RequestTooLargeError.over("events", events, MAX_EVENTS)


def _from_store(
    ids: list[str], as_of: datetime | None, served: Served, *, explain: bool, now: datetime
) -> dict[str, Result]:
    if served.events is None:
        return {i: _without(i, "unknown_customer", as_of or now) for i in ids}
    store = served.events.current()
    run = served.scores.latest_run() if served.scores else None
    scored = run.as_of.to_pydatetime() if run else _EPOCH + store.observed_until_us * _US
    moment = as_of or scored
    logs = [log for i in ids if (log := store.customer(i)) is not None]
    known = [str(log.customer_ids[0]) for log in logs]
    results = _predict(_joined(logs), known, moment, served, explain=explain) if logs else {}
    if (
        served.scores
        and run
        and moment == scored
        and run.bundle_digest == served.model.bundle_digest
    ):
        for name in known:
            state = served.scores.customer(name)
            if state and state.decision and state.run.id == run.id:
                decided = {"tier": state.decision["tier"]}
                if (decision_id := state.decision.get("decision_id")) is not None:
                    decided["decision_id"] = str(decision_id)
                results[name] = results[name].model_copy(update=decided)
    return {i: results.get(i) or _without(i, "unknown_customer", moment) for i in ids}


def _predict(
    log: EventLog, ids: list[str], as_of: datetime, served: Served, *, explain: bool
) -> dict[str, Result]:
    found = served.predictor.predict_log(log, int((as_of - _EPOCH) / _US)) if len(log) else None
    results = _results(found, as_of, served, explain=explain) if found and len(found) else {}
    return {i: results.get(i) or _without(i, "no_history", as_of) for i in ids}


def _results(
    found: Predictions, as_of: datetime, served: Served, *, explain: bool
) -> dict[str, Result]:
    why: Sequence[list[Reason] | None] = [None] * len(found)
    if explain:
        why = served.predictor.reasons(found)
    answers, table = found.answers, found.table
    p_stage, p_churn = answers.p_stage.tolist(), answers.p_churn.tolist()
    return {
        customer_id: Result.model_construct(
            customer_id=customer_id,
            status="ok",
            as_of=as_of,
            stage=found.stages[table.stage[row]],
            p_churn=p_churn[row],
            p_stage=dict(zip(found.stages, p_stage[row], strict=True)),
            segment=str(found.segment[row]),
            eligible=bool(table.eligible[row]),
            little_history=bool(answers.little_history[row]),
            reasons=None if why[row] is None else [_reason(reason) for reason in why[row] or ()],
        )
        for row, customer_id in enumerate(map(str, table.customer_id))
    }


def _reason(reason: Reason) -> ReasonAnswer:
    return ReasonAnswer.model_construct(
        group=reason.group,
        words=reason.words,
        feature=reason.feature,
        value=reason.value if math.isfinite(reason.value) else None,
        median=reason.median if math.isfinite(reason.median) else None,
        contribution=reason.contribution,
    )


def _without(customer_id: str, status: Any, as_of: datetime) -> Result:
    return Result.model_construct(customer_id=customer_id, status=status, as_of=as_of)


def _table(customers: list[Customer], served: Served) -> pa.Table:
    """Bring posted events into one canonical table."""
    pairs = [(c.customer_id, event) for c in customers for event in c.events or ()]
    events = [event for _, event in pairs]
    measures = served.predictor.vocabulary.measures
    known = {m.name: _UTC_US if m.kind == "date" else pa.float64() for m in measures[1:]}
    strange = sorted({name for event in events for name in event.measures if name not in known})
    if strange:
        raise RequestError(
            f"'{strange[0]}' is no measure of this model. It knows: {', '.join(known) or 'none'}."
        )
    columns = {
        "customer_id": pa.array([name for name, _ in pairs], pa.string()),
        "timestamp": pa.array([event.timestamp for event in events], _UTC_US),
        "event": pa.array([event.event for event in events], pa.string()),
        "channel": pa.array([event.channel for event in events], pa.string()),
        "value": pa.array([event.value for event in events], pa.float64()),
        "ingested_at": pa.array([event.ingested_at for event in events], _UTC_US),
        "event_id": pa.array([event.event_id for event in events], pa.string()),
        "actor_id": pa.array([event.actor_id for event in events], pa.string()),
    }
    for name, kind in known.items():
        given = [event.measures.get(name) for event in events]
        wanted = datetime if kind == _UTC_US else float
        if not all(value is None or isinstance(value, wanted) for value in given):
            what = "a time with a zone" if wanted is datetime else "a number"
            raise RequestError(f"'{name}' must be {what} in every event that carries it.")
        columns[name] = pa.array(given, kind)
    return pa.table(columns)


def _joined(logs: list[EventLog]) -> EventLog:
    """Put logs of one vocabulary behind each other."""
    if len(logs) == 1:
        return logs[0]
    parts: dict[str, Any] = {}
    for item in fields(EventLog):
        values = [getattr(log, item.name) for log in logs]
        if item.name == "vocabulary":
            parts[item.name] = values[0]
        elif item.name == "offsets":
            counts = np.concatenate([np.diff(offsets) for offsets in values])
            parts[item.name] = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        else:
            parts[item.name] = np.concatenate(values, axis=-1)
    return EventLog(**parts)
