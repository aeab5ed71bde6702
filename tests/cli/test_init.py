"""``nexttouch init``: flags or answers become a project that checks and runs."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time

import pytest

from nexttouch.cli.wizard import Answers, write_project
from nexttouch.config import Config
from nexttouch.errors import ConfigError

FLAGS = {
    "audience": "people who buy our bread: twice a week",
    "channels": "email, phone",
    "objective": "retention",
    "experiment": "0.1",
    "human-hours": "12.5",
    "activity": "purchase",
    "review-days": "14",
    "source": "orders.csv",
    "margin-rate": "0.4",
    "currency": "CHF",
}


def flags(**other):
    return [f"--{name}={value}" for name, value in (FLAGS | other).items() if value is not None]


@pytest.fixture
def project(kit, tmp_path):
    done = kit.call("init", tmp_path / "bakery", *flags(), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["file"] == str(tmp_path / "bakery/nexttouch.yaml")
    return tmp_path / "bakery"


def states(kit, folder, code=0):
    done = kit.call("check", folder, "--json")
    assert done.returncode == code, done.stderr
    return {part["part"]: part for part in json.loads(done.stdout)["parts"]}


def test_every_answer_stands_in_the_project(project):
    config = Config.read(project)
    assert config.name == "bakery"
    assert config.touchpoints.channels == ("email", "phone")
    assert config.strategy.experiments.holdout_share == 0.1
    assert config.strategy.teams["retention_agent"].hours == 12.5
    assert (config.goals.horizon_days, config.goals.margin_rate) == (14, 0.4)
    assert (config.goals.objective, config.goals.churn.activity) == ("retention", ("purchase",))
    assert (config.customers.currency, config.customers.sources[0].path) == ("CHF", "orders.csv")
    assert "twice a week" in (project / "nexttouch.yaml").read_text()


def test_check_says_what_is_complete_missing_and_contradictory(kit, project):
    parts = states(kit, project)
    assert list(parts) == ["customers", "goals", "journey", "touchpoints", "strategy", "data"]
    assert parts["goals"]["state"] == "complete"
    assert parts["customers"]["state"] == "missing"
    assert any("orders.csv" in note for note in parts["customers"]["notes"])
    assert any("nexttouch ingest" in note for note in parts["data"]["notes"])
    file = project / "nexttouch.yaml"
    file.write_text(
        file.read_text().replace('churn: {activity: ["purchase"]}', "churn: {activity: [visit]}")
    )
    parts = states(kit, project, code=2)
    assert parts["journey"]["state"] == "contradictory"
    assert "visit" in parts["journey"]["notes"][0]


def test_check_reads_and_never_writes(kit, project):
    before = kit.files_below(project)
    states(kit, project)
    assert kit.files_below(project) == before


def test_a_written_project_runs(kit, project):
    orders = kit.orders(60).rename(
        columns={"customer": "customer_id", "at": "timestamp", "total": "value"}
    )
    orders.to_csv(project / "orders.csv", index=False)
    done = kit.call("run", project, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["decisions"]["currency"] == "CHF"
    assert document["training"]["journey"]["horizon_days"] == 14
    assert document["ingest"]["customers"] == 60


def test_an_existing_project_is_left_alone(kit, project):
    before = (project / "nexttouch.yaml").read_bytes()
    done = kit.call("init", project, *flags(currency="USD"))
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert (project / "nexttouch.yaml").read_bytes() == before


def test_flags_that_are_missing_without_a_terminal_are_named(kit, tmp_path):
    done = kit.call("init", tmp_path / "bakery", "--source=orders.csv", "--currency=CHF")
    assert done.returncode == 2
    for name in set(FLAGS) - {"source", "currency"}:
        assert f"--{name}" in done.stderr
    assert "--source" not in done.stderr
    assert not (tmp_path / "bakery").exists()


def test_an_answer_that_cannot_be_used_is_usage_and_writes_nothing(kit, tmp_path):
    done = kit.call("init", tmp_path / "bakery", *flags(**{"margin-rate": "1.7"}))
    assert (done.returncode, done.stdout) == (2, "")
    assert "goals.margin_rate" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "bakery").exists()


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ({"review_days": 0}, r"goals\.horizon_days"),
        ({"objective": "world peace"}, r"goals\.objective"),
        ({"experiment": 2.0}, "holdout_share"),
        ({"activity": " , "}, r"goals\.churn\.activity"),
        ({"currency": "euros and some cents"}, r"customers\.currency"),
        ({"human_hours": -3.0}, r"retention_agent\.hours"),
        ({"journey": "lifecicle"}, "lifecycle"),
    ],
)
def test_each_answer_is_held_against_the_schema(tmp_path, answer, key):
    given = {name.replace("-", "_"): value for name, value in FLAGS.items()}
    numbers = {"experiment": 0.1, "human_hours": 12.5, "review_days": 14, "margin_rate": 0.4}
    answers = Answers(**(given | numbers | answer))
    with pytest.raises(ConfigError, match=key):
        write_project(tmp_path / "bakery", answers)
    assert not (tmp_path / "bakery").exists()


def test_hostile_answers_stay_answers(kit, tmp_path):
    awkward = 'a "b": {c}\n#d'
    done = kit.call(
        "init", tmp_path / "x", *flags(audience=awkward, source=awkward, currency="1e3")
    )
    assert done.returncode == 0, done.stderr
    config = Config.read(tmp_path / "x")
    assert config.customers.sources[0].path == awkward
    assert config.customers.currency == "1e3"


def test_the_seven_questions_are_asked_on_a_terminal(kit, tmp_path):
    answers = ["", "email, phone", "", "0.1", "", "purchase", "7", "orders.csv", "0.25", "USD"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [kit.command, "init", str(tmp_path / "asked")],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=kit.environment | {"TERM": "xterm"},
    ) as process:
        os.close(theirs)
        shown, waiting = "", list(answers)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if not select.select([ours], [], [], 0.2)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                piece = os.read(ours, 4096).decode()
            except OSError:  # the terminal is gone with the process
                break
            shown += piece
            if waiting and re.search(r"\]: $", shown):
                os.write(ours, (waiting.pop(0) + "\n").encode())
                shown += "\n"
        process.wait(10)
    os.close(ours)
    assert (process.returncode, waiting) == (0, []), shown
    assert [f"{n}." in shown for n in range(1, 8)] == [True] * 7
    config = Config.read(tmp_path / "asked")
    assert (config.goals.horizon_days, config.goals.margin_rate) == (7, 0.25)
    assert config.touchpoints.channels == ("email", "phone")
    assert config.customers.currency == "USD"
