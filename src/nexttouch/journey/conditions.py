"""The six conditions that a rule of a journey may wait for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

from nexttouch.errors import JourneyError, nearest

__all__ = [
    "ANY",
    "AtLeast",
    "Condition",
    "DatePassed",
    "EventHappens",
    "FewerThan",
    "Silence",
    "ValueAtLeast",
]

ANY = "any"
"""In place of triggers: every mapped event. In place of stages: every stage but the target."""


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
Units = Literal["events", "active_days"]


class _Condition(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EventHappens(_Condition):
    """An event of these triggers happens."""

    event: Names = Field(description="Triggers; one event of any of them is enough.")

    @property
    def triggers(self) -> tuple[str, ...]:
        """Triggers that the condition reads."""
        return self.event


class _OfTriggers(_Condition):
    of: Names = Field(description="Triggers whose events count, or 'any' for all mapped events.")

    @property
    def triggers(self) -> tuple[str, ...]:
        """Triggers that the condition reads."""
        return self.of


class AtLeast(_OfTriggers):
    """At least so many events (or active days) within the last days."""

    at_least: int = Field(ge=1, description="How many are needed.")
    units: Units = Field(default="events", description="Count events, or days with an event.")
    within_days: int | None = Field(default=None, ge=1, description="Window; default: ever.")


class FewerThan(_OfTriggers):
    """Fewer than so many events (or active days) within the last days."""

    fewer_than: int = Field(ge=1, description="How many would be too many.")
    units: Units = Field(default="events", description="Count events, or days with an event.")
    within_days: int | None = Field(default=None, ge=1, description="Window; default: ever.")


class Silence(_OfTriggers):
    """No event for more than so many days."""

    silence_days: Annotated[int, Field(ge=1)] | Literal["dormant_after_days"] = Field(
        description="Days of silence, or 'dormant_after_days' to take the journey's own."
    )


class ValueAtLeast(_OfTriggers):
    """The sum of a measure within the last days is at least so much."""

    value_at_least: float = Field(gt=0, allow_inf_nan=False, description="In the measure's units.")
    measure: str = Field(default="value", description="The measure to add up.")
    within_days: int | None = Field(default=None, ge=1, description="Window; default: ever.")


class DatePassed(_OfTriggers):
    """The date that the latest event stated (a contract's end, say) has passed."""

    date: str = Field(description="A measure of kind 'date'.")
    offset_days: int = Field(default=0, description="Days after the date; negative for before it.")


_KEYS = ("at_least", "date", "event", "fewer_than", "silence_days", "value_at_least")


def _found(value: Any) -> list[str]:
    keys = set(value) if isinstance(value, dict) else set(getattr(type(value), "model_fields", ()))
    return sorted(keys & set(_KEYS))


def _kind(value: Any) -> str | None:
    """Tell the kind of a condition by the one key that names it."""
    return next(iter(_found(value)), None)


def _waits_for_one_thing(value: Any) -> Any:
    if isinstance(value, dict) and len(found := _found(value)) != 1:
        keys = sorted(map(str, value))
        guess = next((g for key in keys if (g := nearest(key, _KEYS))), None)
        raise JourneyError.unclear_condition(keys, found, list(_KEYS), guess)
    return value


Condition = Annotated[
    Annotated[EventHappens, Tag("event")]
    | Annotated[AtLeast, Tag("at_least")]
    | Annotated[FewerThan, Tag("fewer_than")]
    | Annotated[Silence, Tag("silence_days")]
    | Annotated[ValueAtLeast, Tag("value_at_least")]
    | Annotated[DatePassed, Tag("date")],
    Discriminator(_kind),
    BeforeValidator(_waits_for_one_thing),
]
"""One condition; which one is told by its key."""
