"""Scores and decisions are appended whole, and read back as they were written."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pandas as pd
import pytest

from nexttouch.errors import StoreError
from nexttouch.store import ScoreStore

IDS = [
    "007",
    "7",
    "9007199254740993",
    "\u00e4",
    "a\u0308",
    "😀",
    "a'b\"c",
    "\u200b",
    "x" * 256,
]


def frame(ids=IDS, p=0.1):
    n = len(ids)
    return pd.DataFrame(
        {
            "customer_id": ids,
            "stage": ["loyal"] * n,
            "p_churn": np.linspace(p, 0.9, n),
            "p_stage_loyal": np.full(n, 1 / 3),
            "little_history": [False] * n,
            "rank": np.arange(n),
            "reasons": [[{"group": "recency", "text": "5 < 6 & 'quoted'"}]] * n,
            "at": pd.Timestamp("2025-01-02 03:04:05.000006", tz="UTC"),
            "value": [np.nan, np.inf, *np.ones(n - 2)] if n > 1 else np.ones(n),
        }
    )


def decided(ids=IDS):
    return pd.DataFrame({"customer_id": ids, "tier": "no_touch", "u": 0.1 + 0.2})


def test_scores_come_back_bit_for_bit(store, run):
    written = frame()
    store.write_scores(run(note="first"), written)
    read = store.latest_scores()
    expected = written.sort_values("customer_id").reset_index(drop=True)
    assert read["customer_id"].tolist() == expected["customer_id"].tolist()
    for name in ("p_churn", "p_stage_loyal", "rank", "little_history", "reasons"):
        assert read[name].tolist() == expected[name].tolist()
    assert read["at"].unique().tolist() == ["2025-01-02T03:04:05.000006+00:00"]
    assert read["value"].isna().sum() == 2
    assert store.latest_run() == run(note="first")


def test_an_empty_store_says_so(store):
    assert store.latest_run() is None
    assert store.customer("007") is None
    assert store.latest_scores().empty
    assert store.latest_decisions().columns.tolist() == ["customer_id", "tier"]


def test_the_run_written_last_is_the_newest_whatever_its_moment(store, run):
    store.write_scores(run("new", "2025-03-01"), frame(p=0.2))
    store.write_decisions("new", decided())
    store.write_scores(run("backfill", "2025-01-01"), frame(p=0.3))
    assert store.latest_run().id == "backfill"
    store.write_decisions("backfill", decided().assign(tier="high_touch"))
    assert store.latest_decisions()["tier"].unique().tolist() == ["high_touch"]
    store.write_scores(run("again", "2025-03-01"), frame(["only"], p=0.4))
    assert store.latest_run().id == "again"
    assert store.latest_scores()["customer_id"].tolist() == ["only"]
    assert store.customer("007") is None


def test_a_customer_has_score_and_the_decision_made_from_it(store, run):
    store.write_scores(run("r1", "2025-03-01"), frame())
    assert store.customer("😀").decision is None
    store.write_decisions("r1", decided(), info={"policy": "p1"})
    for name in IDS:
        state = store.customer(name)
        assert state.decision == {"tier": "no_touch", "u": 0.1 + 0.2}
        assert state.run.model_version == "3"
    store.write_decisions("r1", decided().assign(tier="high_touch"))
    assert store.customer("007").decision["tier"] == "high_touch"
    store.write_scores(run("r2", "2025-04-01"), frame())
    assert store.customer("007").decision is None  # a decision belongs to its own score
    assert store.latest_decisions()["tier"].unique().tolist() == ["high_touch"]
    assert store.customer("nobody") is None


def test_empty_runs_are_runs(store, run):
    store.write_scores(run(), frame().iloc[:0])
    store.write_decisions("r1", decided().iloc[:0])
    assert store.latest_run().id == "r1"
    assert store.latest_scores().empty


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda f: f.drop(columns="stage"), r"misses the column 'stage'"),
        (lambda f: pd.concat([f, f.iloc[:2]]), r"2 customers stand twice"),
        (lambda f: f.assign(stage=None), r"'stage'.*has missing values"),
        (lambda f: f.assign(reasons=[{1}] * len(f)), r"'reasons' does not fit into JSON"),
    ],
)
def test_bad_tables_are_refused_whole(store, run, change, match):
    with pytest.raises(StoreError, match=match):
        store.write_scores(run(), change(frame()))
    assert store.latest_run() is None
    store.write_scores(run(), frame())


def test_runs_never_change(store, run):
    store.write_scores(run(), frame())
    with pytest.raises(StoreError, match=r"'r1' exists already"):
        store.write_scores(run(), frame(["a"]))
    with pytest.raises(StoreError, match=r"no score run 'r9'"):
        store.write_decisions("r9", decided())
    assert len(store.latest_scores()) == len(IDS)


def test_a_hundred_thousand_rows_take_less_than_three_seconds(store, run):
    rng = np.random.default_rng(1)
    n = 100_000
    big = pd.DataFrame({"customer_id": [f"c{i}" for i in rng.permutation(n)], "stage": "loyal"})
    big["p_churn"] = rng.random(n)
    big = big.assign(**{f"p_stage_{k}": rng.random(n) for k in range(8)})
    began = time.process_time()
    store.write_scores(run(), big)
    assert time.process_time() - began < 3
    assert (
        store.customer("c99999").score["p_stage_7"]
        == big.set_index("customer_id").loc["c99999", "p_stage_7"]
    )


def test_another_schema_is_refused(url):
    store = ScoreStore.open(url)
    with store._database.writing() as link:
        link.exec_driver_sql("UPDATE nexttouch_schema SET version = 2")
    store.close()
    with pytest.raises(StoreError, match=r"schema version 2; this nexttouch reads 1"):
        ScoreStore.open(url)


def test_a_fork_uses_connections_of_its_own(store, run):
    store.write_scores(run(), frame())
    child = os.fork()
    if child == 0:
        os._exit(0 if store.customer("007").score["stage"] == "loyal" else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert store.customer("007").score["stage"] == "loyal"


def test_a_writer_killed_half_way_leaves_no_half_run(tmp_path, run):
    """Readers see all rows of a run or none, whenever the writer dies."""
    url = f"sqlite:///{tmp_path}/nexttouch.db"
    script = textwrap.dedent(
        """
        import sys, pandas as pd
        from nexttouch.store import ScoreRun, ScoreStore
        store = ScoreStore.open(sys.argv[1])
        ids = [str(i) for i in range(2000)]
        table = pd.DataFrame({"customer_id": ids, "stage": "new", "p_churn": 0.5})
        at = pd.Timestamp("2025-01-01", tz="UTC")
        print("go", flush=True)
        for i in range(10**6):
            store.write_scores(ScoreRun(f"r{i}", at, "1", "b", "d", at), table)
        """
    )
    for delay in (0.02, 0.11, 0.23):
        child = subprocess.Popen([sys.executable, "-c", script, url], stdout=subprocess.PIPE)
        with child:
            child.stdout.readline()
            time.sleep(delay)
            child.send_signal(signal.SIGKILL)
        store = ScoreStore.open(url)
        assert len(store.latest_scores()) in {0, 2000}
        with store._database.reading() as link:
            counts = (
                link.exec_driver_sql("SELECT count(*) FROM scores GROUP BY run").scalars().all()
            )
            runs = link.exec_driver_sql("SELECT count(*) FROM score_runs").scalar()
        assert counts == [2000] * runs
        with store._database.writing() as link:
            link.exec_driver_sql("DELETE FROM scores")
            link.exec_driver_sql("DELETE FROM score_runs")
        store.close()


def test_readers_are_not_blocked_by_a_writer(tmp_path, run):
    url = f"sqlite:///{tmp_path}/nexttouch.db"
    store, reader = ScoreStore.open(url), ScoreStore.open(url)
    store.write_scores(run(), frame())
    with store._database.writing() as link:
        link.exec_driver_sql("DELETE FROM scores")
        assert len(reader.latest_scores()) == len(IDS)
    assert reader.latest_scores().empty
    store.close()
    reader.close()


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("nonsense", r"not a database URL"),
        ("mysql://u:secret@h/db", r"'mysql' is not supported"),
        ("sqlite://", r"SQLite needs a file"),
        ("sqlite:////proc/nothing/x.db", r"cannot be used.*Check data.database_url"),
        ("postgresql://u:secret@127.0.0.1:9/db", r"u:\*\*\*@127.0.0.1:9/db cannot be used"),
    ],
)
def test_an_unusable_url_says_what_to_do(url, match):
    with pytest.raises(StoreError, match=match) as caught:
        ScoreStore.open(url)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_left_alone(tmp_path):
    path = tmp_path / "notes.db"
    path.write_text(json.dumps(["my notes"] * 500))
    with pytest.raises(StoreError, match=r"notes.db cannot be used: file is not a database"):
        ScoreStore.open(f"sqlite:///{path}")
    assert path.read_text().startswith('["my notes"')
