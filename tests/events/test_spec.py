"""The customers part of the configuration."""

from __future__ import annotations

import pandas as pd
import pytest
from pydantic import BaseModel, ValidationError

from nexttouch.events import spec as spec_module
from nexttouch.events.log import Measure
from nexttouch.events.spec import CustomersSpec, MappingSpec, SourceSpec

SPECS = [s for s in vars(spec_module).values() if isinstance(s, type) and issubclass(s, BaseModel)]


@pytest.mark.parametrize("kind", [s for s in SPECS if s.model_fields], ids=lambda s: s.__name__)
def test_every_field_is_described(kind):
    assert kind.model_config["frozen"]
    assert kind.model_config["extra"] == "forbid"
    assert [name for name, field in kind.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "exactly one of path, query, table, dataset"),
        ({"path": "a", "table": "b"}, "exactly one of"),
        ({"query": "select 1"}, "query and url belong together"),
        ({"path": "a", "url": "sqlite:///x"}, "query and url belong together"),
        ({"path": "a", "pth": "b"}, "Extra inputs are not permitted"),
    ],
)
def test_a_source_is_one_place(given, message):
    with pytest.raises(ValidationError, match=message):
        SourceSpec(**given)


def test_names_of_sources_hold_no_password():
    source = SourceSpec(query="select 1", url="postgresql://ann:secret@db/shop")
    assert source.name == "postgresql://db/shop"
    odd = SourceSpec(query="select 1", url="postgresql://ann:s@cr/et@db/shop")
    assert odd.name == "postgresql://db/shop"
    assert SourceSpec(query="select 1", url="sqlite:///a@b.db").name == "sqlite:///a@b.db"


@pytest.mark.parametrize("name", ["value", "timestamp", "row", "Miles", "a b", "1st", "local_day"])
def test_measures_need_names_that_can_become_columns(name):
    with pytest.raises(ValidationError, match="cannot name a measure"):
        MappingSpec(measures={name: {"column": "x"}})


@pytest.mark.parametrize("where", [{"time_zone": "Berlin"}, {"timestamps": {"zone": "../x"}}])
def test_unknown_zones_are_refused(where):
    with pytest.raises(ValidationError, match="is no time zone"):
        CustomersSpec(sources=[{"path": "a"}], **where)


def test_measures_are_collected_over_sources():
    spec = CustomersSpec(
        sources=[
            {"path": "a"},
            {"path": "b", "mapping": {"measures": {"fee": {"column": "f", "kind": "money"}}}},
        ],
        mapping={"measures": {"ends": {"column": "until", "kind": "date"}}},
        minor_units=3,
    )
    assert spec.measures() == (
        Measure("value", "money", 0.001),
        Measure("ends", "date", 1.0),
        Measure("fee", "money", 0.001),
    )


def test_one_measure_has_one_meaning():
    with pytest.raises(ValidationError, match="another kind or step"):
        CustomersSpec(
            sources=[
                {"path": "a", "mapping": {"measures": {"x": {"column": "x", "step": 1}}}},
                {"path": "b", "mapping": {"measures": {"x": {"column": "x", "kind": "date"}}}},
            ]
        )


def test_moments_may_be_written_as_text():
    spec = CustomersSpec(sources=[{"path": "a"}], observed_until="2025-01-01")
    assert spec.observed_until == pd.Timestamp("2025-01-01")
    assert CustomersSpec.model_validate_json(spec.model_dump_json()) == spec
