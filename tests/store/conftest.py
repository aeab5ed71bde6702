"""The same tests on SQLite and, where its programs are installed, on a Postgres of their own."""

from __future__ import annotations

import pandas as pd
import pytest

from nexttouch.store import ScoreRun, ScoreStore


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/nexttouch.db"
    server = request.getfixturevalue("postgres")
    import psycopg  # noqa: PLC0415

    name = f"t{abs(hash(request.node.name))}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as link:
        link.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


@pytest.fixture
def store(url):
    store = ScoreStore.open(url)
    yield store
    store.close()


@pytest.fixture
def run():
    def make(name="r1", as_of="2025-03-01", **info):
        at = pd.Timestamp(as_of, tz="UTC")
        return ScoreRun(name, at, "3", "b" * 64, "d" * 64, at + pd.Timedelta(hours=1), info)

    return make
