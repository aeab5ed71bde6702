"""Bad input ends with its own exit code, a sentence that says what to do, and nothing changed."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import numpy as np
import pandas as pd
import pytest

HEAD = "customer,at,event,channel,total\n"


def rows_of(database):
    """Every row of the score database, so that two moments can be compared."""
    with contextlib.closing(sqlite3.connect(database)) as link:
        names = link.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return {name: link.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}


def state_of(folder, kit):
    """What must survive: event store, champion, secret and worklist by bytes, scores by rows."""
    files = kit.files_below(folder / "state/events")
    files = {name: content for name, content in files.items() if name != ".lock"}
    return (
        files,
        kit.files_below(folder / "bundle"),
        kit.files_below(folder / "state/worklist"),
        rows_of(folder / "state/nexttouch.db"),
    )


def assert_plain(done, code, *words):
    """One message for a person: the code, the words, no traceback, and nothing on stdout."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "[NT" in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.fixture(scope="module")
def shop(finished, tmp_path_factory):
    """A project with a champion and scores that bad input is thrown at."""
    return finished.copy(tmp_path_factory.mktemp("bad") / "shop")


def half_a_parquet_file(folder):
    pd.DataFrame({"customer": ["a"] * 999, "at": "2025-01-01", "event": "purchase"}).to_parquet(
        folder / "broken.parquet"
    )
    whole = (folder / "broken.parquet").read_bytes()
    (folder / "broken.parquet").write_bytes(whole[: len(whole) // 2])


def text(content):
    return lambda folder: (folder / "bad.csv").write_text(content)


BAD_SOURCES = {
    "missing file": (
        lambda _folder: None,
        "gone.csv",
        ["gone.csv"],
    ),
    "half a Parquet file": (half_a_parquet_file, "broken.parquet", ["broken.parquet"]),
    "wrong delimiter": (
        text((HEAD + "a,2025-01-01T00:00:00Z,purchase,web,1\n" * 3).replace(",", ";")),
        "bad.csv",
        ["bad.csv", "delimiter"],
    ),
    "missing column": (
        text(HEAD.replace("total", "totl") + "a,2025-01-01T00:00:00Z,purchase,web,1\n"),
        "bad.csv",
        ["bad.csv", "total", "totl"],
    ),
    "time without zone": (
        text(HEAD + "a,2025-01-01 10:00:00,purchase,web,1\n" * 3),
        "bad.csv",
        ["bad.csv", "zone"],
    ),
    "only a head": (text(HEAD), "bad.csv", ["bad.csv"]),
    "nothing at all": (text(""), "bad.csv", ["bad.csv"]),
}


@pytest.mark.parametrize("name", BAD_SOURCES)
def test_a_bad_source_is_named_and_nothing_changes(shop, kit, name):
    make, path, words = BAD_SOURCES[name]
    make(shop)
    before = state_of(shop, kit)
    (shop / "nexttouch.yaml").write_text(kit.yaml.replace("orders.csv", path))
    done = kit.call("ingest", shop, "--json")
    (shop / "nexttouch.yaml").write_text(kit.yaml)
    assert_plain(done, 3, *words)
    assert state_of(shop, kit) == before


def days_of(customers, days):
    at = pd.Timestamp("2025-01-01T09:00:00Z") + pd.to_timedelta(np.arange(days), unit="D")
    return pd.DataFrame(
        [
            (name, "purchase", "web", 10.0, moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
            for name in customers
            for moment in at
        ],
        columns=["customer", "event", "channel", "total", "at"],
    )


TOO_LITTLE = {
    "one customer": (days_of(["only"], 150), ["one class", "horizon_days"]),
    "one day": (days_of(["a", "b", "c"], 1), ["honest test date", "add history"]),
    "one class": (days_of([f"c{i}" for i in range(30)], 150), ["one class", "x active"]),
}


@pytest.mark.parametrize("name", TOO_LITTLE)
def test_a_log_that_cannot_teach_is_refused_in_words(kit, tmp_path, name):
    orders, words = TOO_LITTLE[name]
    folder = kit.write_project(tmp_path / "shop", orders)
    assert_plain(kit.call("run", folder, "--json"), 3, *words)
    assert not (folder / "bundle").exists()
    assert_plain(kit.call("score", folder), 1, "no champion yet", "nexttouch train")


def test_activity_that_never_happens_is_no_training_data(kit, tmp_path):
    yaml = kit.yaml.replace("[purchase]", "[sale]")
    folder = kit.write_project(tmp_path / "shop", kit.orders(30), yaml)
    assert_plain(kit.call("run", folder), 3, "sale", "goals.churn.activity")


def test_a_misspelt_key_is_usage(kit, shop):
    (shop / "nexttouch.yaml").write_text(kit.yaml.replace("horizon_days", "horizn_days"))
    done = kit.call("check", shop)
    (shop / "nexttouch.yaml").write_text(kit.yaml)
    assert_plain(done, 2, "goals.horizn_days", "Did you mean 'horizon_days'?")


@pytest.mark.parametrize(
    "arguments", [["ingestt"], ["run", "--jsn"], ["explain"], ["score", "--as-of"]]
)
def test_a_wrong_call_is_usage(kit, arguments, tmp_path):
    done = kit.call(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Error" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_no_project_is_usage_and_names_the_way_out(kit, tmp_path):
    assert_plain(kit.call("run", tmp_path), 2, "nexttouch.yaml", "nexttouch init")


@pytest.mark.parametrize("customer", ["07", "[bold]x[/]\n"])
def test_an_unknown_customer_is_a_failure_and_never_made_up(kit, shop, customer):
    done = kit.call("explain", customer, shop, "--json")
    assert_plain(done, 1, "corner_shop", "compared exactly")
    assert repr(customer) in done.stderr


def test_a_date_that_is_none_is_refused(kit, shop):
    done = kit.call("score", shop, "--as-of", "2025-13-01")
    assert_plain(done, 3, "'2025-13-01' is not a date", "2025-03-01")


def test_a_date_without_customers_is_refused_and_nothing_changes(kit, shop):
    before = state_of(shop, kit)
    assert_plain(kit.call("score", shop, "--as-of", "2010-01-01"), 3, "2010-01-01", "--as-of")
    assert state_of(shop, kit) == before


def test_limits_that_contradict_are_usage_and_leave_the_decisions(kit, shop):
    before = state_of(shop, kit)
    floor = "{tiers: [high_touch], at_least: 30}"
    yaml = kit.yaml.replace("strategy:\n", f"strategy:\n  floors: [{floor}]\n")
    (shop / "nexttouch.yaml").write_text(yaml)
    done = kit.call("decide", shop, "--json")
    (shop / "nexttouch.yaml").write_text(kit.yaml)
    assert_plain(done, 2, "high_touch")
    assert state_of(shop, kit) == before


def test_a_candidate_that_does_not_win_is_refused_and_the_champion_scores(kit, finished, tmp_path):
    """Fewer, other customers make another kind of model win, but not beyond the interval."""
    folder = finished.copy(tmp_path / "shop")
    former = finished.document["training"]
    bundle = kit.files_below(folder / "bundle")
    kit.orders(60, seed=11).to_csv(folder / "orders.csv", index=False)
    done = kit.call("run", folder, "--json")
    assert done.returncode == 4, done.stderr
    assert "was not promoted" in done.stderr
    assert "Traceback" not in done.stderr
    document = json.loads(done.stdout)
    assert document["training"]["gate"]["promoted"] is False
    assert document["training"]["model"]["version"] == "2"
    assert document["scores"]["model_version"] == former["model"]["version"] == "1"
    assert kit.files_below(folder / "bundle") == bundle
