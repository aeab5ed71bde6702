"""What a canonical table becomes, and what is refused."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from nexttouch.errors import DataCheckError
from nexttouch.events import MISSING, Measure, Vocabulary, build_log, log_summary
from nexttouch.events.build import build
from nexttouch.events.canonical import canonical_events


def events(**columns: object) -> pd.DataFrame:
    table = pd.DataFrame({"customer_id": ["a"], "event": ["e"], "timestamp": ["2025-01-02"]})
    table["timestamp"] = pd.to_datetime(table["timestamp"], utc=True)
    return table.assign(**columns)


@pytest.mark.parametrize(
    "kind", ["pandas", "polars", "polars text", "arrow", "batch", "arrow-backed pandas"]
)
def test_every_kind_of_table_gives_the_same_log(kind):
    table = events(channel="web", value=1.25)
    arrow = pa.table(
        {
            "customer_id": ["a"],
            "event": ["e"],
            "timestamp": pa.array([1_735_776_000_000], pa.timestamp("ms", "UTC")),
            "channel": pa.array(["web"]).dictionary_encode(),
            "value": [1.25],
        }
    )
    given = {
        "pandas": table,
        "polars": pl.from_arrow(arrow),
        "polars text": pl.from_arrow(arrow).cast({"channel": pl.String}),
        "arrow": arrow,
        "batch": arrow.to_batches()[0],
        "arrow-backed pandas": table.convert_dtypes(dtype_backend="pyarrow"),
    }[kind]
    log = build_log(given)
    assert log.measures.tolist() == [[125]]
    assert log.timestamp_us.tolist() == [1_735_776_000_000_000]
    assert log.vocabulary == Vocabulary(("e",), ("", "web"))


def test_unknown_names_become_other_and_are_counted():
    table = pd.concat([events(), events(event="new", channel="fax")])
    canonical = canonical_events(table, measures=Vocabulary(()).measures, time_zone="UTC")
    built = build(canonical, vocabulary=Vocabulary(("e",)), time_zone="UTC")
    assert built.log.vocabulary.events == ("e", "other")
    assert built.log.vocabulary.channels == ("", "other")
    assert sorted(built.log.event.tolist()) == [0, 1]
    assert (built.unknown_events, built.unknown_channels) == ({"new": 1}, {"fax": 1})


def test_a_known_other_is_used():
    log = build_log(events(event="new"), vocabulary=Vocabulary(("other", "e")))
    assert (log.vocabulary.events, log.event.tolist()) == (("other", "e"), [0])


def test_missing_measures_are_missing():
    measures = (Measure("value", "money", 0.01), Measure("ends", "date"))
    log = build_log(events(value=np.nan), measures=measures)
    assert log.measures.tolist() == [[MISSING], [MISSING]]


def test_an_empty_table_is_an_empty_log():
    log = build_log(events().iloc[:0])
    assert (len(log), log.n_customers, log.offsets.tolist()) == (0, 0, [0])
    assert log_summary(log).first == ""


def test_days_and_hours_are_those_of_the_business_zone():
    log = build_log(
        events(timestamp=pd.Timestamp("2025-07-01 22:30", tz="UTC")), time_zone="Europe/Berlin"
    )
    assert np.datetime64("1970-01-01") + log.local_day[0] == np.datetime64("2025-07-02")
    assert log.local_hour[0] == 0


@pytest.mark.parametrize(
    "ids",
    [["007", "7"], ["9007199254740993", "9007199254740992"], ["é", "e\u0301"], ["😀", "ب\u200f"]],
)
def test_ids_are_kept_exactly(ids):
    table = pd.concat([events(customer_id=name) for name in ids])
    assert sorted(build_log(table).customer_ids) == sorted(ids)


def test_whole_number_ids_are_exact_text():
    assert build_log(events(customer_id=2**53 + 1)).customer_ids.tolist() == ["9007199254740993"]
    assert build_log(events(customer_id=7.0)).customer_ids.tolist() == ["7"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"customer_id": 7.5}, "Column 'customer_id' holds decimal numbers"),
        ({"customer_id": 2.0**53}, "Column 'customer_id' holds decimal numbers"),
        ({"customer_id": ""}, "Row 1 has no customer_id"),
        ({"customer_id": None}, "Row 1 has no customer_id"),
        ({"customer_id": "a\0b"}, "a NUL character"),
        ({"customer_id": "a" * 257}, "more than 256 characters"),
        ({"customer_id": b"a"}, "type binary; hand it over as text"),
        ({"event": None}, "Row 1 has no event"),
        ({"timestamp": pd.Series([pd.NaT]).dt.tz_localize("UTC")}, "Row 1 has no timestamp"),
        ({"timestamp": "2025-01-01"}, "not a time; convert it"),
        ({"timestamp": pd.Timestamp("2025-01-01")}, "customers.timestamps.zone"),
        ({"value": np.inf}, "Row 1 has inf in 'value'"),
        ({"value": 1e15}, "Row 1 has 1000000000000000.0 in 'value'"),
        ({"value": "9"}, "Column 'value' is of type .*string, not a number"),
    ],
)
def test_broken_rows_are_refused_by_name(columns, message):
    with pytest.raises(DataCheckError, match=message):
        build_log(events(**columns))


def test_mixed_columns_are_refused():
    table = pd.DataFrame(
        {"customer_id": [1, "a"], "event": "e", "timestamp": pd.Timestamp("2025-01-01", tz="UTC")}
    )
    table["customer_id"] = table["customer_id"].astype(object)
    with pytest.raises(DataCheckError, match="Make ids text"):
        build_log(table)


def test_a_missing_column_is_named_with_the_nearest():
    with pytest.raises(DataCheckError, match="no column 'timestamp'"):
        build_log(events().drop(columns="timestamp"))


def test_what_is_no_table_is_refused():
    with pytest.raises(DataCheckError, match="list is no table"):
        build_log([1, 2])


def test_naive_times_are_read_in_the_declared_zone():
    log = build_log(events(timestamp=pd.Timestamp("2025-07-01 12:00")), naive_zone="Europe/Berlin")
    assert log.timestamp_us[0] == pd.Timestamp("2025-07-01 10:00", tz="UTC").value // 1000


def test_a_date_is_the_first_instant_of_its_business_day():
    table = events().assign(timestamp=pd.Series([pd.Timestamp("2025-07-01").date()]))
    log = build_log(table, time_zone="Europe/Berlin")
    assert log.timestamp_us[0] == pd.Timestamp("2025-06-30 22:00", tz="UTC").value // 1000


def test_one_customer_takes_milliseconds():
    n = 500
    random = np.random.default_rng(0)
    table = pa.table(
        {
            "customer_id": ["c"] * n,
            "event": random.choice(["view", "buy"], n),
            "timestamp": pa.array(
                np.sort(random.integers(1_600_000_000, 1_700_000_000, n)) * 1_000_000
            ).cast(pa.timestamp("us", "UTC")),
            "value": random.random(n).round(2),
        }
    )
    vocabulary = Vocabulary(("buy", "view"))
    build_log(table, vocabulary=vocabulary)
    took = []
    for _ in range(30):
        start = time.perf_counter()
        build_log(table, vocabulary=vocabulary)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.002
