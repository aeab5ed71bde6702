"""A run that is stopped or killed leaves what was complete before, and can be run again."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import time

import pytest

from nexttouch import pipeline
from nexttouch.engine import EventStore
from nexttouch.pipeline import Project
from nexttouch.store import ScoreStore

KILLS, MANY_KILLS = 3, 30
LONGEST = 15.0
"""Seconds; about what a run takes, so that kills fall on every step."""


@contextlib.contextmanager
def running(kit, folder):
    """Run the whole product in a process of its own; it is dead at the end of the block."""
    with subprocess.Popen(
        [kit.command, "run", str(folder), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=kit.environment,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def assert_usable(folder):
    """The store opens and is whole, the champion scores, and scores can be decided on."""
    project = Project.open(folder)
    assert EventStore.open(project.store_folder).verify() > 0
    scores = pipeline.score(folder)
    assert scores.frame["p_churn"].between(0, 1).all()
    assert pipeline.explain(folder, str(scores.frame["customer_id"].iloc[0]))["reasons"]
    return scores.run


def renew(kit, folder, seed):
    """Write other orders, so that the next run has something to do from its first step on."""
    kit.orders(80, seed=seed).to_csv(folder / "orders.csv", index=False)


@pytest.fixture
def shop(finished, tmp_path):
    return finished.copy(tmp_path / "shop")


def test_ctrl_c_ends_with_130_and_the_earlier_state_stays(kit, shop, finished):
    bundle = kit.files_below(shop / "bundle")
    renew(kit, shop, 21)
    store = EventStore.open(shop / "state/events").digest
    with running(kit, shop) as process:
        time.sleep(0.5)
        while EventStore.open(shop / "state/events").digest == store:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        time.sleep(1.0)  # in the middle of training
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), said
    assert "Stopped" in said
    assert "Traceback" not in said
    assert kit.files_below(shop / "bundle") == bundle
    database = ScoreStore.open(Project.open(shop).database_url)
    with contextlib.closing(database):
        assert database.latest_run().id == finished.document["scores"]["run"]
    assert_usable(shop)


def kill_and_look(kit, shop, kills, seed):
    chance = random.Random(seed)
    for number in range(kills):
        renew(kit, shop, 100 + number)
        with running(kit, shop) as process:
            try:
                process.wait(chance.uniform(0.5, LONGEST))
            except subprocess.TimeoutExpired:
                process.kill()
        assert_usable(shop)
    renew(kit, shop, 7)
    done = kit.call("run", shop, "--json")
    assert done.returncode in {0, 4}, done.stderr
    document = json.loads(done.stdout)
    assert document["ingest"]["customers"] == 80
    assert document["scores"]["scored"] + document["scores"]["not_eligible"] == 80
    left = [p.name for p in (shop / "state").iterdir() if p.name.startswith((".", "tmp"))]
    assert left == []
    assert not [p for p in shop.iterdir() if p.name.startswith(".")]


def test_a_kill_at_any_moment_leaves_a_project_that_works(kit, shop):
    kill_and_look(kit, shop, KILLS, seed=1)


@pytest.mark.nightly
def test_many_kills_leave_a_project_that_works(kit, shop):
    kill_and_look(kit, shop, MANY_KILLS, seed=2)
