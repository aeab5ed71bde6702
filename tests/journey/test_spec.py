"""Journeys that cannot work are refused with the name of what is wrong."""

# ruff: noqa: E501  (a case a line)

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from nexttouch.errors import JourneyError
from nexttouch.events.log import Measure, Vocabulary
from nexttouch.journey import (
    JourneySpec,
    check_mapping,
    compile_journey,
    describe,
    load_preset,
    preset_names,
    unmapped_events,
)

VOCABULARY = Vocabulary(("order", "visit"))


def journey(*rules, **parts):
    ways = {
        "in": ("not_started", "here", {"event": "x"}),
        "back": ("dormant", "here", {"event": "x"}),
    }
    listed = [{"name": n, "from": f, "to": t, "when": w} for n, (f, t, w) in ways.items()]
    base = {"stages": [{"name": "here"}], "events": {"x": ["order"]}, "rules": [*listed, *rules]}
    return JourneySpec.model_validate(base | parts)


def rule(name="r", source="here", to="there", when=None, **parts):
    return {"name": name, "from": source, "to": to, "when": when or {"event": "x"}, **parts}


TWO = {"stages": [{"name": "here"}, {"name": "there"}]}
CASES = [
    ("Rule 'r' names the stage 'theer'.*Did you mean 'there'", [rule(to="theer")], TWO),
    ("Rule 'r' names the stage 'not_started'", [rule(to="not_started")], {}),
    ("Rule 'r' names the trigger 'y'.*Known here: any, x", [rule(to="here", when={"event": "y"})], {}),
    ("journey.events names the trigger 'activty'.*'activity'", [], {"triggers": {"activity": {}, "x": {}}, "events": {"x": ["order"], "activty": ["order"]}}),
    ("No rules lead from not_started to there", [rule(source="there", to="here")], TWO),
    ("No rule leads out of there", [rule(), rule("d", "here", "dormant")], TWO),
    ("The stage 'here' is written twice", [], {"stages": [{"name": "here"}, {"name": "here"}]}),
    ("The rule 'in' is written twice", [rule("in", to="dormant")], {}),
    ("A stage cannot be called 'dormant'", [], {"stages": [{"name": "here"}, {"name": "dormant"}]}),
    ("A stage cannot be called 'any'", [], {"stages": [{"name": "any"}]}),
    ("journey.dormant names the stage 'her'.*'here'", [], {"dormant": "her"}),
    ("'in' and 'r' may both fire from 'not_started'.*priority 1", [rule(source="not_started", priority=1)], TWO),
    ("'a', 'b' may all hold at one instant", [
        rule("a", when={"at_least": 1, "of": "x"}),
        rule("b", "there", "here", {"at_least": 2, "of": "x"}),
    ], TWO),
    ("'r' may all hold at one instant", [rule(to="here", when={"silence_days": 3, "of": "x"})], {}),
    ("A condition has the keys event, silence_days", [rule(to="here", when={"event": "x", "silence_days": 3})], {}),
    ("waits for nothing.*Did you mean 'silence_days'", [rule(to="here", when={"silence_day": 3, "of": "x"})], {}),
    ("needs 'preset', or 'stages' and 'rules'", [], {"stages": []}),
    ("journey.preset names the journey 'lifecyle'.*'lifecycle'", [], {"preset": "lifecyle"}),
    ("Extra inputs are not permitted", [], {"stagse": []}),
    ("greater than or equal to 1", [], {"dormant_after_days": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("message", "rules", "parts"), CASES, ids=[c[0][:40] for c in CASES])
def test_a_journey_that_cannot_work_is_refused_by_name(message, rules, parts):
    with pytest.raises(ValidationError, match=re.compile(message, re.DOTALL)):
        journey(*rules, **parts)


def test_opposite_conditions_may_share_a_priority_and_lead_in_a_circle():
    spec = journey(
        rule("up", "here", "there", {"at_least": 3, "of": "x", "within_days": 28}, priority=9),
        rule("down", "there", "here", {"fewer_than": 3, "of": "x", "within_days": 28}),
        rule("stay", "here", "here", [{"event": "x"}, {"fewer_than": 2, "of": "x", "within_days": 28}], priority=9),
        **TWO,
    )  # fmt: skip
    assert "up" in [r.name for r in spec.ordered_rules]


def test_dormant_is_added_with_a_rule_when_nothing_leads_there():
    spec = journey(dormant_after_days=30)
    assert spec.stage_names == ("not_started", "here", "dormant")
    assert describe(spec).endswith(
        "any -> dormant when any mapped event is silent for more than 30 days."
    )


@pytest.mark.parametrize("name", preset_names())
def test_presets_load_unmapped_and_survive_writing_and_reading(name):
    spec = load_preset(name)
    assert not spec.events
    assert JourneySpec.model_validate_json(spec.model_dump_json(by_alias=True)) == spec
    with pytest.raises(
        JourneyError, match=r"No events are mapped to the trigger 'activity|conversion'"
    ):
        compile_journey(spec, VOCABULARY)


def test_what_is_written_beside_a_preset_replaces_it():
    spec = JourneySpec(preset="lifecycle", events={"activity": "order"}, dormant_after_days=120)
    assert "silent for more than 120 days" in describe(spec)
    assert spec.events == {"activity": ("order",)}


def test_events_that_no_trigger_names_are_listed():
    spec = JourneySpec(preset="lifecycle", events={"activity": ["ordr"]})
    assert unmapped_events(spec, VOCABULARY.events) == ("order", "visit")
    report = check_mapping(spec, VOCABULARY.events)
    assert report.unknown_events == ("ordr",)
    assert report.sentences() == (
        "No rule sees these events of the log: order, visit.",
        "The log has no events called: ordr (did you mean order?).",
    )


def test_rules_without_events_are_left_out_and_listed():
    spec = JourneySpec(preset="five_stage", events={"conversion": ["order"]})
    plan = compile_journey(spec, VOCABULARY)
    assert {"recommends", "contract_ends", "interest_cools"} - set(plan.idle) == {"interest_cools"}
    assert plan.stages == spec.stage_names


@pytest.mark.parametrize(
    ("message", "when"),
    [
        (
            "measure 'contract_ends'.*Did you mean 'contract_end'",
            {"date": "contract_ends", "of": "x"},
        ),
        ("'value', which is of kind money, but it needs a date", {"date": "value", "of": "x"}),
        (
            "'contract_end'.*needs money",
            {"value_at_least": 1, "measure": "contract_end", "of": "x"},
        ),
    ],
)
def test_a_measure_must_exist_and_fit(message, when):
    spec = journey(rule(to="dormant", when=when))
    measures = (*VOCABULARY.measures, Measure("contract_end", "date"))
    with pytest.raises(JourneyError, match=message):
        compile_journey(spec, Vocabulary(("order",), measures=measures))
