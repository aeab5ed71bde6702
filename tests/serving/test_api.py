"""The request core on a real bundle: posted events, ids and the batch give the same bits."""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest

from nexttouch.engine import EventStore
from nexttouch.errors import DataCheckError, RequestError, RequestTooLargeError
from nexttouch.events import Measure
from nexttouch.pipeline.ingestion import ingest
from nexttouch.pipeline.project import Project
from nexttouch.serving import api
from nexttouch.serving.api import Served, answer
from nexttouch.serving.schema import Model, PredictRequest
from nexttouch.store import ScoreStore

NOW = datetime(2025, 1, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def served(shop):
    project = Project.open(shop.folder)
    scores = ScoreStore.open(project.database_url)
    model = Model(
        name="corner_shop",
        version="1",
        bundle_digest=shop.predictor.digest,
        horizon_days=28,
        reconciled=True,
    )
    yield Served(shop.predictor, model, EventStore.open(project.store_folder), scores)
    scores.close()


def ask(served, **body):
    request = PredictRequest.model_validate_json(__import__("json").dumps(body))
    return answer(request, served, request_id="r", now=NOW).results


def expected(shop, name):
    row = shop.frame.set_index("customer_id").loc[name]
    return (
        row["p_churn"],
        {s: row[f"p_stage_{s}"] for s in shop.predictor.scorer.stages},
        row["stage"],
    )


def test_ids_posted_events_and_batch_agree_bit_for_bit(shop, served):
    names = shop.frame["customer_id"].tolist()
    by_id = ask(served, customers=[{"customer_id": n} for n in names])
    posted = ask(
        served,
        customers=[{"customer_id": n, "events": shop.events(n)} for n in names],
        as_of=shop.as_of.isoformat(),
    )
    for name, one, other in zip(names, by_id, posted, strict=True):
        assert one.status == other.status == "ok"
        assert (one.p_churn, one.p_stage, one.stage) == expected(shop, name)
        assert (other.p_churn, other.p_stage, other.stage) == expected(shop, name)


def test_answers_say_when_what_and_why(shop, served):
    (result,) = ask(served, customer_id="007")
    assert result.as_of == shop.as_of
    assert sum(result.p_stage.values()) == pytest.approx(1)
    assert (result.tier, result.decision_id) == ("high_touch", "d1")
    assert 0 < len(result.reasons) <= 3
    assert all(r.words for r in result.reasons)


def test_a_tier_stands_only_beside_the_moment_it_was_decided_from(served):
    (result,) = ask(served, customer_id="007", as_of="2024-06-01T00:00:00Z", reasons=False)
    assert result.status == "ok"
    assert result.tier is None
    assert result.reasons is None


def test_unknown_customers_and_empty_histories_are_said_so(shop, served):
    results = ask(
        served,
        customers=[
            {"customer_id": "nobody"},
            {"customer_id": "c1"},
            {"customer_id": "c2", "events": []},
            {"customer_id": "c1"},
            {
                "customer_id": "c3",
                "events": [{"timestamp": "2025-01-15T00:00:00Z", "event": "purchase"}],
            },
        ],
    )
    assert [r.status for r in results] == [
        "unknown_customer",
        "ok",
        "no_history",
        "ok",
        "no_history",
    ]
    assert results[1] == results[3]
    assert results[0].p_churn is results[0].stage is results[0].p_stage is None
    (early,) = ask(served, customer_id="c1", as_of="2001-01-01T00:00:00Z")
    assert early.status == "no_history"


def test_without_an_event_store_every_id_alone_is_unknown(shop, served):
    bare = Served(served.predictor, served.model)
    (result,) = ask(bare, customer_id="007")
    assert (result.status, result.as_of) == ("unknown_customer", NOW)
    (posted,) = ask(bare, customer_id="007", events=shop.events("007"))
    assert (posted.status, posted.as_of) == ("ok", NOW)


def test_events_at_the_cutoff_or_later_move_nothing(shop, served):
    as_of = "2024-06-01T00:00:00Z"
    before = [e for e in shop.events("007") if e["timestamp"] < as_of]
    later = [*shop.events("007"), {"timestamp": as_of, "event": "purchase", "value": 9.0}]
    assert ask(served, customer_id="007", events=before, as_of=as_of) == ask(
        served, customer_id="007", events=later, as_of=as_of
    )


def test_unknown_event_names_are_answered_and_unknown_measures_refused(shop, served):
    strange = [*shop.events("007"), {"timestamp": "2024-05-01T00:00:00Z", "event": "dance"}]
    assert ask(served, customer_id="007", events=strange)[0].status == "ok"
    odd = [{"timestamp": "2024-05-01T00:00:00Z", "event": "purchase", "measures": {"mood": 1.0}}]
    with pytest.raises(RequestError, match=r"'mood' is no measure of this model"):
        ask(served, customer_id="007", events=odd)
    huge = [{"timestamp": "2024-05-01T00:00:00Z", "event": "purchase", "value": 1e300}]
    with pytest.raises(DataCheckError, match=r"NT200"):
        ask(served, customer_id="007", events=huge)


def test_more_than_the_limits_is_refused_with_the_limit_named(served, monkeypatch):
    many = [{"customer_id": str(i)} for i in range(api.MAX_CUSTOMERS + 1)]
    with pytest.raises(RequestTooLargeError, match=r"1001 customers; the limit is 1000"):
        ask(served, customers=many)
    with pytest.raises(RequestTooLargeError, match=r"51 customers with reasons; the limit is 50"):
        ask(served, customers=many[:51], reasons=True)
    monkeypatch.setattr(api, "MAX_EVENTS", 1)
    events = [{"timestamp": "2024-05-01T00:00:00Z", "event": "purchase"}] * 2
    with pytest.raises(RequestTooLargeError, match=r"2 events; the limit is 1"):
        ask(served, customer_id="a", events=events)


def test_a_customer_twice_with_events_is_refused(served):
    with pytest.raises(RequestError, match=r"asked for twice with events"):
        ask(served, customers=[{"customer_id": "a", "events": []}, {"customer_id": "a"}])


def test_events_that_arrive_after_the_moment_are_no_history(served):
    late = {"timestamp": "2024-05-01T00:00:00Z", "event": "purchase"}
    late["ingested_at"] = "2024-07-01T00:00:00Z"
    (result,) = ask(served, customer_id="x", events=[late], as_of="2024-06-01T00:00:00Z")
    assert result.status == "no_history"


def test_dates_that_ride_on_events_are_posted_as_times_or_left_out(shop, served):
    words = shop.predictor.vocabulary
    words = replace(words, measures=(*words.measures, Measure("contract_end", "date", 1.0)))
    dated = replace(served, predictor=replace(shop.predictor, vocabulary=words))
    event = {"timestamp": "2024-05-01T00:00:00Z", "event": "purchase"}
    posted = [{**event, "measures": {"contract_end": "2025-01-01T00:00:00Z"}}, event]
    for events in ([event], posted):
        (result,) = ask(dated, customer_id="x", events=events, as_of="2024-06-01T00:00:00Z")
        assert result.status == "ok"
    wrong = [{**event, "measures": {"contract_end": 7.0}}]
    with pytest.raises(RequestError, match="'contract_end' must be a time with a zone"):
        ask(dated, customer_id="x", events=wrong)


def test_ids_are_answered_from_the_newest_ingest(shop, served, tmp_path):
    (tmp_path / "nexttouch.yaml").write_text((shop.folder / "nexttouch.yaml").read_text())
    lines = (shop.folder / "orders.csv").read_text()
    now = pd.Timestamp("2025-02-01", tz="UTC")
    store = None
    for extra in ("", "new,5.0,2024-12-01T00:00:00Z\n", "newer,5.0,2024-12-01T00:00:00Z\n"):
        lines += extra
        (tmp_path / "orders.csv").write_text(lines)
        ingest(tmp_path, now=now)
        store = store or EventStore.open(Project.open(tmp_path).store_folder)
    assert store.current() is store.current()
    asked = [{"customer_id": name} for name in ("007", "new", "newer")]
    results = ask(replace(served, events=store), customers=asked)
    assert [result.status for result in results] == ["ok", "ok", "ok"]
