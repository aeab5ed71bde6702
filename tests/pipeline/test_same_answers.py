"""The same data give the same answers: twice, in another order, in batch and on request."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from nexttouch import pipeline
from nexttouch.engine import EventStore
from nexttouch.models import Scorer, churn_candidates, stage_candidates
from nexttouch.pipeline import Predictor, Project
from nexttouch.store import ScoreStore
from nexttouch.tracking.quiet import import_mlflow

NOT_THE_RUNS = {"decision_id"}


def state_of(folder):
    project = Project.open(folder)
    database = ScoreStore.open(project.database_url)
    try:
        return database.latest_scores(), database.latest_decisions()
    finally:
        database.close()


@pytest.fixture(scope="module")
def permuted(finished, kit, tmp_path_factory):
    """Run the same rows in another order, in this process, with the first project's secret."""
    shuffled = finished.orders.sample(frac=1, random_state=3)
    folder = kit.write_project(tmp_path_factory.mktemp("permuted") / "shop", shuffled)
    (folder / "state").mkdir()
    shutil.copy(finished.folder / "state/policy.key", folder / "state")
    calls = []
    report = pipeline.run(folder, progress=lambda *call: calls.append(call))
    return folder, report, calls


@pytest.fixture(scope="module")
def predictor(finished):
    return Predictor.load(finished.folder / "bundle")


@pytest.fixture(scope="module")
def store(finished):
    return EventStore.open(finished.folder / "state/events")


def contents(finished, kit):
    """Every file of the event store but the lock, which names its last holder."""
    files = kit.files_below(finished.folder / "state/events")
    return {name: content for name, content in files.items() if name != ".lock"}


def test_a_second_ingest_changes_nothing_and_says_so(finished, kit):
    before = contents(finished, kit)
    report = pipeline.ingest(finished.folder)
    assert report.changed is False
    assert contents(finished, kit) == before
    assert report.digest == EventStore.open(finished.folder / "state/events").digest


def test_row_order_moves_no_feature(permuted, finished):
    ours = pipeline.build_training_set(finished.folder).training_set
    theirs = pipeline.build_training_set(permuted[0]).training_set
    pd.testing.assert_frame_equal(ours.X, theirs.X, check_exact=True)
    assert (ours.customer_id == theirs.customer_id).all()
    assert np.array_equal(ours.churned, theirs.churned, equal_nan=True)
    assert np.array_equal(ours.next_stage, theirs.next_stage)


def test_row_order_moves_no_score_and_no_decision(permuted, finished):
    scores, decisions = state_of(finished.folder)
    others, other_decisions = state_of(permuted[0])
    pd.testing.assert_frame_equal(scores, others, check_exact=True)
    drop = list(NOT_THE_RUNS)
    pd.testing.assert_frame_equal(
        decisions.drop(columns=drop), other_decisions.drop(columns=drop), check_exact=True
    )


def test_row_order_moves_no_byte_of_the_worklist(permuted, finished):
    tables = [
        pd.read_csv(folder / "state/worklist/worklist.csv", dtype=str, keep_default_na=False)
        for folder in (finished.folder, permuted[0])
    ]
    ours, theirs = (table.drop(columns=list(NOT_THE_RUNS)) for table in tables)
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)


def test_training_twice_writes_the_same_model_files(permuted, finished, kit):
    ours, theirs = (kit.files_below(folder / "bundle") for folder in (finished.folder, permuted[0]))
    same = {name for name in ours if name.startswith(("scorer/", "features/"))}
    assert same
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}


def test_lightgbm_writes_the_same_text_twice(finished):
    built = pipeline.build_training_set(finished.folder)
    rows = built.training_set.at(built.plan.final_training_us)

    def files():
        scorer = Scorer.fit(
            rows,
            churn=churn_candidates(14)["blend"],
            stage=stage_candidates(rows.legal)["lightgbm"],
            reason_groups=built.path.features.reason_groups,
        )
        return scorer.to_files()

    first, second = files(), files()
    assert any(content.startswith(b"tree") for content in first.values())
    assert first == second


def test_progress_tells_each_step_to_its_end(permuted):
    calls = permuted[2]
    ends = {what: (done, total) for what, done, total in calls}
    assert {"features and labels", "leakage certificate", "scoring", "choosing tiers"} <= set(ends)
    assert [what for what, (done, total) in ends.items() if done != total] == []


def test_the_report_in_python_is_the_document(permuted, finished):
    ours, theirs = finished.document, permuted[1].to_dict()
    for mine, other in zip(
        ours["training"]["backtest"], theirs["training"]["backtest"], strict=True
    ):
        assert (mine["table"], mine["why"]) == (other["table"], other["why"])
    assert ours["training"]["journey"] == theirs["training"]["journey"]
    assert ours["decisions"]["tiers"] == theirs["decisions"]["tiers"]
    assert ours["decisions"]["worklist"] == theirs["decisions"]["worklist"]


def test_one_customer_from_the_store_gets_the_batch_answer(predictor, store, finished):
    scores, _ = state_of(finished.folder)
    scores = scores.set_index("customer_id")
    columns = predictor.predict_log(next(store.logs()), store.observed_until_us).frame().columns
    shared = columns.intersection(scores.columns).tolist()
    assert {"p_churn", "stage", "next_stage", "margin_if_kept"} <= set(shared)
    for customer in scores.index:
        frame = predictor.predict_log(store.customer(customer), store.observed_until_us).frame()
        assert frame[shared].iloc[0].to_dict() == scores.loc[customer, shared].to_dict(), customer


def as_posted(table: pd.DataFrame) -> pd.DataFrame:
    """Raw rows of the file in canonical columns, as an application would send them."""
    named = table.rename(columns={"customer": "customer_id", "total": "value", "at": "timestamp"})
    return named.assign(
        timestamp=pd.to_datetime(named["timestamp"], utc=True), value=named["value"].astype(float)
    )


@pytest.fixture(scope="module")
def posted(finished, kit):
    good = len(finished.orders) - 6  # the last six rows are the bad ones
    return as_posted(finished.orders.iloc[:good])


def test_posted_events_get_the_batch_answer(predictor, store, finished, posted):
    scores, _ = state_of(finished.folder)
    as_of = pd.Timestamp(store.observed_until_us, unit="us", tz="UTC")
    answers = predictor.predict_events(posted.sample(frac=1, random_state=1), as_of)
    shared = [c for c in answers.columns if c in scores]
    batch = scores.set_index("customer_id").loc[answers["customer_id"]].reset_index()
    # the row with NaN as its value belongs to this customer in the file only
    pick = (answers["customer_id"] != "cust-9f3a-0001").to_numpy()
    assert pick.sum() == len(scores) - 1
    pd.testing.assert_frame_equal(
        answers.loc[pick, shared].reset_index(drop=True),
        batch.loc[pick, shared].reset_index(drop=True),
        check_exact=True,
    )


def test_mlflow_serves_the_batch_answer(finished, store, posted):
    mlflow = import_mlflow()
    mlflow.set_tracking_uri(Project.open(finished.folder).tracking_uri)
    try:
        model = mlflow.pyfunc.load_model("models:/corner_shop@champion")
    finally:
        mlflow.set_tracking_uri(None)
    as_of = pd.Timestamp(store.observed_until_us, unit="us", tz="UTC")
    answers = model.predict(posted, params={"as_of": as_of.isoformat()}).set_index("customer_id")
    scores, _ = state_of(finished.folder)
    scores = scores.set_index("customer_id").drop(index="cust-9f3a-0001")
    assert (answers.loc[scores.index, "p_churn"] == scores["p_churn"]).all()
    assert (answers.loc[scores.index, "stage"] == scores["stage"]).all()
