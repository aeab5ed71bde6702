"""Batches taken in one after another give the store that all of them give at once."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import time

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nexttouch.engine import EventStore, files, ingest, partitions, rebuild
from nexttouch.errors import DamagedStoreError
from nexttouch.events import CustomersSpec

NOW = pd.Timestamp("2025-06-01", tz="UTC")
OPTIONAL = ("channel", "value", "event_id", "ingested_at", "actor_id", "actor_role", "properties")
MEASURES = {"ends": {"column": "ends", "kind": "date"}, "miles": {"column": "miles", "step": 0.5}}
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("customer_id", "event", "channel", "event_id")),
        *((name, pa.string()) for name in ("actor_id", "actor_role", "properties")),
        *((name, pa.timestamp("us", "UTC")) for name in ("timestamp", "ingested_at", "ends")),
        *((name, pa.float64()) for name in ("value", "miles")),
    ]
)
HEAD = "customer_id,timestamp,event\n"
texts = st.sampled_from(["a", "b", "é", "e\u0301", "Z", "😀"])
moments = st.sampled_from([1_743_285_600_000_000 + step * 5_400_000_000 for step in range(4)])
rows = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(["007", "7", "😀", "x"]),
        "timestamp": moments,
        "event": texts,
        "channel": st.none() | texts,
        "value": st.none() | st.sampled_from([-1.0, 0.125, 2.5]),
        "event_id": st.none() | st.sampled_from(["1", "2", "3"]),
        "ingested_at": st.none() | moments,
        "actor_id": st.none() | texts,
        "actor_role": st.none() | texts,
        "properties": st.none() | st.just('{"a":1}'),
        "ends": st.none() | moments,
        "miles": st.none() | st.sampled_from([0.5, 3.0]),
    }
)
tie = dict.fromkeys(SCHEMA.names) | {
    "customer_id": "7",
    "timestamp": 1_743_285_600_000_000,
}


def spec_of(**parts) -> CustomersSpec:
    mapping = {name: name for name in OPTIONAL} | {"measures": MEASURES}
    return CustomersSpec(
        sources=[{"path": "*.parquet"}], mapping=mapping, time_zone="Europe/Berlin", **parts
    )


def decoded(store: EventStore) -> dict[str, list]:
    """Return every customer's events by name, as read by partition; codes may differ."""
    names, found = store.vocabulary, {}
    for number in range(store.partitions):
        log = store.read(number)
        assert log.customer_ids.tolist() == sorted(log.customer_ids)
        assert log.offsets[-1] == len(log)
        for at, customer_id in enumerate(log.customer_ids):
            here = slice(log.offsets[at], log.offsets[at + 1])
            assert customer_id not in found
            found[customer_id] = events_of(log, here, names)
            alone = store.customer(customer_id)
            assert events_of(alone, slice(None), names) == found[customer_id]
    return found


def events_of(log, here, names):
    event = [names.events[code] for code in log.event[here]]
    channel = [names.channels[code] for code in log.channel[here]]
    numbers = (log.timestamp_us, log.arrived_us, log.local_day, log.local_hour, log.actor)
    assert [n.dtype.str for n in numbers] == ["<i8", "<i8", "<i4", "|i1", "<i4"]
    columns = [
        event,
        channel,
        *(n[here].tolist() for n in numbers),
        *log.measures[:, here].tolist(),
    ]
    return list(zip(*columns, strict=True))


def facts(store: EventStore) -> dict:
    """Return what the manifest tells of the content."""
    m = store.manifest
    return {
        **m.summary,
        "span": (m.observed_from_us, m.observed_until_us, m.watermark_us),
        "counts": (m.repeats, m.redelivered, m.corrections, m.rows_read, m.quarantined),
        "names": (sorted(m.vocabulary.events), sorted(m.vocabulary.channels)),
        "batches": sorted((b["name"], b["sha256"], b["rows"], b["quarantined"]) for b in m.batches),
    }


def assert_same(one: EventStore, other: EventStore) -> None:
    assert decoded(one) == decoded(other)
    assert facts(one) == facts(other)
    ids = sorted(decoded(one))
    assert one.table(ids) == other.table(ids)
    assert one.quarantine().equals(other.quarantine())
    one.verify()


def write(folder, number, records):
    table = pa.Table.from_pylist(records, schema=SCHEMA)
    table = table.append_column("batch", pa.array([number] * len(records), pa.int64()))
    pq.write_table(table, folder / f"{number}.parquet")


again = tie | {"event": "a", "timestamp": tie["timestamp"] + 5_400_000_000}
split = given(
    st.lists(st.lists(rows, min_size=1, max_size=12), min_size=2, max_size=5),
    st.booleans(),
    st.sampled_from([1, 2, 8]),
    st.sampled_from([3, 500_000]),
)
quickly = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


@settings(max_examples=10, **quickly)
@split
@example(
    [[tie | {"event": "b", "actor_id": "z"}], [tie | {"event": "a", "actor_id": "y"}]], False, 8, 9
)
@example([[tie | {"event": "a", "event_id": "1"}], [again | {"event_id": "1"}]], False, 8, 9)
@example([[tie | {"event": "a"}], [tie | {"event": "a"}], [tie | {"event": "a"}]], True, 1, 9)
def test_any_split_gives_the_same_store(tmp_path_factory, batches, drop, most, per_partition):
    assert_split_is_whole(tmp_path_factory.mktemp("split"), batches, drop, most, per_partition)


@pytest.mark.nightly
@settings(max_examples=300, **quickly)
@split
def test_any_of_many_splits_gives_the_same_store(
    tmp_path_factory, batches, drop, most, per_partition
):
    assert_split_is_whole(tmp_path_factory.mktemp("split"), batches, drop, most, per_partition)


def assert_split_is_whole(folder, batches, drop, most, per_partition):
    spec = spec_of(duplicates="drop" if drop else "keep")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitions, "MOST_SEGMENTS", most)
        patch.setattr(rebuild, "ROWS_PER_PARTITION", per_partition)
        for number, records in enumerate(batches):
            write(folder, number, records)
            told = ingest(spec, project=folder, store=folder / "s", now=NOW)
            assert told.how == ("appended" if number else "rebuilt")
        ingest(spec, project=folder, store=folder / "full", now=NOW)
        again = ingest(spec, project=folder, store=folder / "s", now=NOW)
    assert (again.changed, again.how) == (False, "nothing new")
    assert_same(EventStore.open(folder / "s"), EventStore.open(folder / "full"))


def days(seed: int, day: int, n: int = 300) -> list[dict]:
    """Return a day of events with ids, people, some redelivered and some late."""
    chance = random.Random(seed * 1000 + day)
    start = 1_740_000_000_000_000
    found = []
    for _k in range(n):
        on = day - (chance.random() < 0.1)
        at = start + on * 86_400_000_000 + chance.randrange(86_400) * 1_000_000
        found.append(
            {
                "customer_id": f"c{chance.randrange(80)}",
                "timestamp": at,
                "event": chance.choice(["view", "buy", f"new{day}"]),
                "channel": chance.choice([None, "web", "app"]),
                "value": chance.randrange(9999) / 100,
                "event_id": f"{day - (chance.random() < 0.05)}-{chance.randrange(n)}",
                "ingested_at": at + chance.randrange(3) * 3_600_000_000,
                "actor_id": chance.choice([None, "ann", "bob", f"p{day}"]),
            }
        )
        if chance.random() < 0.03:
            found.append(dict(found[-1]))
    return found


def test_many_days_are_compacted_and_read_the_same(tmp_path):
    most = []
    for day in range(12):
        write(tmp_path, day, days(1, day))
        ingest(spec_of(), project=tmp_path, store=tmp_path / "s", now=NOW)
        store = EventStore.open(tmp_path / "s")
        most.append(max(len(partition.segments) for partition in store.manifest.partitions))
    ingest(spec_of(), project=tmp_path, store=tmp_path / "full", now=NOW)
    assert_same(store, EventStore.open(tmp_path / "full"))
    assert max(most) <= 8
    assert most[8] > 1


def test_only_partitions_with_new_rows_get_new_files(tmp_path):
    write(tmp_path, 0, days(2, 0))
    ingest(spec_of(), project=tmp_path, store=tmp_path / "s", now=NOW)
    before = EventStore.open(tmp_path / "s")
    write(tmp_path, 1, [row | {"customer_id": "c1"} for row in days(2, 3, n=5)])
    ingest(spec_of(), project=tmp_path, store=tmp_path / "s", now=NOW)
    after = EventStore.open(tmp_path / "s").manifest.partitions
    touched = [one != other for one, other in zip(before.manifest.partitions, after, strict=True)]
    assert sum(touched) == 1
    grown = after[touched.index(True)].segments
    assert grown[:-1] == before.manifest.partitions[touched.index(True)].segments
    assert before.verify() == len(before.manifest.files())


def test_a_correction_that_arrived_earlier_rewrites_its_partition_alone(tmp_path):
    write(tmp_path, 0, days(3, 0))
    ingest(spec_of(), project=tmp_path, store=tmp_path / "s", now=NOW)
    before = EventStore.open(tmp_path / "s")
    earlier = dict(days(3, 0)[0])
    earlier |= {"ingested_at": earlier["timestamp"] - 1, "value": 1.0}
    write(tmp_path, 1, [earlier])
    told = ingest(spec_of(), project=tmp_path, store=tmp_path / "s", now=NOW)
    after = EventStore.open(tmp_path / "s").manifest.partitions
    changed = [p for p, q in zip(after, before.manifest.partitions, strict=True) if p != q]
    assert [len(partition.segments) for partition in changed] == [1]
    assert told.corrections > before.manifest.corrections
    ingest(spec_of(), project=tmp_path, store=tmp_path / "full", now=NOW)
    assert_same(EventStore.open(tmp_path / "s"), EventStore.open(tmp_path / "full"))


def test_partitions_double_when_they_have_outgrown_their_memory(tmp_path, monkeypatch):
    write(tmp_path, 0, days(4, 0))
    ingest(spec_of(), project=tmp_path, store=tmp_path / "s", now=NOW)
    assert EventStore.open(tmp_path / "s").partitions == 4
    monkeypatch.setattr(rebuild, "ROWS_PER_PARTITION", 50)
    write(tmp_path, 1, days(4, 1))
    ingest(spec_of(), project=tmp_path, store=tmp_path / "s", now=NOW)
    ingest(spec_of(), project=tmp_path, store=tmp_path / "full", now=NOW)
    assert EventStore.open(tmp_path / "s").partitions == 8
    assert_same(EventStore.open(tmp_path / "s"), EventStore.open(tmp_path / "full"))


def test_a_reader_goes_on_reading_what_it_opened(tmp_path):
    write(tmp_path, 0, days(5, 0))
    ingest(spec_of(), project=tmp_path, store=tmp_path / "s", now=NOW)
    reader = EventStore.open(tmp_path / "s")
    before = decoded(reader)
    for day in (1, 2, 3):
        write(tmp_path, day, days(5, day + 9))
        assert ingest(spec_of(), project=tmp_path, store=tmp_path / "s", now=NOW).how == "appended"
    assert decoded(reader) == decoded(EventStore(reader.path, reader.manifest)) == before


def test_a_copy_or_another_name_is_no_new_batch(project):
    project.write("a.csv", HEAD + "x,2025-01-01,e\n")
    first = project.ingest(sources=[{"path": "*.csv"}])
    project.write("b.csv", HEAD + "x,2025-01-01,e\n")
    assert not project.ingest(sources=[{"path": "*.csv"}]).changed
    (project.folder / "a.csv").unlink()
    assert project.ingest(sources=[{"path": "*.csv"}]).digest == first.digest


def test_a_changed_or_removed_file_rebuilds_and_says_so(project):
    project.write("a.csv", HEAD + "x,2025-01-01,e\n")
    project.write("b.csv", HEAD + "y,2025-01-01,e\n")
    project.ingest(sources=[{"path": "*.csv"}])
    project.write("a.csv", HEAD + "x,2025-01-02,e\n")
    told = project.ingest(sources=[{"path": "*.csv"}])
    assert (told.how, told.why) == (
        "rebuilt",
        "'a.csv' was changed, removed or is read otherwise",
    )
    (project.folder / "b.csv").unlink()
    told = project.ingest(sources=[{"path": "*.csv"}])
    assert (told.how, told.summary.events, project.ids()) == ("rebuilt", 1, ["x"])


def test_rows_set_aside_accumulate(project):
    sources = [{"path": "*.csv"}]
    project.write("b.csv", HEAD + "x,2025-01-01,e\ny,2025-01-01,\n")
    project.ingest(sources=sources)
    project.write("a.csv", HEAD + "x,2025-01-01,e\nx,2025-01-02,e\n,2025-01-01,e\n")
    told = project.ingest(sources=sources)
    assert told.how == "appended"
    assert told.quarantined == {"missing_customer_id": 1, "missing_event": 1}
    assert (told.rows_read, told.repeats) == (5, 1)
    ingest(
        project.spec(sources=sources), project=project.folder, store=project.folder / "f", now=NOW
    )
    assert_same(project.open(), EventStore.open(project.folder / "f"))


def test_a_declared_end_moves_without_reading(project):
    project.write("events.csv", HEAD + "x,2025-01-01,e\n")
    project.ingest()
    told = project.ingest(observed_until=pd.Timestamp("2025-02-01"))
    assert (told.how, told.observed_until) == ("appended", "2025-02-01T00:00:00+00:00")
    assert not project.ingest(observed_until=pd.Timestamp("2025-02-01")).changed


def test_an_old_file_is_not_hashed_again(project, monkeypatch):
    project.write("events.csv", HEAD + "x,2025-01-01,e\n")
    monkeypatch.setattr("nexttouch.engine.source_hashes._FRESH_NS", 0)
    project.ingest()
    monkeypatch.setattr("nexttouch.engine.source_hashes.sha256_of", None)
    assert not project.ingest().changed
    monkeypatch.undo()
    project.write("events.csv", HEAD + "x,2025-01-02,e\n")
    assert project.ingest().how == "rebuilt"


def test_a_damaged_file_that_is_needed_makes_the_store_anew(project):
    sources = [{"path": "*.csv"}]
    project.write("a.csv", HEAD + "x,2025-01-01,e\n")
    project.ingest(sources=sources)
    broken = next((project.store / "customers").iterdir())
    broken.write_bytes(broken.read_bytes()[:-1] + b"?")
    project.write("b.csv", HEAD + "x,2025-01-02,e\n")
    told = project.ingest(sources=sources)
    assert told.how == "rebuilt"
    assert "differs from what was written" in told.why
    assert project.open().verify() > 0


def test_any_flipped_bit_of_a_grown_store_is_noticed(tmp_path):
    for day in range(3):
        write(tmp_path, day, days(6, day))
        ingest(spec_of(), project=tmp_path, store=tmp_path / "s", now=NOW)
    store = EventStore.open(tmp_path / "s")
    kinds = {file.path.split("/")[0] for file in store.manifest.files()}
    assert kinds == {"events", "customers", "ids", "aside"}
    chance = random.Random(3)
    for file in chance.sample(store.manifest.files(), 20):
        path = tmp_path / "s" / file.path
        whole = path.read_bytes()
        changed = bytearray(whole)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(changed))
        files._verified.clear()
        with pytest.raises(DamagedStoreError, match="sha256"):
            store.verify()
        path.write_bytes(whole)


CHILD = """
import sys, pandas as pd
from pathlib import Path
from nexttouch.engine import ingest, partitions
from nexttouch.events import CustomersSpec
partitions.MOST_SEGMENTS = 2
spec = CustomersSpec.model_validate_json(Path(sys.argv[2]).read_text())
folder = Path(sys.argv[1])
print("ready", flush=True)
ingest(spec, project=folder, store=folder / "s", now=pd.Timestamp("2025-06-01", tz="UTC"))
"""


def kill_appends(folder, moments):
    """Kill appends; after each the store is readable, and at the end equal to a full ingest."""
    spec = spec_of()
    (folder / "spec.json").write_text(spec.model_dump_json())
    write(folder, 0, days(7, 0))
    ingest(spec, project=folder, store=folder / "s", now=NOW)
    before = decoded(EventStore.open(folder / "s"))
    for number, moment in enumerate(moments, start=1):
        write(folder, number, days(7, number, n=1000))
        command = [sys.executable, "-c", CHILD, str(folder), str(folder / "spec.json")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            with contextlib.suppress(BrokenPipeError):
                child.stdout.readline()
                time.sleep(moment)
            child.kill()
        store = EventStore.open(folder / "s")
        store.verify()
        found = decoded(store)
        if store.n_events == sum(map(len, before.values())):
            assert found == before
        before = found
    ingest(spec, project=folder, store=folder / "s", now=NOW)
    ingest(spec, project=folder, store=folder / "s", now=NOW)
    ingest(spec, project=folder, store=folder / "full", now=NOW)
    store = EventStore.open(folder / "s")
    assert_same(store, EventStore.open(folder / "full"))
    there = {str(p.relative_to(store.path)) for p in store.path.rglob("*") if p.is_file()}
    kept = {file.path for file in store.manifest.files()}
    assert there - {".sources.json"} == kept | {"manifest.json", ".lock"}


def test_a_killed_append_leaves_a_whole_store(tmp_path):
    kill_appends(tmp_path, [0.03 * step for step in range(10)])


@pytest.mark.nightly
def test_many_killed_appends_leave_a_whole_store(tmp_path):
    chance = random.Random(os.environ.get("SEED", "1"))
    kill_appends(tmp_path, [chance.uniform(0, 0.6) for _ in range(100)])
