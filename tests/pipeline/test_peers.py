"""What peers fail at: frozen features, the instant of the cutoff, no rows, Yes and No."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nexttouch import pipeline
from nexttouch.engine import EventStore
from nexttouch.errors import DataCheckError, NextTouchError, NoTrainingRowsError
from nexttouch.models import ChurnClassifier
from nexttouch.pipeline import Project
from nexttouch.pipeline.definition import Definition
from nexttouch.training.snapshot_table import SnapshotTable

NOW = pd.Timestamp("2025-07-01", tz="UTC")


@pytest.fixture(scope="module")
def built(finished):
    return pipeline.build_training_set(finished.folder)


def test_features_of_one_customer_change_between_snapshots(built):
    rows = built.training_set
    counts = rows.X.groupby(rows.customer_id)
    several = counts.size() > 2
    assert several.sum() > 50
    assert (counts.nunique(dropna=False)[several] > 1).mean(axis=1).mean() > 0.5
    varying = counts.nunique().gt(1).any()
    assert varying.mean() > 0.9, list(varying.index[~varying])


def test_features_of_a_snapshot_are_those_of_the_log_as_it_was_then(finished, kit, built, tmp_path):
    """Cut the file at a cutoff and ingest it anew: the same rows, bit for bit."""
    cutoff = int(built.plan.folds[0].test_us)
    moment = pd.Timestamp(cutoff, unit="us", tz="UTC")
    good = finished.orders.iloc[:-6]
    past = good[pd.to_datetime(good["at"], utc=True) < moment]
    folder = kit.write_project(tmp_path / "shop", past)
    pipeline.ingest(folder, now=NOW)
    then = snapshots(folder, cutoff)
    rows = built.training_set.at([cutoff])
    keep = rows.customer_id != "cust-9f3a-0001"  # has a row of its own among the bad ones
    now = rows.take(keep)
    index = {c: i for i, c in enumerate(then.customer_id)}
    at = [index[c] for c in now.customer_id]
    assert np.array_equal(then.X[at].view(np.uint32), now.X.to_numpy().view(np.uint32))


def snapshots(folder, cutoff_us):
    """Compute the snapshot table through the store, as training and scoring do."""
    project = Project.open(folder)
    store = EventStore.open(project.store_folder)
    path = Definition.of(project.config).path(store.vocabulary)
    parts = [path.table(log, np.array([cutoff_us])) for log in store.logs()]
    return SnapshotTable.concatenate(parts)


@pytest.mark.parametrize("stamped", ["seconds", "days"])
def test_an_event_at_exactly_the_cutoff_moves_no_feature(kit, tmp_path, stamped):
    orders = kit.orders(30)
    if stamped == "days":  # a day is stamped with its midnight, and cutoffs are midnights
        orders = orders.assign(at=orders["at"].str[:10] + "T00:00:00+01:00")
    cutoff = pd.Timestamp("2025-03-11", tz="Europe/Berlin")
    text = cutoff.isoformat()
    at_cutoff = pd.DataFrame(
        {
            "customer": orders["customer"].unique(),
            "event": "purchase",
            "channel": "web",
            "total": 777.0,
            "at": text,
        }
    )
    just_before = at_cutoff.assign(at=(cutoff - pd.Timedelta(seconds=1)).isoformat())
    tables = []
    for number, extra in enumerate([None, at_cutoff, just_before]):
        frame = orders if extra is None else pd.concat([orders, extra], ignore_index=True)
        folder = kit.write_project(tmp_path / str(number), frame)
        pipeline.ingest(folder, now=NOW)
        tables.append(snapshots(folder, cutoff.value // 1000))
    plain, with_cutoff, with_before = tables
    assert plain.customer_id.tolist() == with_cutoff.customer_id.tolist()
    assert np.array_equal(plain.X.view(np.uint32), with_cutoff.X.view(np.uint32))
    assert np.array_equal(plain.stage, with_cutoff.stage)
    assert not np.array_equal(plain.X, with_before.X[: len(plain)], equal_nan=True)


def test_no_training_rows_is_an_error_and_nothing_is_trained(kit, tmp_path):
    yaml = kit.yaml.replace("[purchase]", "[sale]")
    folder = kit.write_project(tmp_path / "shop", kit.orders(20), yaml)
    pipeline.ingest(folder, now=NOW)
    with pytest.raises(NoTrainingRowsError, match=r"\(sale\)"):
        pipeline.train(folder)
    assert not (folder / "bundle").exists()
    assert not (folder / "state/mlflow.db").exists()


def test_scoring_before_training_names_the_command(kit, tmp_path):
    folder = kit.write_project(tmp_path / "shop", kit.orders(20))
    pipeline.ingest(folder, now=NOW)
    with pytest.raises(NextTouchError, match="nexttouch train"):
        pipeline.score(folder)
    with pytest.raises(DataCheckError, match="nexttouch score"):
        pipeline.decide(folder)


def test_yes_and_no_are_labels_like_any_other(built):
    rows = built.training_set.at(built.plan.final_training_us)
    words = np.where(rows.churned > 0, "Yes", "No")
    told = ChurnClassifier(num_threads=1).fit(rows.X, words)
    plain = ChurnClassifier(num_threads=1).fit(rows.X, rows.churned)
    assert list(told.classes_) == ["No", "Yes"]
    assert set(told.predict(rows.X)) <= {"Yes", "No"}
    assert np.array_equal(told.predict_proba(rows.X), plain.predict_proba(rows.X))
