"""``mlflow.pyfunc.load_model("models:/shop@champion")`` answers like the predictor itself."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest

from nexttouch.models import Scorer, churn_candidates, stage_candidates
from nexttouch.pipeline.ingestion import ingest
from nexttouch.pipeline.predictor import Predictor
from nexttouch.pipeline.training_data import build_training_set

YAML = """
version: 1
name: toys
customers:
  sources: [{table: orders}]
  mapping: {customer_id: customer_id, timestamp: timestamp, event: event, value: value}
  time_zone: Europe/Berlin
  currency: EUR
goals: {churn: {activity: [purchase]}, horizon_days: 28, margin_rate: 0.3}
journey: {preset: lifecycle, events: {activity: [purchase]}}
data: {snapshots: {eligible: {active_within_days: ever}}}
"""


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    """Return a real predictor of a small simulated log, and the log."""
    folder = tmp_path_factory.mktemp("toys")
    (folder / "nexttouch.yaml").write_text(YAML)
    rng = np.random.default_rng(5)
    days = np.sort(rng.uniform(0, 364, 900))
    orders = pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in rng.integers(0, 40, 900)],
            "timestamp": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(days, unit="D"),
            "event": "purchase",
            "value": rng.integers(1, 90, 900),
        }
    )
    orders = orders.assign(timestamp=orders["timestamp"].dt.floor("s"))
    ingest(folder, tables={"orders": orders}, now=pd.Timestamp("2025-02-01", tz="UTC"))
    built = build_training_set(folder)
    rows = built.training_set
    scorer = Scorer.fit(
        rows,
        churn=churn_candidates(28)["base_rate"],
        stage=stage_candidates(rows.legal)["markov"],
        reason_groups=built.path.features.reason_groups,
    )
    info = {
        "entry_points": {
            "predictor": "nexttouch.pipeline.predictor:Predictor",
            "probe": "nexttouch.pipeline.predictor:probe_bundle",
        },
        "stages": list(scorer.stages),
        "events": ["purchase"],
    }
    made = Predictor(built.definition, built.path.features, built.vocabulary, scorer, info)
    made.write(folder / "bundle", rows.X.to_numpy(np.float32)[:8])
    return folder / "bundle", orders


def test_the_champion_is_an_mlflow_model_for_frames_of_events(tracker, predictor, tmp_path):
    """In a process of its own, as a data scientist would: nothing but MLflow's own call."""
    folder, orders = predictor
    with tracker.start_run() as run:
        tracker.set_champion(run.log_bundle(folder))
    orders.to_parquet(tmp_path / "orders.parquet")
    script = textwrap.dedent(
        """
        import sys
        import mlflow
        import pandas as pd

        mlflow.set_tracking_uri(sys.argv[1])
        model = mlflow.pyfunc.load_model("models:/toys@champion")
        orders = pd.read_parquet(sys.argv[2] + "/orders.parquet")
        as_of = {"as_of": "2024-10-01T00:00:00Z"}
        model.predict(orders, params=as_of).to_parquet(sys.argv[2] + "/dated.parquet")
        model.predict(orders).to_parquet(sys.argv[2] + "/latest.parquet")
        model.predict(orders.astype({"timestamp": str}), params={"as_of": "2024-10-01"})
        example = model.input_example
        print(len(model.predict(example, params=as_of)), example["customer_id"].tolist())
        """
    )
    command = [sys.executable, "-c", script, tracker.uri, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "2 ['example-1', 'example-1', 'example-2']"
    known = Predictor.load(folder)
    for name, as_of in (
        ("dated", pd.Timestamp("2024-10-01", tz="UTC")),
        ("latest", orders["timestamp"].max() + pd.Timedelta(microseconds=1)),
    ):
        expected = known.predict_events(orders, as_of)
        answer = pd.read_parquet(tmp_path / f"{name}.parquet")
        pd.testing.assert_frame_equal(answer, expected, check_exact=True, check_dtype=False)
        stages = answer[[c for c in answer if c.startswith("p_stage_")]]
        assert stages.to_numpy().sum(axis=1) == pytest.approx(1)


def test_no_customer_of_the_log_stands_in_mlflow(tracker, predictor):
    folder, orders = predictor
    with tracker.start_run() as run:
        run.log_bundle(folder)
    ids = [f'"{name}"'.encode() for name in orders["customer_id"].unique()]
    for path in tracker.state.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [name for name in ids if name in content], path
