"""The spec alone decides columns, names and order."""

import pytest
from pydantic import ValidationError

from nexttouch.errors import FeatureError
from nexttouch.events.log import Measure, Vocabulary
from nexttouch.features import FeatureSpec, compile_features, unknown_events

ALWAYS = (
    "recency_days_activity",
    "tenure_days_activity",
    "active_days_activity_life",
    "active_days_activity_91d",
    "events_activity_life",
    "sum_value_activity_life",
    "sum_value_all_life",
    "journey_stage",
)
FAMILIES = (
    "frequency", "sessions", "decayed", "regularity", "trend", "money", "breadth", "channel",
    "touches", "journey", "context", "people",
)  # fmt: skip


VOCABULARY = Vocabulary(("buy",))


def compiled(spec, vocabulary=VOCABULARY, stages=("not_started", "at_risk")):
    return compile_features(spec, vocabulary=vocabulary, activity=("buy",), stages=stages)


def test_default_with_three_groups_has_a_workable_number_of_columns():
    groups = {"purchase": ("buy",), "login": ("login",), "support": ("help",)}
    stages = tuple("abcdefgh")
    assert 120 <= len(compiled(FeatureSpec(groups=groups), stages=stages).names) <= 200


def test_names_are_those_of_the_contract():
    spec = FeatureSpec(
        groups={"support": ("help",)}, channels=("e-mail",), touches=("mail",), replies=("open",)
    )
    names = set(compiled(spec).names)
    assert {
        *ALWAYS, "recency_days_support", "events_all_7d", "events_support_364d",
        "active_days_support_28d", "sessions_activity_life", "decayed_events_all_30d",
        "decayed_value_activity_90d", "sum_value_activity_28d", "mean_value_activity_91d",
        "max_value_activity_life", "last_value_activity", "gap_mean_days_support",
        "gap_std_days_activity", "recency_over_gap_activity", "silence_z_activity",
        "trend_events_support_28d_91d", "trend_active_days_activity_14d_56d",
        "trend_sum_value_activity_28d_91d", "breadth_events_28d", "channel_e_mail_28d",
        "touches_28d", "touch_recency_days", "replies_per_touch_28d", "journey_days_in_stage",
        "journey_previous_stage", "journey_entries_at_risk", "journey_moves_90d",
        "night_share_activity_91d", "weekend_share_activity_91d",
    } <= names  # fmt: skip


def test_columns_do_not_depend_on_the_log():
    spec = FeatureSpec(groups={"support": ("help",)}, channels=("email",))
    small = compiled(spec, Vocabulary(("buy",)))
    large = compiled(spec, Vocabulary(("x", "help", "buy", "y"), ("", "fax", "email")))
    assert small.names == large.names
    assert small.to_files() == large.to_files()


def test_each_column_has_one_name_and_one_of_ten_reasons():
    plan = compiled(FeatureSpec(channels=("web",), touches=("mail",), without=()))
    assert len(set(plan.names)) == len(plan.names) == len(plan.reason_groups)
    assert set(plan.reason_groups) == {
        "recency", "frequency", "activity", "regularity", "trend", "money", "channel", "touches",
        "journey", "context",
    }  # fmt: skip


def test_columns_that_baselines_need_survive_any_spec():
    spec = FeatureSpec(windows_days=(), measures={}, half_lives_days=(), without=FAMILIES)
    assert compiled(spec).names == (*ALWAYS, "recency_days_all")


@pytest.mark.parametrize("family", FAMILIES)
def test_switching_a_family_off_only_takes_columns_away(family):
    spec = FeatureSpec(channels=("web",), touches=("mail",), replies=("open",), without=())
    every = compiled(spec).names
    fewer = compiled(spec.model_copy(update={"without": (family,)})).names
    assert len(fewer) < len(every)
    assert [name for name in every if name in fewer] == list(fewer)


def test_a_date_is_told_as_days_and_never_summed():
    vocabulary = Vocabulary(
        ("buy",), measures=(Measure("value", "money", 0.01), Measure("ends", "date"))
    )
    names = compiled(FeatureSpec(measures={"activity": ("ends",)}), vocabulary).names
    assert [name for name in names if "ends" in name] == ["last_ends_activity"]


def test_unknown_events_are_listed_not_refused():
    spec = FeatureSpec(groups={"a": ("buy", "byu")}, touches=("mial",), replies=("open",))
    vocabulary = Vocabulary(("buy", "open"))
    assert unknown_events(spec, vocabulary) == ("byu", "mial")
    assert compiled(spec, vocabulary).names


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"windows_days": (0,)}, "0 is not a number of days from 1 to 36525"),
        ({"half_lives_days": (-1,)}, "-1 is not a number of days"),
        ({"windows_days": (7, 7)}, "days: 7 is listed twice"),
        ({"trends_days": ((28, 7),)}, r"\(28, 7\) must be \(short, long\)"),
        ({"groups": {"all": ("buy",)}}, "'all' is always there"),
        ({"groups": {"No": ("buy",)}}, "'No' must be lower case"),
        ({"groups": {"none": ()}}, "'none' names no event"),
        ({"measures": {"buyers": ("value",)}}, "'buyers' is not a group; groups are activity, all"),
        ({"channels": ("web", "web")}, "channels: web is listed twice"),
        ({"replies": ("open",)}, "replies: need touches"),
        ({"without": ("monney",)}, "Input should be"),
        ({"windows": (7,)}, "Extra inputs are not permitted"),
        ({"session_gap_minutes": 0}, "greater than or equal to 1"),
    ],
)
def test_wrong_specs_are_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        FeatureSpec(**wrong)


def test_colliding_names_are_refused_by_name():
    with pytest.raises(FeatureError, match="would be named 'channel_e_mail_28d'"):
        compiled(FeatureSpec(channels=("e-mail", "e mail")))


def test_unknown_measures_are_refused_with_the_nearest():
    with pytest.raises(FeatureError, match=r"'valeu', .* Did you mean 'value'"):
        compiled(FeatureSpec(measures={"activity": ("valeu",)}))
