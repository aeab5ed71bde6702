"""Every kind of source gives the same events."""

from __future__ import annotations

import gzip
import sqlite3

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from nexttouch.errors import DataCheckError

CSV = """customer_id,timestamp,event,value,note
007,2025-01-02 10:00:00,buy,9.99,x
007,2025-01-03 10:00:00,view,,"a, ""quoted"" note"
😀,2025-01-02T10:00:00Z,buy,-1.5,
"""
MAPPING = {"value": "value", "properties": "note"}
ROWS = pyarrow.csv.read_csv(
    pa.py_buffer(CSV.replace("Z,", ",").replace("T10", " 10").encode()),
    convert_options=pyarrow.csv.ConvertOptions(
        column_types={
            "customer_id": pa.string(),
            "timestamp": pa.timestamp("us"),
            "note": pa.string(),
        },
        strings_can_be_null=True,
    ),
)


def digest_of(project):
    """What the store says, apart from how its sources are called."""
    store = project.open()
    return store.table(sorted({i for log in store.logs() for i in log.customer_ids})).to_pylist()


@pytest.fixture
def expected(project):
    project.write("events.csv", CSV)
    project.ingest(mapping=MAPPING)
    return digest_of(project)


def test_a_csv_file_is_read_as_it_is_written(expected):
    assert [row["customer_id"] for row in expected] == ["007", "007", "😀"]
    assert [row["value"] for row in expected] == [9.99, None, -1.5]
    assert expected[1]["properties"] == 'a, "quoted" note'


@pytest.mark.parametrize(
    ("name", "content", "source"),
    [
        ("e.csv.gz", gzip.compress(CSV.encode()), {}),
        ("bom.csv", b"\xef\xbb\xbf" + CSV.encode(), {}),
        ("crlf.csv", CSV.replace("\n", "\r\n").encode(), {}),
        (
            "bars.txt",
            CSV.replace("a, ", "a; ").replace(",", "|").replace("a; ", "a, ").encode(),
            {"csv": {"delimiter": "|"}},
        ),
        ("e.tsv", CSV.replace("a, ", "a; ").replace(",", "\t").replace("a; ", "a, ").encode(), {}),
    ],
)
def test_text_files_are_told_by_their_ending(project, expected, name, content, source):
    project.write(name, content)
    project.ingest(sources=[{"path": name, **source}], mapping=MAPPING)
    assert digest_of(project) == expected


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "jsonl.gz", "folder", "glob"])
def test_other_files_give_the_same(project, expected, kind):
    path = f"more.{kind}"
    frame = ROWS.to_pandas()
    frame["timestamp"] = frame["timestamp"].astype(str)
    lines = frame.to_json(orient="records", lines=True, force_ascii=False)
    if kind == "parquet":
        pq.write_table(ROWS, project.folder / path)
    elif kind.startswith("jsonl"):
        project.write(path, gzip.compress(lines.encode()) if "gz" in kind else lines)
    else:
        path = {"folder": "more", "glob": "more/2025-*.csv"}[kind]
        head, *rest = CSV.splitlines(keepends=True)
        for day, line in enumerate(rest):
            project.write(f"more/2025-{day}.csv", head + line)
        project.write("more/_ignored.csv", "half")
        project.write("more/readme.md", "not events")
    report = project.ingest(sources=[{"path": path}], mapping=MAPPING)
    assert digest_of(project) == expected
    assert report.changed


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_tables_give_the_same(project, expected, kind):
    table = {
        "pandas": ROWS.to_pandas,
        "polars": lambda: pl.from_arrow(ROWS),
        "arrow": lambda: ROWS,
    }[kind]()
    project.ingest(sources=[{"table": "orders"}], mapping=MAPPING, tables={"orders": table})
    assert digest_of(project) == expected
    again = project.ingest(sources=[{"table": "orders"}], mapping=MAPPING, tables={"orders": table})
    assert not again.changed


def test_a_dataset_is_handed_over_by_its_name(project, expected):
    project.ingest(sources=[{"dataset": "cdnow"}], mapping=MAPPING, tables={"cdnow": ROWS})
    assert digest_of(project) == expected


def test_sqlite_gives_the_same(project, expected):
    with sqlite3.connect(project.folder / "shop.db") as base:
        ROWS.to_pandas().astype({"timestamp": str}).to_sql("orders", base, index=False)
    base.close()
    source = {"url": "sqlite:///shop.db", "query": "select * from orders where event <> ':x'"}
    project.ingest(sources=[source], mapping=MAPPING)
    assert digest_of(project) == expected
    assert not project.ingest(sources=[source], mapping=MAPPING).changed


def test_sqlite_columns_that_mix_kinds_become_text(project):
    with sqlite3.connect(project.folder / "shop.db") as base:
        base.execute("create table o (customer_id, timestamp, event, value)")
        rows = [(9007199254740993, "2025-01-01", "e", 1), ("007", "2025-01-01", "e", 2.5)]
        base.executemany("insert into o values (?, ?, ?, ?)", rows)
    base.close()
    source = {"url": "sqlite:///shop.db", "query": "select * from o"}
    project.ingest(sources=[source], mapping={"value": "value"})
    assert project.ids() == ["007", "9007199254740993"]


def test_duckdb_gives_the_same(project, expected):
    with duckdb.connect(str(project.folder / "shop.duckdb")) as base:
        base.register("rows", ROWS)
        base.execute("create table orders as select * from rows")
    source = {"url": "duckdb:///shop.duckdb", "query": "select * from orders"}
    project.ingest(sources=[source], mapping=MAPPING)
    assert digest_of(project) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"path": "gone.csv"}, "No event file at 'gone.csv'"),
        ({"path": "gone/*.csv"}, "No event file at"),
        ({"path": "notes.xlsx"}, "no known ending"),
        ({"table": "ordres"}, "Did you mean 'orders'"),
        ({"url": "sqlite:///gone.db", "query": "select 1"}, "No database file at 'gone.db'"),
        ({"url": "duckdb:///gone.db", "query": "select 1"}, "No database file at 'gone.db'"),
        ({"url": "sqlite:///shop.db", "query": "select * from gone"}, "no such table: gone"),
        ({"url": "duckdb:///x.csv", "query": "select 1"}, "The query on duckdb:///x.csv failed"),
        ({"url": "nobase://x", "query": "select 1"}, "The query on nobase://x failed"),
    ],
)
def test_what_is_not_there_is_named(project, source, message):
    project.write("notes.xlsx", "x")
    project.write("x.csv", "x")
    sqlite3.connect(project.folder / "shop.db").close()
    with pytest.raises(DataCheckError, match=message) as caught:
        project.ingest(sources=[source], tables={"orders": ROWS})
    assert caught.value.exit_code == 3


def test_a_postgres_query_reads_zones_casts_and_percent_signs(project, postgres):
    psycopg = pytest.importorskip("psycopg")

    with psycopg.connect(f"{postgres}/postgres", autocommit=True) as link:
        link.execute(
            "create table orders (customer text, at timestamptz, kind text, total numeric(9, 2))"
        )
        link.execute(
            "insert into orders values ('007', '2025-01-02 10:00+01', 'buy', 9.99), "
            "('7', '2025-01-03 00:00Z', 'buy', null), ('x', '2025-01-03 00:00Z', 'look', 1)"
        )
    query = "select customer, at, kind::text as kind, total from orders where kind like 'b%'"
    mapping = {"customer_id": "customer", "timestamp": "at", "event": "kind", "value": "total"}
    source = {"url": f"{postgres}/postgres", "query": query}
    report = project.ingest(sources=[source], mapping=mapping, timestamps={})
    assert (report.summary.events, report.quarantined) == (2, {})
    log = project.open().customer("007")
    assert log.measures[0].tolist() == [999]
    assert pd.Timestamp(int(log.timestamp_us[0]), unit="us") == pd.Timestamp("2025-01-02 09:00")


def test_a_database_error_never_shows_the_password(project):
    url = "postgresql://ann:hunter2@127.0.0.1:1/shop"
    with pytest.raises(DataCheckError, match=r"postgresql://127\.0\.0\.1:1/shop") as caught:
        project.ingest(sources=[{"url": url, "query": "select 1"}])
    assert "hunter2" not in str(caught.value)


def test_sources_may_have_their_own_columns(project):
    project.write("events.csv", CSV)
    project.write("mail.csv", "who,sent,kind\n007,1735812000,opened\n")
    own = {
        "customer_id": "who",
        "timestamp": "sent",
        "event": "kind",
        "channel": {"constant": "mail"},
    }
    report = project.ingest(
        sources=[
            {"path": "events.csv"},
            {"path": "mail.csv", "mapping": own, "timestamps": {"unit": "s"}},
        ],
        mapping=MAPPING,
    )
    assert report.summary.by_event == {"buy": 2, "opened": 1, "view": 1}
    assert report.summary.by_channel == {"": 3, "mail": 1}
    assert [source["rows"] for source in report.sources] == [3, 1]


def test_measures_ride_on_events(project):
    project.write(
        "events.csv", "customer_id,timestamp,event,until,miles\na,2025-01-01,e,2025-12-31,12.5\n"
    )
    measures = {
        "ends": {"column": "until", "kind": "date"},
        "miles": {"column": "miles", "step": 0.5},
    }
    project.ingest(mapping={"measures": measures})
    log = project.open().customer("a")
    ends = pd.Timestamp("2025-12-31").value // 1000
    assert [m.name for m in log.vocabulary.measures] == ["value", "ends", "miles"]
    assert log.measures[1:, 0].tolist() == [ends, 25]


def test_nested_properties_become_json(project):
    table = pa.table(
        {
            "customer_id": ["a"],
            "timestamp": pa.array([0], pa.timestamp("us", "UTC")).cast(pa.timestamp("us", "UTC")),
            "event": ["e"],
            "more": [{"size": 3}],
        }
    )
    project.ingest(
        sources=[{"table": "t"}],
        mapping={"properties": "more"},
        tables={"t": table},
        earliest_time="1960-01-01",
    )
    assert project.open().table(["a"]).to_pylist()[0]["properties"] == '{"size":3}'


def test_a_copy_of_a_file_in_the_same_source_is_read_once_and_named(project):
    lines = "customer_id,timestamp,event\n007,2025-01-02T10:00:00Z,buy\n"
    for name in ("in/a.csv", "in/b.csv"):
        project.write(name, lines)
    project.write("in/c.csv", lines + "008,2025-01-02T10:00:00Z,buy\n")
    report = project.ingest(sources=[{"path": "in"}], mapping={})
    assert (report.rows_read, report.summary.events) == (3, 3)
    assert [source.get("same_as") for source in report.sources] == [None, "in/a.csv", None]
