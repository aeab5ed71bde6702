"""Documents on stdout, words on stderr, and nothing heavy before a command needs it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("pandas", "numpy", "lightgbm", "mlflow", "duckdb", "sklearn", "numba", "bentoml", "scipy")
COMMANDS = (
    "init",
    "check",
    "ingest",
    "train",
    "score",
    "decide",
    "run",
    "explain",
    "serve",
    "demo",
)


@pytest.fixture(scope="module")
def shop(finished, tmp_path_factory):
    return finished.copy(tmp_path_factory.mktemp("output") / "shop")


def loaded(kit, code):
    """Run code in a fresh interpreter and list the heavy modules it left loaded."""
    tell = f"\nimport sys; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code + tell],
        capture_output=True,
        text=True,
        env=kit.environment,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def test_a_run_prints_one_document_and_nothing_else(finished):
    assert (finished.exit_code, finished.stderr) == (0, "")
    document, end = json.JSONDecoder().raw_decode(finished.stdout)
    assert finished.stdout[end:] == "\n"
    assert list(document) == ["project", "ingest", "training", "scores", "decisions"]


@pytest.mark.parametrize(
    "arguments", [["check"], ["ingest"], ["score"], ["decide"], ["explain", "007"]]
)
def test_each_command_prints_one_strict_document(kit, shop, arguments):
    done = kit.call(*arguments, shop, "--json")
    assert (done.returncode, done.stderr) == (0, "")

    def refuse(name):
        raise AssertionError(name)

    assert isinstance(json.loads(done.stdout, parse_constant=refuse), dict)


def test_words_for_people_have_no_bars_and_no_colours_in_a_pipe(kit, shop):
    done = kit.call("decide", shop)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert "Worklist, top 10" in done.stdout
    assert "━" not in done.stdout
    assert "\r" not in done.stdout


def test_ingest_says_that_nothing_is_new(kit, shop):
    assert "nothing new since the last ingest" in kit.call("ingest", shop).stdout


def test_explain_in_words_names_tier_and_reasons(kit, shop):
    done = kit.call("explain", "😀 smile", shop)
    assert done.returncode == 0, done.stderr
    assert "Customer 😀 smile" in done.stdout
    assert "Churn risk" in done.stdout
    assert "Tier " in done.stdout


def test_help_is_light_and_every_command_has_it(kit):
    assert loaded(kit, "import nexttouch.cli.app") == "[]"
    top = kit.call("--help")
    assert (top.returncode, top.stderr) == (0, "")
    for command in COMMANDS:
        assert command in top.stdout
    assert "3 data check" in top.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_says_what_it_does_and_imports_nothing_heavy(kit, command):
    code = (
        "import sys; sys.argv = ['nexttouch', COMMAND, '--help']\n"
        "from nexttouch.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code.replace("COMMAND", repr(command))],
        capture_output=True,
        text=True,
        env=kit.environment,
        check=True,
    )
    assert f"nexttouch {command}" in done.stdout
    if command != "demo":
        assert "project" in done.stdout.lower()
    assert loaded(kit, code.replace("COMMAND", repr(command))) == "[]"


def test_importing_the_package_loads_nothing_heavy(kit):
    assert loaded(kit, "import nexttouch, nexttouch.pipeline; dir(nexttouch)") == "[]"
