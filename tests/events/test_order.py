"""Content order: the same events give the same log, whatever their row order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexttouch.events import EventLog, Measure, build_log
from nexttouch.events.build import build
from nexttouch.events.canonical import canonical_events

MEASURES = (Measure("value", "money", 0.01), Measure("ends", "date", 1.0), Measure("miles"))
ARRAYS = (
    "customer_ids",
    "offsets",
    "timestamp_us",
    "arrived_us",
    "event",
    "channel",
    "local_day",
    "local_hour",
    "measures",
    "actor",
)

texts = st.sampled_from(["a", "b", "é", "e\u0301", "Z", "😀", "\uffee"])
moments = st.sampled_from(
    pd.date_range("2025-03-29 22:00", periods=4, freq="90min", tz="UTC").tolist()
)
rows = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(["007", "7", "😀", "ب"]),
        "timestamp": moments,
        "event": texts,
        "channel": st.none() | texts,
        "value": st.sampled_from([None, -1.0, 0.005, 2.5]),
        "event_id": st.none() | st.sampled_from(["x", "y", "z"]),
        "ingested_at": st.none() | moments,
        "actor_id": st.none() | texts,
        "properties": st.none() | st.just('{"a":1}'),
        "ends": st.none() | moments,
        "miles": st.none() | st.integers(-3, 3),
    }
)


def frame(records: list[dict[str, object]]) -> pd.DataFrame:
    table = pd.DataFrame(records)
    for name in ("timestamp", "ingested_at", "ends"):
        table[name] = pd.to_datetime(table[name], utc=True)
    for name in ("value", "miles"):
        table[name] = table[name].astype("float64")
    for name in ("channel", "event_id", "actor_id", "properties"):
        table[name] = table[name].astype("string")
    return table


def assert_same_log(left: EventLog, right: EventLog) -> None:
    assert left.vocabulary == right.vocabulary
    for name in ARRAYS:
        a, b = getattr(left, name), getattr(right, name)
        assert a.dtype == b.dtype, name
        np.testing.assert_array_equal(a, b, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=25), st.randoms())
def test_row_order_changes_nothing(records, random):
    shuffled = list(records)
    random.shuffle(shuffled)
    assert_same_log(
        build_log(frame(records), time_zone="Europe/Berlin", measures=MEASURES),
        build_log(frame(shuffled), time_zone="Europe/Berlin", measures=MEASURES),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=25))
def test_order_is_the_documented_one(records):
    records = [{**record, "event_id": None, "actor_id": None} for record in records]
    log = build_log(frame(records), measures=MEASURES)

    def key(record):
        missing_first = [
            (record[name] is not None, record[name]) if record[name] is not None else (False,)
            for name in ("ingested_at", "channel", "value", "properties", "ends", "miles")
        ]
        for place in (1, 3):  # texts compare as bytes
            if missing_first[place][0]:
                missing_first[place] = (True, missing_first[place][1].encode())
        return (
            record["customer_id"].encode(),
            record["timestamp"],
            record["event"].encode(),
            missing_first,
        )

    expected = sorted(records, key=key)
    names = [log.vocabulary.events[code] for code in log.event]
    assert names == [record["event"] for record in expected]
    channels = [log.vocabulary.channels[code] or None for code in log.channel]
    assert channels == [record["channel"] for record in expected]
    assert log.timestamp_us.tolist() == [r["timestamp"].value // 1000 for r in expected]


def test_vocabulary_order_does_not_reach_the_order_of_events():
    records = [
        {"customer_id": "a", "timestamp": "2025-03-01", "event": name} for name in ("x", "b", "m")
    ]
    table = pd.DataFrame(records)
    table["timestamp"] = pd.to_datetime(table["timestamp"], utc=True)
    log = build_log(table)
    backwards = type(log.vocabulary)(("x", "m", "b"))
    again = build_log(table, vocabulary=backwards)
    assert [again.vocabulary.events[code] for code in again.event] == ["b", "m", "x"]


def events(**columns: object) -> pd.DataFrame:
    table = pd.DataFrame({"customer_id": "a", "event": "e", **columns})
    for name in ("timestamp", "ingested_at"):
        if name in table:
            table[name] = pd.to_datetime(table[name], utc=True)
    return table


def counted(table: pd.DataFrame, duplicates: str = "keep"):
    canonical = canonical_events(table, measures=MEASURES, time_zone="UTC")
    return build(
        canonical, vocabulary=None, measures=MEASURES, time_zone="UTC", duplicates=duplicates
    )


def test_first_arrival_of_an_event_id_wins():
    built = counted(
        events(
            event_id=["x", "x", "x", "y"],
            timestamp=["2025-01-02", "2025-01-02", "2025-01-02", "2025-01-02"],
            ingested_at=["2025-01-05", "2025-01-03", "2025-01-04", "2025-01-04"],
            value=[5.0, 3.0, 3.0, 9.0],
        )
    )
    assert built.log.measures[0].tolist() == [300, 900]
    assert (built.sorted.redelivered, built.sorted.corrections) == (1, 1)
    assert built.sorted.repeats == 0


def test_event_ids_count_within_one_customer():
    table = events(event_id=["1", "1"], timestamp=["2025-01-02", "2025-01-02"])
    table["customer_id"] = ["a", "b"]
    assert len(counted(table).log) == 2


@pytest.mark.parametrize(("duplicates", "kept"), [("keep", 4), ("drop", 3)])
def test_exact_repeats_without_ids_are_counted(duplicates, kept):
    table = events(timestamp=["2025-01-02"] * 4, value=[1.0, 1.0, 2.0, None])
    built = counted(table, duplicates)
    assert built.sorted.repeats == 1
    assert len(built.log) == kept


def test_people_are_numbered_by_first_appearance_within_their_account():
    table = events(
        timestamp=["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-04", "2025-01-01"],
        actor_id=["zoe", None, "adam", "zoe", "zoe"],
    )
    table["customer_id"] = ["a", "a", "a", "a", "b"]
    assert counted(table).log.actor.tolist() == [0, -1, 1, 0, 0]


def test_later_events_do_not_renumber_people():
    table = events(timestamp=["2025-01-01", "2025-01-02", "2025-01-03"], actor_id=["m", "z", "a"])
    before = counted(table.iloc[:2]).log.actor.tolist()
    assert counted(table).log.actor.tolist()[:2] == before
