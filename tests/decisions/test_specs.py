"""Specs refuse what cannot be meant, and the catalogue fills what is not said."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from nexttouch.decisions import StrategySpec, TouchpointsSpec
from nexttouch.decisions.catalogue import PROFILES, TIER_NAMES


@pytest.mark.parametrize("profile", PROFILES)
def test_shipped_catalogue_has_the_six_tiers_with_benefit_and_play(profile):
    spec = StrategySpec(profile=profile)
    assert set(spec.tiers) == set(TIER_NAMES)
    assert all(tier.benefit for tier in spec.tiers.values())
    assert all(spec.tiers[name].play("anything") for name in TIER_NAMES[1:])
    assert {t.effect.level for t in spec.tiers.values()} == {"assumed"}


def test_profiles_differ_where_their_sources_do():
    general, shop = StrategySpec(), StrategySpec(profile="ecommerce")
    assert sum(general.tiers["low_touch"].hours.values()) > 0
    assert sum(shop.tiers["low_touch"].hours.values()) == 0
    assert shop.tiers["high_touch"].stages == ("consideration", "conversion")
    assert set(general.tiers["hybrid"].hours) == {"retention_agent", "customer_success_manager"}


def test_a_spec_survives_its_own_json():
    spec = StrategySpec.model_validate({"profile": "ecommerce", "capacity": {"high_touch": "3%"}})
    assert StrategySpec.model_validate_json(spec.model_dump_json()) == spec


def test_every_field_is_described():
    for model in (StrategySpec, TouchpointsSpec):
        assert all(f.description or f.default_factory for f in model.model_fields.values())


def test_capacity_of_zero_is_valid():
    assert (
        StrategySpec.model_validate({"capacity": {"high_touch": 0}}).capacity["high_touch"].of(9)
        == 0
    )


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"capacity": {"high_touch": -1}}, "greater than or equal to 0"),
        ({"capacity": {"high_touch": float("nan")}}, "finite number"),
        ({"capacity": {"high_touch": "120%"}}, "less than or equal to 1"),
        ({"capacity": {"high_touch": {}}}, "either slots or share"),
        ({"capacity": {"high_tuch": 3}}, "Did you mean 'high_touch'"),
        ({"capacity": {"no_touch": 3}}, "takes no capacity"),
        ({"budget": float("nan")}, "finite number"),
        ({"budget": -5}, "greater than or equal to 0"),
        ({"tiers": {"low_touch": {"money": float("nan")}}}, "finite number"),
        ({"tiers": {"low_touch": {"hours": {"retention_agent": -1}}}}, "at least 0"),
        ({"tiers": {"low_touch": {"hours": {"agents": 1}}}}, "agents"),
        ({"tiers": {"low_touch": {"benefit": ""}}}, "at least 1 character"),
        ({"tiers": {"low_touch": {"mony": 1}}}, "Extra inputs"),
        ({"tiers": {"no_touch": {"money": 1}}}, "costs nothing"),
        ({"teams": {"retention_agent": {"hourly_rate": float("inf")}}}, "finite number"),
        ({"floors": [{"tiers": ["hightouch"], "at_least": 1}]}, "Did you mean 'high_touch'"),
        ({"stage_values": {"advocacy": {"money": 5}}}, "beyond_being_kept"),
        ({"profile": "shop"}, "general"),
    ],
)
def test_what_cannot_be_meant_is_refused(said, match):
    with pytest.raises(ValidationError, match=match):
        StrategySpec.model_validate(said)


def test_consent_for_an_unknown_channel_is_refused_with_the_nearest_name():
    with pytest.raises(ValidationError, match="Did you mean 'email'"):
        TouchpointsSpec.model_validate({"channels": ["email"], "consent": {"emial": {}}})
