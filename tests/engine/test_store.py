"""The store says what the sources say, bit for bit, and never uses a damaged file."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexttouch.engine import EventStore, files, ingest
from nexttouch.errors import DamagedStoreError, DataCheckError
from nexttouch.events import CustomersSpec, EventLog, build_log

ARRAYS = (
    "timestamp_us",
    "arrived_us",
    "event",
    "channel",
    "local_day",
    "local_hour",
    "measures",
    "actor",
)
NOW = pd.Timestamp("2025-06-01", tz="UTC")
MAPPING = {
    "channel": "channel",
    "value": "value",
    "event_id": "event_id",
    "ingested_at": "ingested_at",
    "actor_id": "actor_id",
    "actor_role": "actor_role",
    "properties": "properties",
    "measures": {
        "ends": {"column": "ends", "kind": "date"},
        "miles": {"column": "miles", "step": 0.5},
    },
}
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("customer_id", "event", "channel", "event_id")),
        *((name, pa.string()) for name in ("actor_id", "actor_role", "properties")),
        *((name, pa.timestamp("us", "UTC")) for name in ("timestamp", "ingested_at", "ends")),
        *((name, pa.float64()) for name in ("value", "miles")),
    ]
)
texts = st.sampled_from(["a", "b", "é", "e\u0301", "Z", "😀", "\uffee"])
moments = st.sampled_from([1_743_285_600_000_000 + step * 5_400_000_000 for step in range(4)])
rows = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(["007", "7", "😀", "ب", "x", "y"]),
        "timestamp": moments,
        "event": texts,
        "channel": st.none() | texts,
        "value": st.none() | st.sampled_from([-1.0, 0.125, 2.5, 11.77]),
        "event_id": st.none() | st.sampled_from(["1", "2", "3"]),
        "ingested_at": st.none() | moments,
        "actor_id": st.none() | texts,
        "actor_role": st.none() | texts,
        "properties": st.none() | st.just('{"a":1}'),
        "ends": st.none() | moments,
        "miles": st.none() | st.sampled_from([0.5, 3.0]),
    }
)


def spec_of(n_tables: int, **parts) -> CustomersSpec:
    sources = [{"table": f"t{number}"} for number in range(n_tables)]
    return CustomersSpec(sources=sources, mapping=MAPPING, time_zone="Europe/Berlin", **parts)


def assert_same_customers(store: EventStore, log: EventLog) -> None:
    """Every customer of the store has exactly the arrays that the log has."""
    assert (store.n_events, store.n_customers) == (len(log), log.n_customers)
    assert store.vocabulary == log.vocabulary
    for part in store.logs():
        assert part.customer_ids.tolist() == sorted(part.customer_ids)
        for number, customer_id in enumerate(part.customer_ids):
            at = log.customer_ids.tolist().index(customer_id)
            here = slice(part.offsets[number], part.offsets[number + 1])
            there = slice(log.offsets[at], log.offsets[at + 1])
            alone = store.customer(customer_id)
            for name in ARRAYS:
                left, right = getattr(part, name)[..., here], getattr(log, name)[..., there]
                assert left.dtype == right.dtype
                np.testing.assert_array_equal(left, right, err_msg=name)
                np.testing.assert_array_equal(getattr(alone, name), right, err_msg=name)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(rows, min_size=1, max_size=30), st.integers(1, 3), st.randoms(), st.booleans())
def test_the_store_is_the_log_bit_for_bit(tmp_path_factory, records, n_tables, shuffler, drop):
    folder = tmp_path_factory.mktemp("store")
    duplicates = "drop" if drop else "keep"
    table = pa.Table.from_pylist(records, schema=SCHEMA)
    spec = spec_of(n_tables, duplicates=duplicates)
    log = build_log(
        table, time_zone="Europe/Berlin", measures=spec.measures(), duplicates=duplicates
    )
    shuffled = list(records)
    shuffler.shuffle(shuffled)
    tables = {
        f"t{k}": pa.Table.from_pylist(shuffled[k::n_tables], schema=SCHEMA) for k in range(n_tables)
    }
    ingest(spec, project=folder, store=folder / "s", tables=tables, now=NOW)
    assert_same_customers(EventStore.open(folder / "s"), log)


def many(n: int = 4000, seed: int = 0) -> pa.Table:
    chance = np.random.default_rng(seed)
    return pa.table(
        {
            "customer_id": np.char.add("c", chance.integers(0, 300, n).astype(str)),
            "timestamp": pa.array(
                1_700_000_000_000_000 + chance.integers(0, 400, n) * 86_400_000_000
            ).cast(pa.timestamp("us", "UTC")),
            "event": chance.choice(["view", "buy", "open"], n),
            "channel": pa.array(chance.choice(["web", "app", ""], n)),
            "value": chance.integers(0, 9999, n) / 100,
            "event_id": chance.integers(0, n * 4, n).astype(str),
            "ingested_at": pa.nulls(n, pa.timestamp("us", "UTC")),
            "actor_id": pa.nulls(n, pa.string()),
            "actor_role": pa.nulls(n, pa.string()),
            "properties": pa.nulls(n, pa.string()),
            "ends": pa.nulls(n, pa.timestamp("us", "UTC")),
            "miles": pa.nulls(n, pa.float64()),
        }
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    ingest(spec_of(1), project=folder, store=folder / "s", tables={"t0": many()}, now=NOW)
    return folder / "s"


def test_a_larger_store_is_the_log_too(made):
    assert_same_customers(
        EventStore.open(made),
        build_log(many(), time_zone="Europe/Berlin", measures=spec_of(1).measures()),
    )


def test_several_row_groups_are_read_like_one(made, tmp_path, monkeypatch):
    monkeypatch.setattr("nexttouch.engine.write.ROWS_PER_GROUP", 100)
    ingest(spec_of(1), project=tmp_path, store=tmp_path / "s", tables={"t0": many()}, now=NOW)
    small = EventStore.open(tmp_path / "s")
    ids = ["c1", "c17", "c200"]
    assert small.table(ids) == EventStore.open(made).table(ids)


def test_the_same_sources_give_the_same_digest(made, tmp_path):
    ingest(spec_of(1), project=tmp_path, store=tmp_path / "s", tables={"t0": many()}, now=NOW)
    assert EventStore.open(tmp_path / "s").digest == EventStore.open(made).digest


def test_tables_can_be_ingested_again(made, tmp_path):
    store = EventStore.open(made)
    ids = [name for log in store.logs() for name in log.customer_ids]
    tables = {"events": store.table(ids)}
    ingest(store.source_spec(), project=tmp_path, store=tmp_path / "s", tables=tables, now=NOW)
    again = EventStore.open(tmp_path / "s")
    assert again.table(ids) == store.table(ids)
    for one, other in zip(again.manifest.partitions, store.manifest.partitions, strict=True):
        assert [s.events.sha256 for s in one.segments] == [s.events.sha256 for s in other.segments]
    assert again.observed_until_us == store.observed_until_us


def test_unknown_customers_are_none_and_have_no_rows(made):
    store = EventStore.open(made)
    assert store.customer("nobody") is None
    assert store.customer("\ud800") is None
    assert store.table(["nobody"]).num_rows == 0
    assert store.table(["nobody"]).schema == store.table(["c1"]).schema


def test_a_store_without_events_in_a_partition_reads_as_empty(tmp_path):
    one = many(1)
    ingest(spec_of(1), project=tmp_path, store=tmp_path / "s", tables={"t0": one}, now=NOW)
    store = EventStore.open(tmp_path / "s")
    sizes = [len(store.read(number)) for number in range(store.partitions)]
    assert sorted(sizes) == [0] * (store.partitions - 1) + [1]
    assert len(list(store.logs())) == 1
    assert store.quarantine().empty


def test_one_customer_is_read_quickly(made):
    store = EventStore.open(made)
    store.customer("c1")
    took = []
    for _ in range(20):
        start = time.perf_counter()
        store.customer("c1")
        took.append(time.perf_counter() - start)
    assert min(took) < 0.02


def test_threads_may_share_a_store(made):
    store = EventStore.open(made)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(store.customer, [f"c{number}" for number in range(100)]))
    assert all(log.n_customers == 1 for log in found if log is not None)


def test_no_store_says_so(tmp_path):
    with pytest.raises(
        DataCheckError, match=r"There is no event store in .* Run 'nexttouch ingest'"
    ):
        EventStore.open(tmp_path)


def test_any_flipped_bit_is_noticed(made, tmp_path):
    folder = tmp_path / "copy"
    names = [file.path for file in EventStore.open(made).manifest.files()] + ["manifest.json"]
    contents = {name: (made / name).read_bytes() for name in names}
    chance = random.Random(7)
    for _ in range(40):
        broken = chance.choice(names)
        for name, content in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            changed = bytearray(content)
            if name == broken:
                place = chance.randrange(len(changed))
                changed[place] ^= 1 << chance.randrange(8)
            path.write_bytes(bytes(changed))
        files._verified.clear()  # a new process has verified nothing
        with pytest.raises(DamagedStoreError, match=r"\[NT211\] .*manifest.json|sha256") as caught:
            EventStore.open(folder).verify()
        assert broken.split("/")[-1] in str(caught.value)


def test_a_file_is_verified_before_each_use_after_a_change(made, tmp_path):
    ingest(spec_of(1), project=tmp_path, store=tmp_path / "s", tables={"t0": many()}, now=NOW)
    store = EventStore.open(tmp_path / "s")
    store.read(0)
    path = tmp_path / "s" / store.manifest.partitions[0].segments[0].events.path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DamagedStoreError, match="differs from what was written"):
        store.read(0)
    path.unlink()
    with pytest.raises(DamagedStoreError, match="is missing or unreadable"):
        store.customer(str(store._reader.index(store.manifest.partitions[0].segments[0]).ids[0]))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"digest": "x"}', "{}"])
def test_a_broken_manifest_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DamagedStoreError, match=r"manifest.json (is not a manifest|was changed)"):
        EventStore.open(tmp_path)


def test_a_store_of_another_layout_is_refused(made, tmp_path, monkeypatch):
    monkeypatch.setattr("nexttouch.engine.manifest.SCHEMA_VERSION", 3)
    with pytest.raises(DataCheckError, match="has layout 2, this version reads 3"):
        EventStore.open(made)
