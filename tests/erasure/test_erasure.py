"""An erased customer is in no byte of the state folder, and does not come back."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from nexttouch.cli.app import main
from nexttouch.config import Config
from nexttouch.engine import EventStore, traces_of
from nexttouch.errors import DamagedStoreError, StoreError, UnknownCustomerError
from nexttouch.pipeline import Project, erase, ingest
from nexttouch.store import ScoreRun, ScoreStore

NOW = pd.Timestamp("2025-06-01", tz="UTC")
ID = "customer-00017"
HEAD = "customer_id,timestamp,event,event_id\n"
YAML = """
version: 1
name: small
customers:
  sources: [{path: "events/*.csv"}]
  mapping: {event_id: event_id}
  timestamps: {zone: UTC}
goals: {churn: {activity: [buy]}, margin_rate: 0.5}
journey: {preset: lifecycle}
"""


def lines(day: int) -> str:
    found = [f"customer-{k:05},2025-01-{day:02},buy,{k}-{day}\n" for k in range(60)]
    found.append(f"{ID},2025-01-{day:02},buy,17-{day}\n")  # redelivered
    found.append(f"{ID},2025-01-{day:02},,x\n")  # no event name
    found.append(f"{ID},torn\n")
    found.append(f"customer-00018,2025-01-{day:02},,x\n")
    return HEAD + "".join(found)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "nexttouch.yaml").write_text(YAML)
    (tmp_path / "events").mkdir()
    for day in (1, 2, 3):
        (tmp_path / "events" / f"{day}.csv").write_text(lines(day))
        ingest(tmp_path, now=NOW)
    opened = Project.open(tmp_path)
    ids = [f"customer-{k:05}" for k in range(60)]
    scores = ScoreStore.open(opened.database_url)
    for number in range(3):
        run = ScoreRun(f"r{number}", NOW + pd.Timedelta(days=number), "1", "b", "d", NOW)
        frame = pd.DataFrame({"customer_id": ids, "stage": "loyal", "p_churn": 0.5})
        scores.write_scores(run, frame)
        scores.write_decisions(run.id, pd.DataFrame({"customer_id": ids, "tier": "no_touch"}))
    scores.close()
    opened.worklist_folder.mkdir()
    (opened.worklist_folder / "worklist.csv").write_text("customer_id,tier\n" + f"{ID},no_touch\n")
    (opened.worklist_folder / "other.csv").write_text("customer_id,tier\ncustomer-00018,no_touch\n")
    return opened


def state_of(project) -> dict[str, bytes]:
    files = (p for p in project.state.rglob("*") if p.is_file() and p.suffix != ".db-shm")
    return {str(p): p.read_bytes() for p in files if not p.name.endswith(("-wal", ".lock"))}


def test_a_dry_run_lists_everything_and_changes_nothing(project):
    before = state_of(project)
    report = erase(project, ID, dry_run=True)
    assert state_of(project) == before
    assert not report.erased
    rooms = {place["file"].split("/")[0] for place in report.events}
    assert rooms == {"events", "customers", "aside", "quarantine"}
    assert report.tables == ({"table": "decisions", "rows": 3}, {"table": "scores", "rows": 3})
    assert report.files == ({"file": "worklist/worklist.csv", "hits": 1},)


def test_nothing_is_left_and_others_are_as_they_were(project):
    before, others = EventStore.open(project.store_folder), [f"customer-{k:05}" for k in range(17)]
    rows, unusable = before.table(others), before.quarantine()
    assert len(traces_of(ID, project.state)) > 5
    report = erase(project, ID)
    assert report.erased
    assert traces_of(ID, project.state) == []
    assert all(
        ID.encode() not in path.read_bytes() for path in project.state.rglob("*") if path.is_file()
    )
    after = EventStore.open(project.store_folder)
    assert after.customer(ID) is None
    assert after.table(others) == rows
    assert after.verify() > 0
    assert (after.n_customers, after.n_events) == (59, 59 * 3)
    assert sorted(after.quarantine()["customer_id"]) == ["customer-00018"] * 3
    assert len(unusable) == 9
    assert sum(after.manifest.quarantined.values()) == 3
    touched = [
        a != b for a, b in zip(after.manifest.partitions, before.manifest.partitions, strict=True)
    ]
    assert sum(touched) == 1
    scores = ScoreStore.open(project.database_url)
    assert len(scores.latest_scores()) == 59
    assert scores.customer(ID) is None
    scores.close()
    assert [p.name for p in project.worklist_folder.iterdir()] == ["other.csv"]


def test_sources_do_not_bring_an_erased_customer_back(project):
    erase(project, ID)
    first = EventStore.open(project.store_folder)
    (project.folder / "events" / "4.csv").write_text(lines(4))
    assert ingest(project, now=NOW).how == "appended"
    assert traces_of(ID, project.state) == []
    (project.folder / "events" / "4.csv").unlink()
    assert ingest(project, now=NOW).how == "rebuilt"
    assert traces_of(ID, project.state) == []
    again = EventStore.open(project.store_folder)
    ids = [f"customer-{k:05}" for k in range(60)]
    assert again.table(ids) == first.table(ids)
    assert again.manifest.summary == first.manifest.summary
    assert again.quarantine().equals(first.quarantine())
    assert again.manifest.quarantined == first.manifest.quarantined


def test_a_damaged_manifest_does_not_bring_them_back_either(project):
    erase(project, ID)
    (project.store_folder / "manifest.json").write_text("{")
    assert ingest(project, now=NOW).how == "rebuilt"
    assert traces_of(ID, project.state) == []
    (project.store_folder / "manifest.json").write_text("{")
    (project.store_folder / "erased.json").write_text("{}")
    with pytest.raises(DamagedStoreError, match=r"erased.json was changed"):
        ingest(project, now=NOW)


def test_the_last_customer_can_be_erased(tmp_path):
    (tmp_path / "nexttouch.yaml").write_text(YAML)
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "1.csv").write_text(HEAD + f"{ID},2025-01-01,buy,1\n")
    opened = Project.open(tmp_path)
    ingest(opened, now=NOW)
    erase(opened, ID)
    assert EventStore.open(opened.store_folder).n_events == 0
    assert traces_of(ID, opened.state) == []


def test_someone_unknown_is_named_and_someone_erased_is_not(project):
    with pytest.raises(UnknownCustomerError, match="no event of customer 'nobody'"):
        erase(project, "nobody")
    erase(project, ID)
    again = erase(project, ID)
    assert (again.events, again.tables, again.files) == ((), (), ())


def test_a_file_that_still_names_the_customer_fails_the_proof(project):
    (project.state / "notes.txt").write_text(f"call {ID} today")
    with pytest.raises(StoreError, match=r"still stands in notes.txt \(1\)"):
        erase(project, ID)


def test_the_command_prints_one_document(project, monkeypatch, capsys):
    for flags in (["--dry-run"], []):
        monkeypatch.setattr("sys.argv", ["nexttouch", "erase", ID, str(project.folder), *flags])
        with pytest.raises(SystemExit) as left:
            main()
        assert left.value.code == 0
        assert json.loads(capsys.readouterr().out)["erased"] is not bool(flags)
    assert isinstance(project.config, Config)
