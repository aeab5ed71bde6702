"""Runs are recorded, versions registered, and the champion comes back verified or not at all."""

import json
import logging
import os
import re
import stat
import time
from pathlib import Path

import pandas as pd
import pytest

from nexttouch.bundle import open_bundle, write_bundle
from nexttouch.errors import BundleError, TrackingError
from nexttouch.tracking import Tracker


def test_a_run_keeps_params_metrics_files_and_lineage(tracker):
    with tracker.start_run(
        "weekly", tags={"kind": "train"}, params={"a": {"b": 1, "c": {}}, "d": None}
    ) as run:
        run.log_metrics({"auc": 0.9, "none": None, "nan": float("nan"), "inf": float("inf")})
        run.log_test_dates({"2025-02-01": {"loss": 0.2}, "2025-01-01": {"loss": 0.3, "auc2": None}})
        run.log_files({"certificate.json": "{}", "card.md": "# Card"})
        run.log_files({"calibration.svg": b"<svg/>"}, folder="plots")
        run.log_dataset("events", digest="ab" * 32, facts={"events": 3})
    kept = tracker.client.get_run(run.run_id)
    assert kept.info.status == "FINISHED"
    assert kept.data.params == {"a.b": "1", "a.c": "{}", "d": "None"}
    assert kept.data.metrics == {
        "auc": 0.9,
        "loss": 0.2,
        "loss/2025-01-01": 0.3,
        "loss/2025-02-01": 0.2,
    }
    history = tracker.client.get_metric_history(run.run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(0, 0.3), (1, 0.2)]
    names = {a.path for a in tracker.client.list_artifacts(run.run_id)}
    assert names == {"certificate.json", "card.md", "plots"}
    (lineage,) = kept.inputs.dataset_inputs
    assert json.loads(lineage.dataset.source) == {"manifest_digest": "ab" * 32}
    assert kept.data.tags["data_digest"] == "ab" * 32


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("x"), "FAILED"), (KeyboardInterrupt(), "KILLED")]
)
def test_a_run_that_does_not_finish_says_so(tracker, error, status):
    with pytest.raises(type(error)), tracker.start_run():
        raise error
    assert tracker.runs_table()["status"].tolist() == [status]


def test_first_versions_have_no_champion(tracker):
    with pytest.raises(TrackingError, match=r"'toys' has no champion model.*nexttouch train"):
        tracker.champion()
    assert tracker.runs_table().empty


def test_champion_and_previous_follow_promotions(tracker, folder, tmp_path, parts):
    files, probe, info = parts
    other = write_bundle(tmp_path / "other", {**files, "b.md": b"b"}, probe=probe, info=info)
    with tracker.start_run("first") as run:
        first = run.log_bundle(folder)
        second = run.log_bundle(other)
    tracker.set_champion(first)
    champion = tracker.champion()
    assert (champion.version, champion.run_id) == (first, run.run_id)
    assert open_bundle(champion.folder).digest == champion.digest == open_bundle(folder).digest
    assert stat.S_IMODE(champion.folder.parent.stat().st_mode) == 0o700
    tracker.set_champion(second)
    assert tracker.champion().digest == open_bundle(other).digest
    assert tracker.champion(alias="previous").version == first
    tracker.set_champion(second)
    assert tracker.champion(alias="previous").version == first
    table = tracker.runs_table()
    assert table.loc[0, ["name", "version", "alias"]].tolist() == ["first", "2", "champion"]
    with pytest.raises(TrackingError, match=r"toys.*9"):
        tracker.set_champion("9")
    assert tracker.champion().version == second


def test_a_changed_artifact_is_refused_and_a_changed_copy_is_fetched_again(tracker, folder):
    with tracker.start_run() as run:
        tracker.set_champion(run.log_bundle(folder))
    champion = tracker.champion()
    (champion.folder / "stages.json").write_bytes(b"[]")
    assert open_bundle(tracker.champion().folder).digest == champion.digest
    (held,) = Path(tracker.state, "artifacts").rglob("bundle/stages.json")
    held.write_bytes(b"[]")
    assert tracker.champion().digest == champion.digest  # the verified copy still serves
    (champion.folder / "stages.json").unlink()
    with pytest.raises(BundleError, match=r"stages.json"):
        tracker.champion()


def test_another_whole_bundle_in_its_place_is_refused(tracker, folder, parts):
    files, probe, info = parts
    with tracker.start_run() as run:
        tracker.set_champion(run.log_bundle(folder))
    (held,) = Path(tracker.state, "artifacts").rglob("bundle/manifest.json")
    write_bundle(held.parent, {**files, "evil.md": b"x"}, probe=probe, info=info)
    with pytest.raises(BundleError, match=r"registered with bundle \w{12} but MLflow holds \w{12}"):
        tracker.champion()


def test_a_damaged_bundle_is_not_logged(tracker, folder):
    (folder / "stages.json").write_bytes(b"[]")
    with pytest.raises(BundleError, match=r"stages.json"), tracker.start_run() as run:
        run.log_bundle(folder)
    assert not tracker.client.search_registered_models()


def test_a_bundle_without_entry_points_says_what_is_missing(tracker, tmp_path, parts):
    files, probe, _ = parts
    bare = write_bundle(tmp_path / "bare", files, probe=probe, info={"stages": ["a"]})
    with (
        pytest.raises(TrackingError, match=r"misses entry_points, events"),
        tracker.start_run() as run,
    ):
        run.log_bundle(bare)


def test_nothing_in_mlflow_names_this_machine_or_its_user(tracker, folder):
    """The artifacts and every text in the database, save the artifact locations MLflow needs."""
    with tracker.start_run(params={"horizon_days": 28}) as run:
        run.log_files({"a.md": "x"})
        tracker.set_champion(run.log_bundle(folder))
    words = [
        str(Path.home()),
        str(Path(__file__).parents[2]),
        os.environ.get("USER", ""),
        str(folder),
    ]
    pattern = "|".join(re.escape(w) for w in words if len(w) > 5)
    for path in Path(tracker.state, "artifacts").rglob("*"):
        if path.is_file():
            assert not re.search(pattern, path.read_text("utf-8"), re.IGNORECASE), path
    kept = tracker.client.get_run(run.run_id)
    assert kept.info.user_id == "unknown"
    assert set(kept.data.tags) <= {"mlflow.runName", "model_version"}


def test_the_terminal_stays_silent_and_first_use_is_announced(tmp_path, capfd, folder):
    said = []
    tracker = Tracker.open(
        project="toys", state=tmp_path / "s", progress=lambda *a: said.append(a[0])
    )
    with tracker.start_run() as run:
        tracker.set_champion(run.log_bundle(folder))
    tracker.champion()
    assert capfd.readouterr() == ("", "")
    assert said == ["Creating the MLflow database (first use only)"] * 2  # begun, then done
    assert logging.getLogger("mlflow").level != logging.CRITICAL
    Tracker.open(project="toys", state=tmp_path / "s", progress=lambda *a: said.append(a[0]))
    assert len(said) == 2
    assert not Path("mlruns").exists()
    assert not Path("mlflow.db").exists()


def test_an_unreachable_server_says_what_to_do_and_hides_the_password(tmp_path):
    began = time.monotonic()
    with pytest.raises(
        TrackingError, match=r"MLflow at http://127.0.0.1:9 cannot be used.*Check"
    ) as caught:
        Tracker.open("http://me:secret@127.0.0.1:9", project="toys", state=tmp_path)
    assert "secret" not in str(caught.value)
    assert time.monotonic() - began < 20


def test_a_database_that_is_none_says_what_to_do(tmp_path):
    (tmp_path / "mlflow.db").write_text("no database" * 1000)
    with pytest.raises(TrackingError, match=r"mlflow.db cannot be used.*Check data.tracking_uri"):
        Tracker.open(project="toys", state=tmp_path)


def test_runs_table_has_utc_times_and_no_dated_metrics(tracker):
    with tracker.start_run("r") as run:
        run.log_test_dates({"2025-01-01": {"loss": 0.3}})
    table = tracker.runs_table()
    assert isinstance(table.loc[0, "started_at"], pd.Timestamp)
    assert table.loc[0, "loss"] == 0.3
    assert "loss/2025-01-01" not in table
