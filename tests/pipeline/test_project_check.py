"""check: contradictions stop work before it begins, and names the log never saw are told."""

import pytest

from nexttouch.config import Config
from nexttouch.errors import ConfigError, DataCheckError
from nexttouch.events import Vocabulary
from nexttouch.pipeline import Predictor, Project, build_training_set, check, score
from nexttouch.pipeline.deciding import policy_key
from nexttouch.pipeline.definition import Definition
from nexttouch.pipeline.project_check import unseen_names

BASE = """
version: 1
customers: {sources: [{path: orders.csv}], mapping: {value: total}, currency: EUR SEGMENTS}
goals: {churn: {activity: [purchase]}, margin_rate: RATE}
journey: {preset: lifecycle, events: {activity: [purchase]}}
touchpoints: {channels: [email]}
"""


def config_of(rate="0.3", segments="", more=""):
    return Config.parse(BASE.replace("RATE", rate).replace(" SEGMENTS", segments) + more)


def state_of(config, part, folder):
    parts = check(Project.open(config, folder=folder))["parts"]
    return next(p for p in parts if p["part"] == part)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("Strategy: {}", r"Unknown key 'Strategy'\. Did you mean 'strategy'"),
        ("touch-points: {}", r"Unknown key 'touch-points'\. Did you mean 'touchpoints'"),
        ("strategy: {Budget: 3}", r"Unknown key 'strategy\.Budget'\. Did you mean 'budget'"),
    ],
)
def test_an_unknown_key_is_named_however_it_is_written(wrong, message):
    with pytest.raises(ConfigError, match=message):
        config_of(more=wrong)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "nexttouch.yaml").write_bytes(b"version: 1\nname: \xff\xfe\n")
    with pytest.raises(ConfigError, match="cannot be read as UTF-8 text"):
        Config.read(tmp_path)


@pytest.mark.parametrize(
    ("part", "config", "message"),
    [
        ("goals", {"rate": "{big: 0.3}"}, "no figure for segment 'all'"),
        (
            "customers",
            {"segments": ", segments: [{name: big, feature: sum_valu, at_least: 1}]"},
            "reads feature 'sum_valu', which is not computed",
        ),
    ],
)
def test_a_contradiction_is_told_and_stops_training_before_it_begins(
    tmp_path, part, config, message
):
    made = config_of(**config)
    found = state_of(made, part, tmp_path)
    assert found["state"] == "contradictory"
    assert any(message in note for note in found["notes"])
    with pytest.raises(ConfigError, match=message):
        build_training_set(Project.open(made, folder=tmp_path))


def test_names_the_log_never_saw_are_told_with_the_nearest():
    config = config_of(
        more="data: {features: {touches: [mial], groups: {help: [call]}, channels: [shop]}}"
    )
    told = unseen_names(config, Vocabulary(("purchase", "mail", "call"), ("", "web")))
    assert told == [
        (
            "data.features.touches names event 'mial', which the log has never seen. "
            "Did you mean 'mail'?"
        ),
        "data.features.channels names 'shop', never seen in the log.",
    ]


def test_a_gap_keeps_churn_and_stages_apart():
    assert Definition.of(config_of()).reconciled
    assert not Definition.of(config_of(more="data: {snapshots: {gap_days: 7}}")).reconciled


def test_the_policy_key_is_made_once_and_is_nobody_elses_business(tmp_path):
    project = Project.open(config_of(), folder=tmp_path)
    key = policy_key(project)
    assert len(key) == 32
    assert policy_key(project) == key
    assert (project.state / "policy.key").stat().st_mode & 0o077 == 0
    assert [file.name for file in project.state.iterdir()] == ["policy.key"]


@pytest.mark.parametrize(
    ("moment", "message"),
    [("2099-01-01", "after the end of the observed log"), ("", "--as-of is empty")],
)
def test_days_nobody_has_seen_are_not_scored(finished, moment, message):
    with pytest.raises(DataCheckError, match=message):
        score(finished.folder, as_of=moment)


def test_margins_of_the_project_count_as_soon_as_they_are_written(finished):
    project = Project.open(finished.folder)
    predictor = Predictor.load(project.bundle_folder)
    goals = project.config.goals.model_copy(update={"margin_rate": 0.6})
    doubled = predictor.priced_by(project.config.model_copy(update={"goals": goals}))
    assert doubled.definition.goals.margin_rate == 0.6
    assert predictor.definition.goals.margin_rate == 0.3
    assert doubled.scorer is predictor.scorer
