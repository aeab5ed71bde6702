"""The same tests on SQLite and, where its programs are installed, on a Postgres of their own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from nexttouch.store import ScoreRun, ScoreStore


def program(name: str) -> str | None:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((str(p / name) for p in places if (p / name).exists()), shutil.which(name))


@pytest.fixture(scope="session")
def postgres():
    """URL of an empty Postgres server, its files in a temporary folder."""
    pytest.importorskip("psycopg")
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if not (initdb and pg_ctl):
        pytest.skip("Postgres is not installed")
    folder = Path(tempfile.mkdtemp(prefix="nexttouch-postgres-"))  # readable by its user
    who = {}
    if os.getuid() == 0:  # Postgres refuses to run as root
        who = {"user": "postgres"}
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = str(folder / "data")
    calls = {"stdout": subprocess.DEVNULL, "cwd": folder, **who}
    subprocess.run(
        [initdb, "-D", data, "-U", "tester", "-A", "trust", "--no-sync"], check=True, **calls
    )
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    start = [pg_ctl, "-D", data, "-o", options, "-l", f"{folder}/log", "-w", "start"]
    subprocess.run(start, check=True, **calls)
    yield f"postgresql://tester@127.0.0.1:{port}"
    subprocess.run([pg_ctl, "-D", data, "-m", "immediate", "stop"], check=True, **calls)
    shutil.rmtree(folder)


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
