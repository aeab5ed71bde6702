"""An ingest happens as a whole or not at all; one at a time; and not twice."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from nexttouch.engine import EventStore, ingest
from nexttouch.errors import DataCheckError, StoreBusyError, StoreSpaceError

HEAD = "customer_id,timestamp,event\n"
CHILD = """
import sys, pandas as pd
from pathlib import Path
from nexttouch.engine import ingest
from nexttouch.events import CustomersSpec
folder = Path(sys.argv[1])
spec = CustomersSpec(sources=[{"path": "events.csv"}], timestamps={"zone": "UTC"})
print("ready", flush=True)
ingest(spec, project=folder, store=folder / "store", now=pd.Timestamp("2025-06-01", tz="UTC"))
"""


def lines(n: int, name: str = "c") -> str:
    return HEAD + "".join(f"{name}{k % 97},2025-01-{k % 28 + 1:02},e\n" for k in range(n))


@contextlib.contextmanager
def child(project):
    """Run an ingest in a process of its own, killed at the end of the block."""
    command = [sys.executable, "-c", CHILD, str(project.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            process.stdout.readline()
            yield process
        finally:
            process.kill()


def test_the_same_sources_change_nothing(project):
    project.write("events.csv", lines(500))
    first = project.ingest()
    before = project.files()
    stamps = [(project.store / name).stat().st_mtime_ns for name in before if name != ".lock"]
    again = project.ingest()
    assert (first.changed, again.changed) == (True, False)
    assert (first.how, again.how) == ("rebuilt", "nothing new")
    told = {"changed": 0, "how": 0, "why": 0, "seconds": 0}
    assert first.to_dict() | told == again.to_dict() | told
    assert project.files() == before
    assert [
        (project.store / name).stat().st_mtime_ns for name in before if name != ".lock"
    ] == stamps
    json.dumps(again.to_dict())


def test_another_source_or_spec_changes_the_store(project):
    project.write("events.csv", lines(50))
    first = project.ingest()
    assert project.ingest(time_zone="Asia/Tokyo").changed
    assert project.ingest().digest == first.digest
    project.write("events.csv", lines(51))
    assert project.ingest().summary.events == 51
    project.write("more.csv", lines(9))
    assert project.ingest(sources=[{"path": "*.csv"}]).summary.events == 60


def test_known_names_keep_their_codes(project):
    project.write("events.csv", HEAD + "a,2025-01-01,m\n")
    project.ingest()
    project.write("events.csv", HEAD + "a,2025-01-01,m\na,2025-01-01,b\n")
    project.ingest()
    assert project.open().vocabulary.events == ("m", "b")


def test_rows_from_the_future_are_taken_in_when_their_time_has_come(project):
    project.write("events.csv", lines(9) + "late,2025-06-05,e\n")
    assert project.ingest().quarantined == {"time_in_future": 1}
    assert not project.ingest(now=pd.Timestamp("2025-06-03 23:59", tz="UTC")).changed
    later = project.ingest(now=pd.Timestamp("2025-06-04", tz="UTC"))
    assert (later.changed, later.quarantined, later.summary.events) == (True, {}, 10)


def test_a_reader_keeps_its_store_during_a_change(project):
    project.write("events.csv", lines(200))
    project.ingest()
    reader = project.open()
    project.write("events.csv", lines(300))
    project.ingest()
    assert sum(len(log) for log in reader.logs()) == 200
    assert sum(len(log) for log in project.open().logs()) == 300
    project.ingest()
    kept = {file.path for file in project.open().manifest.files()}
    assert set(project.files()) == kept | {"manifest.json", ".lock"}


def test_a_refused_ingest_leaves_the_store_as_it_was(project):
    project.write("events.csv", lines(200))
    digest, before = project.ingest().digest, project.files()
    project.write("events.csv", HEAD + "a,never,e\n" * 5)
    with pytest.raises(DataCheckError, match="5 of 5 rows"):
        project.ingest()
    assert (project.open().digest, project.files()) == (digest, before)


def test_a_second_writer_is_refused_with_the_first_ones_pid(project):
    project.write("events.csv", lines(400_000))
    with child(project) as holder:
        deadline = time.monotonic() + 20
        while not (project.store / ".lock").is_file() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.05)
        with pytest.raises(StoreBusyError, match=rf"\[NT210\] Process {holder.pid} is writing"):
            project.ingest()
    assert project.ingest().changed  # the dead process holds nothing


def kill_at_random_moments(project, moments):
    """Kill ingests; after each the store is the old one or the new one, whole."""
    project.write("events.csv", lines(1000, "old"))
    project.ingest()
    sizes = {1000, 60_000}
    for moment in moments:
        project.write("events.csv", lines(60_000, f"new{moment}"))
        with child(project):
            time.sleep(moment)
        store = project.open()
        store.verify()
        assert sum(len(log) for log in store.logs()) == store.n_events
        assert store.n_events in sizes
    project.write("events.csv", lines(60_000, "last"))
    project.ingest()
    project.ingest()
    kept = {file.path for file in project.open().manifest.files()}
    assert set(project.files()) == kept | {"manifest.json", ".lock"}
    assert EventStore.open(project.store).n_events == 60_000


def test_a_killed_ingest_leaves_a_whole_store(project):
    kill_at_random_moments(project, [0.01, 0.15, 0.3, 0.45, 0.6])


@pytest.mark.nightly
def test_many_killed_ingests_leave_a_whole_store(project):
    kill_at_random_moments(project, [step * 0.02 for step in range(50)])


def test_the_first_ingest_killed_leaves_no_half_store(project):
    project.write("events.csv", lines(200_000))
    with child(project):
        time.sleep(0.1)
    if not (project.store / "manifest.json").exists():
        with pytest.raises(DataCheckError, match="Run 'nexttouch ingest'"):
            project.open()
    project.write("events.csv", lines(200_001))
    assert project.ingest().summary.events == 200_001
    assert [name for name in project.files() if name.startswith(".ingest")] == []


@pytest.mark.parametrize("limit", [20_000, 100_000])
def test_a_full_disk_leaves_the_store_as_it_was(project, limit):
    project.write("events.csv", lines(1000))
    digest = project.ingest().digest
    project.write(
        "events.csv", "".join(f"c{k},2025-01-01,e\n" for k in range(100_000)).join([HEAD, ""])
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(
            StoreSpaceError, match=r"\[NT212\] Writing to .* failed.*Nothing was changed"
        ):
            project.ingest()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert project.open().digest == digest
    assert project.open().verify() > 0
    assert project.ingest().summary.events == 100_000


def test_progress_is_told(project):
    project.write("events.csv", lines(10))
    told = []
    ingest(
        project.spec(),
        project=project.folder,
        store=project.store,
        now=pd.Timestamp("2025-06-01", tz="UTC"),
        progress=lambda what, done, total: told.append((what, done, total)),
    )
    assert told[0] == ("reading", 0, 1)
    assert told[-1] == ("sorting and writing", 4, 4)
