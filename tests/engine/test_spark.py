"""Spark gives the bits of the batch path, however it cuts the log into partitions and batches."""

import doctest
import os
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexttouch.engine.spark import spark_features, whole_customers
from nexttouch.errors import DataCheckError, FeatureError
from nexttouch.events import Measure, Vocabulary, build_log
from nexttouch.features import FeatureSpec, compile_features
from nexttouch.journey import JourneySpec, compile_journey
from nexttouch.snapshots import DAY_US
from nexttouch.training.snapshot_table import FeaturePath

pytestmark = pytest.mark.filterwarnings(
    "ignore:PySpark does not yet fully support pandas:FutureWarning"
)

ZONE = "Europe/Berlin"
VOCABULARY = Vocabulary(
    ("buy", "help", "login", "mail", "open"),
    ("", "email", "web"),
    (Measure("value", "money", 0.01), Measure("ends", "date"), Measure("quantity")),
)
SPEC = FeatureSpec(
    groups={"support": ("help",)},
    windows_days=(7, 28),
    coarse_windows_days=(1, 28),
    half_lives_days=(7, 90),
    trends_days=((7, 28),),
    channels=("email",),
    measures={"activity": ("value", "quantity"), "all": ("ends",)},
    touches=("mail",),
    replies=("open",),
    without=(),
)
CLOCKS_CHANGE = int(np.datetime64("2025-03-29T23:00", "us").astype(int))  # midnight before it
CUTOFFS = np.sort(CLOCKS_CHANGE + np.array([*range(-77, 14, 7)]) * DAY_US)
CUTOFFS[-1] += 13 * 3_600_000_000 + 1  # one inside a day
TYPES = {
    "customer_id": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
    "event": pa.string(),
    "channel": pa.string(),
    "value": pa.float64(),
    "event_id": pa.string(),
    "ingested_at": pa.timestamp("us", "UTC"),
    "actor_id": pa.string(),
    "ends": pa.timestamp("us", "UTC"),
    "quantity": pa.int64(),
}


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    pyspark = pytest.importorskip("pyspark", reason="needs the extra [spark]")
    java = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=f"{java}/bin" if java else None) is None:
        pytest.skip("Spark needs Java 17 or later")
    from pyspark.sql import SparkSession  # noqa: PLC0415

    assert pyspark.__version__ >= "4"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        session = (
            SparkSession.builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "3")
            .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
            .config("spark.sql.session.timeZone", "America/New_York")  # must not matter
            .config("spark.sql.execution.arrow.maxRecordsPerBatch", "7")
            .getOrCreate()
        )
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()


@pytest.fixture(scope="module")
def path():
    journey = compile_journey(
        JourneySpec(preset="lifecycle", events={"activity": ["buy", "login"]}), VOCABULARY
    )
    plan = compile_features(
        SPEC, vocabulary=VOCABULARY, activity=("buy", "login"), stages=journey.stages
    )
    return FeaturePath(plan, journey, ("buy", "login"), 28, 28 * DAY_US)


def random_events(seed, n=900):
    """Draw a log with everything that is awkward, as a canonical table."""
    rng = np.random.default_rng(seed)
    edges = np.concatenate([CUTOFFS - days * DAY_US for days in (0, 1, 7, 28, 90)])
    edges = np.concatenate(
        [edges - 1, edges, edges + 1, CLOCKS_CHANGE + np.arange(4) * 1_800_000_000]
    )
    at = np.where(
        rng.random(n) < 0.5,
        rng.choice(edges, n),
        rng.integers(CUTOFFS[0] - 100 * DAY_US, CUTOFFS[-1] + 9 * DAY_US, n),
    )
    customers = ["half", "007", "7", "ä", "a\u0308", "客", "\U0001f600", "A", "a", "one-event"]
    weights = np.array([n / 2, *np.full(8, n / 18), 0])
    owner = rng.choice(customers, n, p=weights / weights.sum())
    owner[:40] = [f"short {k % 25}" for k in range(40)]
    owner[40] = "one-event"
    again = rng.integers(0, n, n // 10)  # ties and exact repeats
    delay = rng.choice([0, 0, 0, 1, 3, 40], n) * DAY_US
    columns = {
        "customer_id": owner,
        "timestamp": at,
        "event": rng.choice([*VOCABULARY.events, "surprise", "news"], n),
        "channel": rng.choice(["email", "web", "fax", None], n),
        "value": np.where(rng.random(n) < 0.3, np.nan, rng.integers(-999, 9999, n) / 100),
        "event_id": np.where(rng.random(n) < 0.8, None, rng.integers(0, 40, n).astype(str)),
        "ingested_at": at + delay,
        "actor_id": rng.choice(["p", "q", None], n),
        "ends": at + rng.integers(-9, 99, n) * DAY_US,
        "quantity": rng.integers(-3, 100, n),
    }
    table = pa.table(
        {name: pa.array(columns[name], from_pandas=True).cast(kind) for name, kind in TYPES.items()}
    )
    copies = table.take(again)
    moved = copies.set_column(2, "event", pa.array(rng.choice(VOCABULARY.events, len(again))))
    return pa.concat_tables([table, copies, moved]).take(rng.permutation(n + 2 * len(again)))


def batch(path, events, cutoffs=CUTOFFS):
    """Compute the same rows with the path that training uses."""
    log = build_log(events, vocabulary=VOCABULARY, time_zone=ZONE)
    table = path.table(log, cutoffs)
    stages = np.array(path.journey.stages)
    return (
        list(zip(table.customer_id, table.cutoff_us.tolist(), strict=True)),
        [
            table.eligible.tolist(),
            stages[table.stage].tolist(),
            stages[table.silent_stage].tolist(),
        ],
        table.X,
    )


def by_spark(spark, path, events, cutoffs=CUTOFFS, **how):
    frame = events if hasattr(events, "sparkSession") else spark.createDataFrame(events)
    found = spark_features(frame, cutoffs, path=path, vocabulary=VOCABULARY, time_zone=ZONE, **how)
    assert found.columns[5:] == list(path.names)
    table = found.toArrow()
    ids = table["customer_id"].to_pylist()
    cutoff = table["cutoff"].cast(pa.int64()).to_pylist()
    order = sorted(range(len(ids)), key=lambda row: (ids[row].encode(), cutoff[row]))
    table = table.take(pa.array(order, pa.int64()))
    return (
        [(ids[row], cutoff[row]) for row in order],
        [table[name].to_pylist() for name in ("eligible", "stage", "silent_stage")],
        np.array([table[name].to_numpy() for name in path.names], dtype=np.float32).T,
    )


def assert_same(found, expected):
    assert found[0] == expected[0]
    assert found[1] == expected[1]
    bits = [np.ascontiguousarray(rows[2]).view(np.uint32) for rows in (found, expected)]
    np.testing.assert_array_equal(*bits)


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(1, 9), max_size=12), cuts=st.sets(st.integers(0, 110)))
def test_customers_stay_whole_however_the_stream_is_cut(counts, cuts):
    rows = pa.record_batch(
        {
            "customer_id": [f"c{k:02d}" for k, n in enumerate(counts) for _ in range(n)],
            "row": np.arange(sum(counts)),
        }
    )
    ends = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    stream = [rows.slice(0, 0), *(rows.slice(a, b - a) for a, b in pairwise(ends))]
    tables = list(whole_customers(stream))
    seen = [set(table["customer_id"].to_pylist()) for table in tables]
    assert sum(map(len, seen)) == len(counts)
    assert [row for table in tables for row in table["row"].to_pylist()] == list(range(len(rows)))


def test_no_more_than_a_customer_and_a_batch_is_held():
    ids = [["a", "a"], ["a", "b"], ["c", "c"], ["c", "c"], ["d", "e"]]
    read = []

    def stream():
        for batch_ids in ids:
            read.append(batch_ids)
            yield pa.record_batch({"customer_id": batch_ids})

    sizes = [(len(read), table.num_rows) for table in whole_customers(stream())]
    assert sizes == [(2, 3), (3, 1), (5, 5), (5, 1)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_spark_equals_batch_bit_for_bit(spark, path, seed):
    events = random_events(seed)
    assert_same(by_spark(spark, path, events), batch(path, events))


def test_one_cutoff_gives_the_rows_that_thirteen_give(spark, path):
    events = random_events(4)
    keys, facts, X = by_spark(spark, path, events)
    for cutoff in CUTOFFS[[0, 11, 12]]:
        mine = [row for row, (_, at) in enumerate(keys) if at == cutoff]
        picked = [keys[row] for row in mine], [[f[row] for row in mine] for f in facts], X[mine]
        assert_same(by_spark(spark, path, events, [cutoff]), picked)


def test_order_of_rows_and_number_of_partitions_change_nothing(spark, path):
    events = random_events(5)
    expected = batch(path, events)
    shuffled = events.take(np.random.default_rng(0).permutation(len(events)))
    assert_same(by_spark(spark, path, shuffled, partitions=1), expected)
    assert_same(by_spark(spark, path, events, partitions=23), expected)  # some of them empty


def test_no_events_give_no_rows(spark, path):
    found = by_spark(spark, path, random_events(6).slice(0, 0))
    assert found[0] == []


def test_customers_of_whom_nothing_has_arrived_have_no_rows(spark, path):
    events = random_events(10)
    never = pa.array([int(CUTOFFS[-1]) + 1] * len(events)).cast(TYPES["ingested_at"])
    unheard = events.set_column(events.column_names.index("ingested_at"), "ingested_at", never)
    renamed = pa.array([f"{name} later" for name in events["customer_id"].to_pylist()])
    both = pa.concat_tables([events, unheard.set_column(0, "customer_id", renamed)])
    assert_same(by_spark(spark, path, both), batch(path, events))


def test_ids_that_a_collation_holds_for_one_stay_two(spark, path):
    events = random_events(7)
    frame = spark.createDataFrame(events)
    careless = frame.withColumn(
        "customer_id", frame["customer_id"].cast("string collate UTF8_LCASE")
    )
    assert_same(by_spark(spark, path, careless, partitions=1), batch(path, events))


def test_columns_are_checked_before_anything_runs(spark, path):
    events = random_events(8)
    frame = spark.createDataFrame(events)
    with pytest.raises(DataCheckError, match="no column 'event'"):
        by_spark(spark, path, frame.withColumnRenamed("event", "action"))
    with pytest.raises(DataCheckError, match="carry no zone"):
        by_spark(
            spark, path, frame.withColumn("timestamp", frame["timestamp"].cast("timestamp_ntz"))
        )
    with pytest.raises(FeatureError, match="at least one cutoff"):
        by_spark(spark, path, frame, [])
    with pytest.raises(FeatureError, match="different moments"):
        by_spark(spark, path, frame, [CUTOFFS[0], CUTOFFS[0]])


def test_a_row_without_an_event_ends_the_job_and_says_so(spark, path):
    from pyspark.errors import PythonException  # noqa: PLC0415

    events = random_events(9)
    holes = pa.array([None, *events["event"].to_pylist()[1:]], pa.string())
    with pytest.raises(PythonException, match=r"\[NT200\] Row \d+ has no event"):
        by_spark(spark, path, events.set_column(2, "event", holes))


@pytest.mark.usefixtures("spark")
def test_the_example_of_the_page_runs():
    page = Path(__file__).parents[2] / "docs" / "spark.md"
    result = doctest.testfile(str(page), module_relative=False, optionflags=doctest.REPORT_NDIFF)
    assert result.attempted > 10
    assert result.failed == 0
