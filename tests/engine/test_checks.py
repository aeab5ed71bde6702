"""Rows that cannot be used are set aside with a reason, and bad batches are refused by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nexttouch.engine.checks import REASONS
from nexttouch.errors import DataCheckError

GOOD = "a,2025-01-01,e,1\n" * 9
HEAD = "customer_id,timestamp,event,value\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",2025-01-01,e,1", "missing_customer_id"),
        ("  ,2025-01-01,e,1", "missing_customer_id"),
        ("a\0b,2025-01-01,e,1", "id_has_nul"),
        ("x" * 257 + ",2025-01-01,e,1", "id_too_long"),
        ("a,,e,1", "unreadable_time"),
        ("a,yesterday,e,1", "unreadable_time"),
        ("a,2025-02-30,e,1", "unreadable_time"),
        ("a,infinity,e,1", "unreadable_time"),
        ("a,2025-01-01 25:00,e,1", "unreadable_time"),
        ("a,1999-12-31,e,1", "time_too_early"),
        ("a,2025-06-02 00:00:01,e,1", "time_in_future"),
        ("a,2025-01-01,,1", "missing_event"),
        ("a,2025-01-01," + "e" * 257 + ",1", "bad_event_name"),
        ("a,2025-01-01,e,inf", "infinite_value"),
        ("a,2025-01-01,e,-Infinity", "infinite_value"),
        ("a,2025-01-01,e,1e400", "infinite_value"),
        ("a,2025-01-01,e,1e15", "value_too_large"),
        ("a,2025-01-01,e,nine", "unreadable_value"),
        ("a,2025-01-01,e,-1", "negative_value"),
        ("a,2025-01-01,e", "malformed_row"),
        ("a,2025-01-01,e,1,2", "malformed_row"),
    ],
)
def test_bad_rows_are_set_aside_with_their_reason(project, line, reason):
    project.write("events.csv", HEAD + GOOD + line + "\n")
    report = project.ingest(mapping={"value": "value"}, allow_negative_value=False)
    assert report.quarantined == {reason: 1}
    assert reason in REASONS
    assert (report.rows_read, report.summary.events) == (10, 9)
    (row,) = project.open().quarantine().to_dict("records")
    assert (row["reason"], row["source"], row["row"]) == (reason, "events.csv", 10)
    if reason == "malformed_row":
        assert row["line"] == line
    else:
        assert (row["timestamp"] or "", row["value"]) == (line.split(",")[1], line.split(",")[3])


@pytest.mark.parametrize("text", ["", "NaN", "nan", "NA", "null", "None", " "])
def test_no_value_is_missing_and_not_bad(project, text):
    project.write("events.csv", HEAD + GOOD + f"b,2025-01-01,e,{text}\n")
    assert project.ingest(mapping={"value": "value"}).quarantined == {}
    assert project.open().table(["b"]).to_pylist()[0]["value"] is None


def test_refunds_are_allowed_unless_told_otherwise(project):
    project.write("events.csv", HEAD + GOOD + "b,2025-01-01,e,-2.5\nb,2025-01-02,e,0\n")
    assert project.ingest(mapping={"value": "value"}).quarantined == {}
    assert project.open().customer("b").measures.tolist() == [[-250, 0]]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("ingested_at", "soon", "unreadable_ingested_at"),
        ("ingested_at", "2025-09-01", "ingested_at_out_of_range"),
        ("fee", "inf", "infinite_measure"),
        ("fee", "much", "unreadable_measure"),
        ("fee", "1e300", "measure_too_large"),
        ("ends", "never", "unreadable_measure"),
    ],
)
def test_optional_columns_are_checked_too(project, column, value, reason):
    lines = ["a,2025-01-01,e,"] * 3 + [f"a,2025-01-01,e,{value}"]
    project.write("events.csv", f"customer_id,timestamp,event,{column}\n" + "\n".join(lines) + "\n")
    measures = {
        "fee": {"fee": {"column": "fee", "kind": "money"}},
        "ends": {"ends": {"column": "ends", "kind": "date"}},
    }
    mapping = {"measures": measures[column]} if column in measures else {column: column}
    assert project.ingest(mapping=mapping).quarantined == {reason: 1}
    (row,) = project.open().quarantine().to_dict("records")
    assert row[column] == value


def test_rows_are_numbered_as_in_the_file(project):
    lines = ["a,2025-01-01,e,1"] * 30
    for place in (3, 8, 20):
        lines[place] = "a,2025-01-01,e"
    for place in (5, 9, 25):
        lines[place] = "a,bad,e,1"
    project.write("events.csv", HEAD + "\n".join(lines) + "\n")
    project.ingest(mapping={"value": "value"})
    found = project.open().quarantine()
    rows = found.groupby("reason")["row"].apply(list).to_dict()
    assert rows == {"malformed_row": [4, 9, 21], "unreadable_time": [6, 10, 26]}


def test_broken_json_lines_are_set_aside(project):
    good = '{"customer_id": "a", "timestamp": "2025-01-01", "event": "e"}\n'
    project.write("events.jsonl", good * 3 + "{half\n")
    report = project.ingest(sources=[{"path": "events.jsonl"}])
    assert report.quarantined == {"missing_customer_id": 1}


def test_a_shifted_file_is_refused_with_its_first_offenders(project):
    project.write("events.csv", HEAD + "2025-01-01,e,1,a\n" * 8)
    with pytest.raises(DataCheckError) as caught:
        project.ingest(mapping={"value": "value"})
    text = str(caught.value)
    assert "'events.csv': 8 of 8 rows cannot be used (unreadable_time 8)" in text
    assert "row 1 has no readable time ('e'); row 2" in text
    assert "row 5" in text
    assert "row 6" not in text
    assert caught.value.exit_code == 3


def test_a_torn_file_is_refused(project):
    project.write("events.csv", HEAD + "a,2025-01-01\n" * 3 + "a,2025-01-01,e,1\n")
    with pytest.raises(DataCheckError, match=r"3 of 4 rows .*malformed_row 3.*line 2 has too many"):
        project.ingest()


def test_the_wrong_delimiter_is_guessed(project):
    project.write("events.csv", (HEAD + GOOD).replace(",", ";"))
    with pytest.raises(DataCheckError, match=r"parted by semicolons; set csv.delimiter to ';'"):
        project.ingest()


def test_a_missing_column_is_named_with_the_nearest(project):
    project.write("events.csv", HEAD.replace("timestamp", "time_stamp") + GOOD)
    with pytest.raises(DataCheckError, match=r"no column 'timestamp'. Did you mean 'time_stamp'"):
        project.ingest()
    project.write("events.jsonl", '{"customer_id": "a", "when": "2025-01-01", "event": "e"}\n')
    with pytest.raises(DataCheckError, match=r"no column 'timestamp'. It has: .*'when'"):
        project.ingest(sources=[{"path": "events.jsonl"}])


def test_a_file_that_loses_a_column_is_refused_and_one_that_gains_one_is_not(project):
    project.write("events.csv", HEAD + GOOD)
    project.ingest(mapping={"value": "value"})
    project.write("events.csv", "new," + HEAD + ("x," + GOOD.splitlines()[0] + "\n"))
    assert project.ingest(mapping={"value": "value"}).changed
    project.write("events.csv", "customer_id,timestamp,event\na,2025-01-01,e\n")
    with pytest.raises(DataCheckError, match="no column 'value'"):
        project.ingest(mapping={"value": "value"})


def test_half_a_parquet_file_is_refused_and_the_store_stays(project):
    project.write("events.csv", HEAD + GOOD)
    before = project.ingest().digest
    pq.write_table(pa.table({"customer_id": ["a"] * 1000}), project.folder / "x.parquet")
    whole = (project.folder / "x.parquet").read_bytes()
    project.write("half.parquet", whole[: len(whole) // 2])
    with pytest.raises(
        DataCheckError, match=r"'half.parquet' cannot be read: .*nothing was changed"
    ):
        project.ingest(sources=[{"path": "half.parquet"}])
    assert project.open().digest == before
    assert project.open().verify() > 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "'events.csv' is empty"),
        (HEAD, "No usable event in 'events.csv' \\(0 rows read\\)"),
        (HEAD + "a,bad,e,1\n", "1 of 1 rows cannot be used"),
        ("id,id\n1,2\n", "more than one column called 'id'"),
        (b"\xff\xfe\x00c", "cannot be read as UTF-8 text"),
    ],
)
def test_empty_and_unusable_files_are_refused(project, content, message):
    project.write("events.csv", content)
    with pytest.raises(DataCheckError, match=message):
        project.ingest()
    assert not (project.store / "manifest.json").exists()
    assert [name for name in project.files() if name != ".lock"] == []


def test_an_id_mapped_as_event_name_is_refused(project):
    n = 60_001
    table = pa.table(
        {
            "customer_id": ["a"] * n,
            "event": [str(i) for i in range(n)],
            "timestamp": pa.array([1_735_776_000_000_000] * n, pa.timestamp("us", "UTC")),
        }
    )
    with pytest.raises(DataCheckError, match="'event' has 60001 different names"):
        project.ingest(sources=[{"table": "t"}], tables={"t": table})


@pytest.mark.parametrize(
    "ids",
    [
        ["007", "7"],
        ["é", "e\u0301"],
        ["😀", "\u202eabc", "zero\u200bwidth"],
        ['say "hi"', "it's", "a,b"],
        [" a", "a"],
        ["x" * 256],
    ],
)
def test_ids_are_kept_byte_by_byte(project, ids):
    table = pd.DataFrame(
        {"customer_id": ids, "timestamp": pd.Timestamp("2025-01-01", tz="UTC"), "event": "e"}
    )
    project.ingest(sources=[{"table": "t"}], tables={"t": table})
    assert project.ids() == sorted(ids)
    table.to_csv(project.folder / "events.csv", index=False)
    project.ingest()
    assert project.ids() == sorted(ids)
    assert [project.open().customer(name).customer_ids[0] for name in ids] == ids


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        (pa.array([2**53 + 1, 2**63 - 1]), ["9007199254740993", "9223372036854775807"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([7.0, 2.0**52]), ["4503599627370496", "7"]),
        (pa.array(["7"]).cast(pa.decimal128(38, 0)), ["7"]),
        (pa.array(["007"]).dictionary_encode(), ["007"]),
    ],
)
def test_ids_of_other_types_become_exact_text(project, numbers, texts):
    table = pa.table(
        {
            "customer_id": numbers,
            "event": ["e"] * len(numbers),
            "timestamp": pa.array(
                [1_735_776_000_000_000] * len(numbers), pa.timestamp("us", "UTC")
            ),
        }
    )
    project.ingest(sources=[{"table": "t"}], tables={"t": table})
    assert project.ids() == texts


@pytest.mark.parametrize("number", [7.5, 2.0**53])
def test_decimal_ids_stop_the_ingest(project, number):
    table = pd.DataFrame(
        {
            "customer_id": [1.0, 2.0, number],
            "timestamp": pd.Timestamp("2025-01-01", tz="UTC"),
            "event": "e",
        }
    )
    with pytest.raises(
        DataCheckError, match=r"1 ids are decimal numbers.*row 3.*dtype=.*'customer_id'"
    ):
        project.ingest(sources=[{"table": "t"}], tables={"t": table})


def test_an_id_missing_from_a_column_of_whole_numbers_is_set_aside(project):
    table = pd.DataFrame(
        {
            "customer_id": [1.0, np.nan, 3.0],
            "timestamp": pd.Timestamp("2025-01-01", tz="UTC"),
            "event": "e",
        }
    )
    assert project.ingest(sources=[{"table": "t"}], tables={"t": table}).quarantined == {
        "missing_customer_id": 1
    }
    assert project.ids() == ["1", "3"]


def test_binary_ids_are_refused(project):
    table = pa.table(
        {
            "customer_id": [b"a"],
            "event": ["e"],
            "timestamp": pa.array([0], pa.timestamp("us", "UTC")),
        }
    )
    with pytest.raises(DataCheckError, match=r"'customer_id' \(for customer_id\) is of type BLOB"):
        project.ingest(sources=[{"table": "t"}], tables={"t": table})


def test_a_log_of_one_customer_and_one_day_is_a_log(project):
    project.write("events.csv", HEAD + "a,2025-01-01,e,1\n")
    report = project.ingest(time_zone="Europe/Berlin", timestamps={})
    assert (report.summary.customers, report.observed_from) == (1, "2024-12-31T23:00:00+00:00")
    assert report.observed_until == "2025-01-01T23:00:00+00:00"


def test_measures_may_carry_any_ordinary_name(project):
    names = ["day", "switch", "n", "batch", "bucket", "text", "place"]
    project.write(
        "events.csv",
        "customer_id,timestamp,event,"
        + ",".join(names)
        + "\na,2025-01-01 10:00,e"
        + ",1" * len(names)
        + "\n",
    )
    project.ingest(
        mapping={"measures": {name: {"column": name, "step": 1} for name in names}},
        timestamps={"zone": "Europe/Berlin"},
    )
    assert project.open().customer("a").measures[1:].tolist() == [[1]] * len(names)
