"""A small real project: ingested, fitted with the quick candidates, scored and decided."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pandas as pd
import pytest

from nexttouch.models import Scorer, churn_candidates, stage_candidates
from nexttouch.pipeline.ingestion import ingest
from nexttouch.pipeline.predictor import Predictor
from nexttouch.pipeline.project import Project
from nexttouch.pipeline.training_data import build_training_set
from nexttouch.store import ScoreRun, ScoreStore

if TYPE_CHECKING:
    from pathlib import Path

YAML = """
version: 1
name: corner_shop
customers:
  sources: [{path: orders.csv}]
  mapping: {customer_id: customer, timestamp: at, event: {constant: purchase}, value: total}
  time_zone: Europe/Berlin
  currency: EUR
goals: {churn: {activity: [purchase]}, horizon_days: 28, margin_rate: 0.3}
journey: {preset: lifecycle, events: {activity: [purchase]}}
data: {snapshots: {eligible: {active_within_days: ever}}}
"""


def orders(customers: int = 60) -> pd.DataFrame:
    """Purchases of some customers over a year, with awkward ids among them."""
    rng = np.random.default_rng(3)
    ids = ["007", "7", "9007199254740993", "😀", *(f"c{i}" for i in range(customers - 4))]
    rows = []
    for i, name in enumerate(ids):
        day = rng.uniform(0, 60)
        while day < 365 and (i % 3 or day < 200):
            rows.append((name, day, round(float(rng.gamma(2, 15)), 2)))
            day += rng.exponential(8 + i % 20)
    table = pd.DataFrame(rows, columns=["customer", "day", "total"])
    at = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(table["day"], unit="D")
    return table.assign(at=at.dt.floor("s").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).drop(columns="day")


@dataclass
class Shop:
    """The project with what its batch wrote."""

    folder: Path
    predictor: Predictor
    as_of: pd.Timestamp
    frame: pd.DataFrame
    orders: pd.DataFrame

    def events(self, customer: str) -> list[dict[str, object]]:
        """One customer's events as an application posts them."""
        mine = self.orders[self.orders["customer"] == customer]
        return [
            {"timestamp": at, "event": "purchase", "value": total}
            for at, total in zip(mine["at"], mine["total"], strict=True)
        ]


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "nexttouch.yaml").write_text(YAML)
    table = orders()
    table.to_csv(folder / "orders.csv", index=False)
    ingest(folder, now=pd.Timestamp("2025-02-01", tz="UTC"))
    project, built = Project.open(folder), build_training_set(folder)
    rows = built.training_set
    scorer = Scorer.fit(
        rows,
        churn=churn_candidates(28)["lightgbm"],
        stage=stage_candidates(rows.legal)["markov"],
        reason_groups=built.path.features.reason_groups,
    )
    info = {"project": "corner_shop", "events": ["purchase"], "stages": list(scorer.stages)}
    info["entry_points"] = {
        "predictor": "nexttouch.pipeline.predictor:Predictor",
        "probe": "nexttouch.pipeline.predictor:probe_bundle",
    }
    predictor = Predictor(built.definition, built.path.features, built.vocabulary, scorer, info)
    predictor.write(project.bundle_folder, rows.X.to_numpy(np.float32)[:8])
    predictor = Predictor.load(project.bundle_folder)
    as_of = pd.Timestamp(built.observed_until_us, unit="us", tz="UTC")
    from nexttouch.engine import EventStore  # noqa: PLC0415 - heavy

    store = EventStore.open(project.store_folder)
    frames = [predictor.predict_log(log, built.observed_until_us).frame() for log in store.logs()]
    frame = pd.concat(frames, ignore_index=True)
    scores = ScoreStore.open(project.database_url)
    run = ScoreRun("r1", as_of, "1", predictor.digest, store.digest, as_of)
    scores.write_scores(run, frame)
    tiers = pd.DataFrame({"customer_id": frame["customer_id"], "tier": "no_touch"})
    tiers.loc[tiers["customer_id"] == "007", "tier"] = "high_touch"
    scores.write_decisions("r1", tiers.assign(decision_id="d1"))
    scores.close()
    return Shop(folder, predictor, as_of, frame, table)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def client(shop, tmp_path_factory):
    """A real ``bentoml serve`` of the project's bundle."""
    port = free_port()
    home = tmp_path_factory.mktemp("bento")
    environment = {
        **os.environ,
        "NEXTTOUCH_PROJECT": str(shop.folder),
        "NEXTTOUCH_MODEL_VERSION": "1",
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "true",
    }
    command = ["-m", "bentoml", "serve", "nexttouch.serving.service:NextTouch", "--port", str(port)]
    log = home / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, *command, "--host", "127.0.0.1"],
            env=environment,
            stdout=out,
            stderr=out,
            cwd=home,
            start_new_session=True,
        )
    with server, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        try:
            _wait(client, server, log)
            client.log = log
            yield client
        finally:
            server.terminate()
            server.wait(20)


def _wait(client: httpx.Client, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        if server.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"the service did not become ready:\n{log.read_text()[-3000:]}")
