"""nexttouch.yaml: what it refuses, and how it says so."""

import pytest

from nexttouch.config import Config
from nexttouch.errors import ConfigError

GOOD = """
version: 1
customers: {sources: [{path: orders.csv}], currency: EUR}
goals: {churn: {activity: [purchase]}, margin_rate: 0.3}
journey: {preset: lifecycle, events: {activity: [purchase]}}
"""


def test_defaults_fill_what_is_not_said():
    config = Config.parse(GOOD)
    assert (config.goals.horizon_days, config.data.snapshots.test_dates) == (28, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("custmers: {}", r"Unknown key 'custmers'\. Did you mean 'customers'\?"),
        (
            "data: {snapshots: {test_date: 3}}",
            r"'data\.snapshots\.test_date'\. Did you mean 'test_dates'",
        ),
        ("data: {snapshots: {eligible: {days: 3}}}", r"'data\.snapshots\.eligible\.days'"),
        ("strategy: {tiers: {high_touch: {hurs: {}}}}", r"hurs'\. Did you mean 'hours'"),
        ("version: 2", "stands twice"),
        ("zzz: 1", "Valid names here: .*journey"),
    ],
)
def test_a_wrong_key_is_named_with_its_path_and_the_nearest_name(wrong, message):
    with pytest.raises(ConfigError, match=message):
        Config.parse(GOOD + wrong)


def test_a_missing_key_says_what_it_is_for():
    with pytest.raises(ConfigError, match=r"'goals\.margin_rate' is missing\. Contribution margin"):
        Config.parse(GOOD.replace(", margin_rate: 0.3", ""))


def test_a_value_where_a_list_belongs_is_told_in_the_words_of_yaml():
    with pytest.raises(ConfigError, match=r"'customers\.sources': Input should be a list\."):
        Config.parse(GOOD.replace("[{path: orders.csv}]", "orders.csv"))


def test_an_empty_source_is_told_once_and_for_its_own_reason():
    with pytest.raises(ConfigError, match=r"pth'\. Did you mean 'path'") as caught:
        Config.parse(GOOD.replace("path:", "pth:"))
    assert "at least 1 item" not in str(caught.value)


@pytest.mark.parametrize("text", ["[1, 2]", "just words", "", "a: : b"])
def test_what_is_not_a_mapping_is_refused(text):
    with pytest.raises(ConfigError, match=r"must hold the six parts|not valid YAML"):
        Config.parse(text)


def test_a_missing_file_names_the_command_that_writes_one(tmp_path):
    with pytest.raises(ConfigError, match="nexttouch init"):
        Config.read(tmp_path)


def test_the_folder_names_the_project(tmp_path):
    (tmp_path / "nexttouch.yaml").write_text(GOOD)
    assert Config.read(tmp_path).name == tmp_path.name


def test_yaml_and_python_say_the_same():
    config = Config.parse(GOOD)
    assert Config.parse(config.to_yaml()) == config
    assert Config.model_validate(config.model_dump()) == config


def test_a_config_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Config.parse(GOOD).name = "other"
