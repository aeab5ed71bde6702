"""A small shop with awkward customers, and the real command run on it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

COMMAND = str(Path(sys.executable).with_name("nexttouch"))
QUIET = {**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "110"}
AWKWARD = ("007", "7", "9007199254740993", "😀 smile", 'cust-9f3a, "quoted"', " padded ")
DAYS = 150
YAML = """
version: 1
name: corner_shop
customers:
  sources: [{path: orders.csv}]
  mapping: {customer_id: customer, timestamp: at, event: event, channel: channel, value: total}
  time_zone: Europe/Berlin
  currency: EUR
goals: {churn: {activity: [purchase]}, horizon_days: 14, margin_rate: 0.3}
journey: {preset: lifecycle, events: {activity: [purchase]}}
touchpoints:
  channels: [email, phone]
  consent: {email: {opt_in_events: [mail_yes], opt_out_events: [mail_no]}}
strategy:
  profile: general
  teams: {retention_agent: {hours: 20, hourly_rate: 40}}
  capacity: {automated_retention: 30, high_touch: 10}
data:
  certificate_customers: 5
  snapshots: {training_snapshots: 2, test_dates: 2, min_history_days: 40}
  features:
    touches: [mail_sent]
    windows_days: [7, 28]
    coarse_windows_days: [28]
    half_lives_days: [14]
    trends_days: [[14, 28]]
"""


def make_orders(customers: int = 200, *, days: float = DAYS, seed: int = 5) -> pd.DataFrame:
    """Purchases, letters and changes of consent; customers differ in pace and in when they stop."""
    rng = np.random.default_rng(seed)
    ids = [*AWKWARD, *(f"cust-9f3a-{i:04d}" for i in range(customers))][:customers]
    rows: list[tuple[str, float, str, str, float | None]] = []
    for name in ids:
        day, gap, stop = rng.uniform(0, 40), rng.uniform(2, 14), rng.uniform(40, days * 1.6)
        while day < min(days, stop):
            channel = str(rng.choice(["web", "store"]))
            rows.append((name, day, "purchase", channel, round(float(rng.gamma(2, 15)), 2)))
            if rng.random() < 0.15:
                rows.append((name, day + 0.3, "mail_sent", "email", None))
            if rng.random() < 0.03:
                wish = str(rng.choice(["mail_yes", "mail_no"]))
                rows.append((name, day + 0.2, wish, "email", None))
            day += rng.exponential(gap)
    table = pd.DataFrame(rows, columns=["customer", "day", "event", "channel", "total"])
    table = table[table["day"] < days]
    at = pd.Timestamp("2025-01-01", tz="UTC") + pd.to_timedelta(table["day"], unit="D")
    text = at.dt.floor("s").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return table.assign(at=text).drop(columns="day").reset_index(drop=True)


BAD_ROWS = pd.DataFrame(
    [
        ("nul\0id", "purchase", "web", "1", "2025-02-01T00:00:00Z"),
        ("x" * 257, "purchase", "web", "1", "2025-02-01T00:00:00Z"),
        ("cust-9f3a-0001", "purchase", "web", "1", "2999-01-01T00:00:00Z"),
        ("cust-9f3a-0001", "purchase", "web", "1", "2999-01-02T00:00:00Z"),
        ("cust-9f3a-0001", "purchase", "web", "inf", "2025-02-01T00:00:00Z"),
        ("cust-9f3a-0001", "purchase", "web", "NaN", "2025-02-01T00:00:07Z"),
    ],
    columns=["customer", "event", "channel", "total", "at"],
)
"""Two ids that are refused, two times in the future, an infinite value; NaN is merely missing."""
QUARANTINED = {"id_has_nul": 1, "id_too_long": 1, "time_in_future": 2, "infinite_value": 1}


MLFLOW_PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def call(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the real command to its end, both streams captured."""
    return subprocess.run(
        [COMMAND, *map(str, args)],
        capture_output=True,
        text=True,
        env=QUIET,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        timeout=170,
        check=False,
    )


def write_project(folder: Path, orders: pd.DataFrame, yaml: str = YAML) -> Path:
    """Write a project that was never run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nexttouch.yaml").write_text(yaml)
    orders.to_csv(folder / "orders.csv", index=False)
    return folder


def files_below(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder, so that two moments can be compared."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@dataclass(frozen=True)
class Finished:
    """A project after ``nexttouch run --json``."""

    folder: Path
    orders: pd.DataFrame
    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The document that was printed."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document

    def copy(self, folder: Path) -> Path:
        """Copy the project with everything it knows, MLflow's own paths included."""
        shutil.copytree(self.folder, folder)
        with contextlib.closing(sqlite3.connect(folder / "state" / "mlflow.db")) as database:
            for table, column in MLFLOW_PATHS:
                moved = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
                database.execute(moved, (str(self.folder), str(folder)))
            database.commit()
        return folder


@dataclass(frozen=True)
class Kit:
    """What tests of the pipeline and the command share."""

    command: str = COMMAND
    environment: Any = None
    yaml: str = YAML
    awkward: tuple[str, ...] = AWKWARD
    quarantined: Any = None
    orders = staticmethod(make_orders)
    call = staticmethod(call)
    write_project = staticmethod(write_project)
    files_below = staticmethod(files_below)


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit(environment=QUIET, quarantined=QUARANTINED)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Finished:
    """One whole run by the real command, on a machine that never ran it before."""
    orders = pd.concat([make_orders(), BAD_ROWS], ignore_index=True)
    folder = write_project(tmp_path_factory.mktemp("finished") / "shop", orders)
    done = call("run", folder, "--json")
    return Finished(folder, orders, done.returncode, done.stdout, done.stderr)


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
