"""Times: one instant each, whatever way they are written."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pyarrow as pa
import pytest

from nexttouch.errors import DataCheckError
from nexttouch.events import build_log

HEAD = "customer_id,timestamp,event\n"


def csv(*times):
    return HEAD + "".join(f'a,"{time}",e\n' for time in times)


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2025-03-01T10:00:00Z", "10:00:00"),
        ("2025-03-01 10:00:00+00:00", "10:00:00"),
        ("2025-03-01T10:00:00.123456Z", "10:00:00.123456"),
        ("2025-03-01 10:00:00+02:00", "08:00:00"),
        ("2025-03-01 10:00:00-0530", "15:30:00"),
        ("2025-03-01 10:00:00 UTC", "10:00:00"),
        ("2025-03-01 10:00:00 America/New_York", "15:00:00"),
        ("2025-03-01 10:00", "09:00:00"),
        (" 2025-03-01T10:00:00 ", "09:00:00"),
        ("2025-03-01T10:00:00.5", "09:00:00.500000"),
    ],
)
def test_iso_times_are_read_with_their_own_zone_or_the_declared_one(project, written, utc):
    project.write("events.csv", csv(written))
    project.ingest(timestamps={"zone": "Europe/Berlin"})
    assert project.times() == [f"2025-03-01 {utc}"]


def test_the_zone_of_an_instant_needs_no_declaration(project):
    project.write("events.csv", csv("2025-03-01T10:00:00Z", "2025-03-01T10:00:00-01:00"))
    project.ingest(timestamps={})
    assert project.times() == ["2025-03-01 10:00:00", "2025-03-01 11:00:00"]


def test_dates_are_days_of_the_business_zone(project):
    project.write("events.csv", csv("2025-05-01"))
    project.ingest(timestamps={}, time_zone="Europe/Berlin")
    assert project.times() == ["2025-04-30 22:00:00"]


def test_a_naive_time_stops_the_ingest_and_names_the_key(project):
    project.write("events.csv", csv("2025-03-01T10:00:00Z", "2025-03-01 10:00:00"))
    with pytest.raises(
        DataCheckError,
        match=r"'events.csv': 1 times carry no zone.*row 2.*customers.timestamps.zone.*'timestamp'",
    ):
        project.ingest(timestamps={})


def test_a_naive_column_stops_the_ingest(project):
    table = pa.table(
        {"customer_id": ["a"], "event": ["e"], "timestamp": pa.array([0], pa.timestamp("ns"))}
    )
    with pytest.raises(DataCheckError, match=r"customers\.timestamps\.zone"):
        project.ingest(sources=[{"table": "t"}], tables={"t": table}, timestamps={})


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("kind", ["csv", "integer", "float"])
def test_numbers_are_read_in_their_unit(project, unit, kind):
    moment = pd.Timestamp("2025-03-01 10:00:00", tz="UTC")
    number = moment.value // {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    if kind == "csv":
        project.write("events.csv", csv(number))
        source, tables = {"path": "events.csv"}, {}
    else:
        numbers = pa.array([number if kind == "integer" else float(number)])
        source = {"table": "t"}
        tables = {"t": pa.table({"customer_id": ["a"], "event": ["e"], "timestamp": numbers})}
    project.ingest(sources=[source], tables=tables, timestamps={"unit": unit})
    assert project.times() == ["2025-03-01 10:00:00"]


def test_fractions_of_seconds_count(project):
    project.write("events.csv", csv("1740823200.5"))
    project.ingest(timestamps={"unit": "s"})
    assert project.times() == ["2025-03-01 10:00:00.500000"]


@pytest.mark.parametrize(("unit", "reason"), [("ms", "time_too_early"), ("s", "time_in_future")])
def test_the_wrong_unit_is_noticed(project, unit, reason):
    numbers = {"ms": "1740823200", "s": "1740823200000"}
    project.write("events.csv", csv(numbers[unit]))
    with pytest.raises(DataCheckError, match=reason):
        project.ingest(timestamps={"unit": unit})


@pytest.mark.parametrize("number", ["9" * 30, "9" * 39, "-1e300", "nan"])
def test_absurd_numbers_are_set_aside(project, number):
    project.write("events.csv", csv("1740823200", number))
    assert sum(project.ingest(timestamps={"unit": "s"}).quarantined.values()) == 1


def test_numbers_without_a_unit_stop_the_ingest(project):
    table = pa.table({"customer_id": ["a"], "event": ["e"], "timestamp": [1_740_823_200]})
    with pytest.raises(DataCheckError, match=r"customers.timestamps.unit: s, ms, us or ns"):
        project.ingest(sources=[{"table": "t"}], tables={"t": table})


@pytest.mark.parametrize(
    ("form", "written", "utc"),
    [
        ("%d.%m.%Y %H:%M", "01.07.2025 12:00", "2025-07-01 10:00:00"),
        ("%d.%m.%Y", "01.07.2025", "2025-06-30 22:00:00"),
        ("%Y%m%dT%H%M%S%z", "20250701T120000+0000", "2025-07-01 12:00:00"),
    ],
)
def test_other_ways_of_writing_are_declared(project, form, written, utc):
    project.write("events.csv", csv(written))
    zone = {"zone": "Europe/Berlin", "format": form}
    project.ingest(timestamps=zone, now=pd.Timestamp("2025-09-01", tz="UTC"))
    assert project.times() == [utc]


def test_unclear_hours_mean_the_same_in_a_file_and_in_memory(project):
    walls = ["2025-03-30 02:30", "2024-10-27 02:30", "2024-10-27 01:30", "2024-10-27 03:30"]
    project.write("events.csv", csv(*walls))
    project.ingest(timestamps={"zone": "Europe/Berlin"})
    assert project.times() == [
        "2024-10-26 23:30:00",
        "2024-10-27 00:30:00",
        "2024-10-27 02:30:00",
        "2025-03-30 01:30:00",
    ]
    table = pd.DataFrame({"customer_id": "a", "event": "e", "timestamp": pd.to_datetime(walls)})
    log = build_log(table, naive_zone="Europe/Berlin")
    assert project.open().customer("a").timestamp_us.tolist() == log.timestamp_us.tolist()


def test_every_hour_of_years_of_wall_clock_is_the_same_in_a_file_and_in_memory(project):
    walls = pd.date_range("2022-01-01", "2025-05-01", freq="5h").as_unit("us")
    table = pd.DataFrame({"customer_id": "a", "event": "e", "timestamp": walls})
    for zone in ("America/New_York", "Africa/Casablanca"):
        project.ingest(sources=[{"table": "t"}], tables={"t": table}, timestamps={"zone": zone})
        log = build_log(table, naive_zone=zone)
        assert project.open().customer("a").timestamp_us.tolist() == log.timestamp_us.tolist()


@pytest.mark.parametrize(
    "kind",
    [pa.timestamp("s", "UTC"), pa.timestamp("ns", "Asia/Tokyo"), pa.timestamp("ms"), pa.date32()],
)
def test_typed_columns_are_instants(project, kind):
    moment = dt.datetime(2025, 3, 1, tzinfo=dt.UTC)
    column = pa.array([moment], pa.timestamp("us", "UTC")).cast(kind)
    table = pa.table({"customer_id": ["a"], "event": ["e"], "timestamp": column})
    project.ingest(sources=[{"table": "t"}], tables={"t": table})
    assert project.times() == ["2025-03-01 00:00:00"]


def test_a_column_that_is_no_time_is_refused(project):
    table = pa.table({"customer_id": ["a"], "event": ["e"], "timestamp": [True]})
    with pytest.raises(
        DataCheckError, match="'timestamp' is of type BOOLEAN, and a time is needed"
    ):
        project.ingest(sources=[{"table": "t"}], tables={"t": table})


def test_arrival_is_the_event_time_unless_known(project):
    project.write(
        "events.csv",
        "customer_id,timestamp,event,seen\na,2025-01-01,e,2025-01-05\na,2025-01-02,e,\n",
    )
    project.ingest(mapping={"ingested_at": "seen"})
    log = project.open().customer("a")
    arrived = pd.to_datetime(log.arrived_us, unit="us").astype(str).tolist()
    assert arrived == ["2025-01-05", "2025-01-02"]
    assert project.open().manifest.watermark_us == log.arrived_us.max()


def test_the_observed_span_may_be_declared(project):
    project.write("events.csv", csv("2025-03-01 10:00"))
    report = project.ingest(
        observed_from="2025-01-01", observed_until="2025-04-01T00:00:00Z", time_zone="Europe/Berlin"
    )
    assert report.observed_from == "2024-12-31T23:00:00+00:00"
    assert report.observed_until == "2025-04-01T00:00:00+00:00"
