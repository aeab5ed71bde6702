"""Explain: contributions add up to the served churn, and the decision is the one that was kept."""

from __future__ import annotations

import contextlib
import json
import math

import pytest

from nexttouch import pipeline
from nexttouch.pipeline import Project
from nexttouch.store import ScoreStore


@pytest.fixture(scope="module", params=["first of the worklist", "007"])
def told(request, finished):
    top = finished.document["decisions"]["worklist"][0]["customer_id"]
    return pipeline.explain(finished.folder, "007" if request.param == "007" else top)


def test_base_and_contributions_are_the_served_logit(told):
    logit = math.log(told["p_churn"] / (1 - told["p_churn"]))
    total = told["base_logit"] + sum(reason["contribution"] for reason in told["reasons"])
    assert told["logit"] == pytest.approx(logit, abs=1e-6)
    assert total == pytest.approx(logit, abs=1e-6)


def test_score_and_decision_are_those_of_the_database(told, finished):
    database = ScoreStore.open(Project.open(finished.folder).database_url)
    with contextlib.closing(database):
        kept = database.customer(told["customer_id"])
    assert told["p_churn"] == kept.score["p_churn"]
    assert told["stage"] == kept.score["stage"]
    for name in ("tier", "expected_value", "effect_level", "decision_id", "runner_up", "binding"):
        assert told["decision"][name] == kept.decision[name]


def test_it_rests_on_the_customers_own_events(told, finished):
    mine = finished.orders.iloc[:-6].query("customer == @told['customer_id']")
    assert told["events"] == len(mine)
    shown = [event["event"] for event in told["last_events"]]
    assert shown == mine.sort_values("at", kind="stable")["event"].tail(len(shown)).tolist()


def test_it_is_strict_json_and_its_stages_sum_to_one(told):
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert sum(stage["probability"] for stage in told["p_stage"]) == pytest.approx(1)
    assert all(reason["words"] for reason in told["reasons"])
