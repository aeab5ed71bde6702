"""A journey as data: stages, triggers and the rules that move customers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from nexttouch.errors import JourneyError
from nexttouch.journey.conditions import ANY, AtLeast, Condition, EventHappens, Names, ValueAtLeast
from nexttouch.journey.preset import read_preset

__all__ = ["DORMANT", "NOT_STARTED", "JourneySpec", "RuleSpec", "StageSpec", "TriggerSpec"]

NOT_STARTED = "not_started"
"""State of customers whom no rule has moved yet."""

DORMANT = "dormant"
"""Added to journeys that do not name a dormant stage of their own."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Aspect = Literal["acquisition", "retention", "none"]


def _as_conditions(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)


def _as_mapping(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: (name,) if isinstance(name, str) else name for key, name in value.items()}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class StageSpec(_Part):
    """One stage of a journey."""

    name: Name = Field(description="Lower case letters, digits and _.")
    aspect: Aspect = Field(default="none", description="Acquisition, retention or none.")
    description: str = Field(default="", description="What being here means, in a few words.")


class TriggerSpec(_Part):
    """A kind of event that rules wait for; the project says which of its events are meant."""

    description: str = Field(default="", description="Which events belong here.")
    required: bool = Field(default=True, description="Whether the journey works without it.")


class RuleSpec(_Part):
    """A move from one stage to another, and what it waits for."""

    name: Name = Field(description="Shown in reports; breaks ties.")
    from_stages: Names = Field(
        alias="from", description="A stage, a list of stages, or 'any' (every stage but 'to')."
    )
    to: str = Field(description="The stage it leads to.")
    when: Annotated[tuple[Condition, ...], BeforeValidator(_as_conditions)] = Field(
        min_length=1, description="A condition, or a list of conditions that must all hold."
    )
    priority: int | None = Field(
        default=None, ge=0, description="Lower goes first; default: the place in the list, from 1."
    )
    optional: bool = Field(
        default=False, description="Left out, and listed, where the log lacks its measure."
    )


class JourneySpec(_Part):
    """Stages and the rules between them, from a preset or written out.

    Examples
    --------
    >>> spec = JourneySpec(preset="lifecycle", events={"activity": ["purchase"]})
    >>> spec.stage_names
    ('not_started', 'new', 'active', 'loyal', 'at_risk', 'one_time', 'lapsed')
    >>> spec.dormant_stage
    'lapsed'
    """

    preset: str | None = Field(
        default=None, description="Start from a preset; whatever is written beside it replaces it."
    )
    description: str = Field(default="", description="What the journey is for.")
    events: Annotated[dict[str, tuple[str, ...]], BeforeValidator(_as_mapping)] = Field(
        default_factory=dict, description="Event names of the log behind each trigger."
    )
    dormant_after_days: int = Field(
        default=182, ge=1, description="Silence after which a customer is dormant."
    )
    dormant: str | None = Field(
        default=None, description="The stage that means dormant; default: one is added."
    )
    triggers: dict[Name, TriggerSpec] = Field(
        default_factory=dict, description="Kinds of events; default: the names in 'events'."
    )
    stages: tuple[StageSpec, ...] = Field(default=(), description="Stages in reading order.")
    rules: tuple[RuleSpec, ...] = Field(default=(), description="Moves between stages.")

    @model_validator(mode="before")
    @classmethod
    def _start_from_preset(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("preset") is not None:
            return {**read_preset(str(data["preset"])), **data}
        return data

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if not self.stages or not self.rules:
            raise JourneyError.nothing_to_start_from()
        from nexttouch.journey.check import check_journey  # noqa: PLC0415  (it reads this class)

        check_journey(self)
        return self

    @property
    def stage_names(self) -> tuple[str, ...]:
        """Every state in code order: ``not_started``, the stages, ``dormant`` if it is added."""
        own = tuple(stage.name for stage in self.stages)
        return (NOT_STARTED, *own, *(() if self.dormant else (DORMANT,)))

    @property
    def dormant_stage(self) -> str:
        """The state that means dormant."""
        return self.dormant or DORMANT

    @property
    def aspects(self) -> tuple[Aspect, ...]:
        """Aspect of each of ``stage_names``."""
        own = {stage.name: stage.aspect for stage in self.stages}
        return tuple(own.get(name, "none") for name in self.stage_names)

    @property
    def trigger_names(self) -> tuple[str, ...]:
        """Triggers that rules may name."""
        return tuple(self.triggers) or tuple(self.events)

    @property
    def ordered_rules(self) -> tuple[RuleSpec, ...]:
        """Rules with their priorities, in the order in which they are tried.

        Where no rule leads to the added ``dormant``, the rule ``falls_dormant`` is appended.
        """
        rules = list(self.rules)
        if self.dormant is None and all(rule.to != DORMANT for rule in rules):
            silent = {"silence_days": "dormant_after_days", "of": ANY}
            rules.append(
                RuleSpec(name="falls_dormant", from_stages=(ANY,), to=DORMANT, when=silent)
            )
        placed = [
            rule if rule.priority is not None else rule.model_copy(update={"priority": place})
            for place, rule in enumerate(rules, start=1)
        ]
        return tuple(sorted(placed, key=lambda rule: (rule.priority or 0, rule.name)))

    def sources(self, rule: RuleSpec) -> tuple[str, ...]:
        """Return the stages a rule leads out of, with ``any`` spelt out.

        ``any`` includes ``not_started`` only where the rule waits for something to happen.
        """
        if ANY not in rule.from_stages:
            return rule.from_stages
        happens = any(isinstance(c, (EventHappens, AtLeast, ValueAtLeast)) for c in rule.when)
        names = self.stage_names if happens else self.stage_names[1:]
        return tuple(name for name in names if name != rule.to)

    def events_of(self, triggers: tuple[str, ...]) -> frozenset[str]:
        """Return the mapped event names behind some triggers."""
        names = tuple(self.events) if ANY in triggers else triggers
        return frozenset(event for name in names for event in self.events.get(name, ()))
