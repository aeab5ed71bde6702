"""One command, events to worklist: its document tells what is in the store and the database."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest

from nexttouch.engine import EventStore
from nexttouch.pipeline import Project
from nexttouch.store import ScoreStore


@pytest.fixture(scope="module")
def store(finished):
    return EventStore.open(Project.open(finished.folder).store_folder)


@pytest.fixture(scope="module")
def kept(finished):
    """Return scores and decisions of the database."""
    database = ScoreStore.open(Project.open(finished.folder).database_url)
    yield database.latest_run(), database.latest_scores(), database.latest_decisions()
    database.close()


def test_what_was_read_is_what_the_file_and_the_store_hold(finished, store, kit):
    facts = finished.document["ingest"]
    bad = sum(kit.quarantined.values())
    good = finished.orders[
        ~finished.orders["customer"].str.contains("\0|x{257}", regex=True)
        & (finished.orders["at"] < "2900")
        & (finished.orders["total"].astype(str) != "inf")
    ]
    assert facts["quarantined"] == kit.quarantined
    assert (facts["rows_read"], facts["events"]) == (len(finished.orders), len(good))
    assert facts["events"] == facts["rows_read"] - bad == store.n_events
    assert facts["by_event"] == good["event"].value_counts().to_dict()
    assert facts["customers"] == good["customer"].str.strip().nunique() == store.n_customers
    assert facts["changed"] is True


def test_rows_put_aside_are_kept_where_the_report_says(finished, store, kit):
    (file,) = finished.document["ingest"]["quarantine_files"]
    aside = pd.read_parquet(file)
    assert aside["reason"].value_counts().to_dict() == kit.quarantined
    assert len(store.quarantine()) == len(aside)
    assert set(aside.loc[aside["reason"] == "time_in_future", "row"]) == {
        len(finished.orders) - 3,
        len(finished.orders) - 2,
    }


def test_stages_transitions_and_test_rows_are_counted_once(finished, store):
    training = finished.document["training"]
    stages = training["journey"]["stages"]
    assert sum(s["customers"] for s in stages) <= store.n_customers
    assert sum(s["share"] for s in stages) == pytest.approx(1)
    for row in training["journey"]["transitions"]["rows"]:
        assert sum(row["shares"]) == pytest.approx(1)
    for task in training["backtest"]:
        losses = [line[1] for line in task["table"]]
        assert losses == sorted(losses)
        assert {line[0] for line in task["table"]} >= {task["champion"]}
        dates = {entry["test_date"] for entry in task["by_date"]}
        assert len(dates) == task["test_dates"] == 2
    assert training["certificate"]["passed"]
    assert all(c["moved_before"] == 0 for c in training["certificate"]["checks"])
    assert sum(c["moved_after"] for c in training["certificate"]["checks"]) > 0


def test_every_baseline_stands_beside_the_champion(finished):
    churn, stage = finished.document["training"]["backtest"]
    assert {line[0] for line in churn["table"]} == {
        *("base_rate", "bg_nbd", "logistic", "lightgbm", "blend")
    }
    assert {"stay", "markov", "markov_2", "markov_recency"} <= {line[0] for line in stage["table"]}


def test_scores_are_the_databases(finished, store, kept):
    run, scores, _ = kept
    facts = finished.document["scores"]
    assert (run.id, run.model_version, run.data_digest) == (
        facts["run"],
        facts["model_version"],
        store.digest,
    )
    assert facts["scored"] == len(scores) == scores["customer_id"].nunique()
    assert facts["scored"] + facts["not_eligible"] == store.n_customers
    assert facts["mean_p_churn"] == pytest.approx(scores["p_churn"].mean(), abs=1e-12)
    assert run.as_of == pd.Timestamp(store.observed_until_us, unit="us", tz="UTC")
    likely = scores.filter(regex="^p_stage_")
    assert np.allclose(likely.sum(axis=1), 1)
    assert scores["p_churn"].between(0, 1).all()


def test_tiers_stay_within_capacity_and_sum_up(finished, kept):
    _, scores, decisions = kept
    facts = finished.document["decisions"]
    counts = decisions["tier"].value_counts()
    assert len(decisions) == len(scores) == sum(t["customers"] for t in facts["tiers"])
    for tier in facts["tiers"]:
        mine = decisions[decisions["tier"] == tier["tier"]]
        assert tier["customers"] == counts.get(tier["tier"], 0)
        assert tier["capacity"] is None or tier["customers"] <= tier["capacity"]
        assert tier["expected_value"] == pytest.approx(mine["expected_value"].sum())
    for limit in facts["limits"]:
        assert limit["used"] <= limit["limit"] + 1e-9
    assert facts["expected_value"] == pytest.approx(
        sum(tier["expected_value"] for tier in facts["tiers"])
    )
    assert facts["expected_value"] >= facts["baseline_rank_by_churn_risk"]["expected_value"]
    assert facts["effect_level"] == "assumed"


def test_the_worklist_is_ranked_by_what_touches_are_worth(finished):
    decisions = finished.document["decisions"]
    (path,) = [line["where"] for line in decisions["next"] if line["what"] == "as a table"]
    with open(path, encoding="utf-8", newline="") as file:  # noqa: PTH123  newline matters
        rows = list(csv.DictReader(file))
    touched = [row for row in rows if row["tier"] != "no_touch"]
    assert rows[: len(touched)] == touched
    values = [float(row["expected_value"]) for row in touched]
    assert values == sorted(values, reverse=True)
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    top = decisions["worklist"]
    assert [line["customer_id"] for line in top] == [row["customer_id"] for row in rows[:10]]
    assert all(line["reasons"] and line["effect_level"] == "assumed" for line in top)


def test_ids_are_kept_exactly_from_file_to_worklist(finished, store, kit):
    table = (finished.folder / "state/worklist/worklist.csv").read_text(encoding="utf-8")
    ids = {row["customer_id"] for row in csv.DictReader(io.StringIO(table))}
    held = {str(name) for log in store.logs() for name in log.customer_ids}
    assert set(kit.awkward) <= held
    assert set(kit.awkward) <= ids
    assert "x" * 257 not in ids
    assert not any("\0" in name for name in ids)


def test_the_pages_need_nothing_from_elsewhere(finished):
    for name in ("index.html", "report.html"):
        page = (finished.folder / "state/worklist" / name).read_text(encoding="utf-8")
        assert "<script src" not in page
        assert 'href="http' not in page
        assert finished.document["decisions"]["worklist"][0]["customer_id"] in page or (
            name == "report.html"
        )
