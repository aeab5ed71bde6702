"""What to compute per snapshot: groups of events, windows, half-lives, families.

The spec alone decides the columns. Nothing seen in a log adds, drops or renames one: a column list
that grows with the data would tell a past snapshot about the future.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

if TYPE_CHECKING:
    from nexttouch.events.log import Vocabulary

__all__ = ["Family", "FeatureSpec", "unknown_events"]

Family = Literal[
    "frequency",
    "sessions",
    "decayed",
    "regularity",
    "trend",
    "money",
    "breadth",
    "channel",
    "touches",
    "journey",
    "context",
    "people",
]

RESERVED = ("activity", "all")
LONGEST_DAYS = 36_525


class FeatureSpec(BaseModel):
    """Declare the features of one project.

    Two groups are always there: ``activity`` (the activity events of the churn definition) and
    ``all`` (every event).

    Examples
    --------
    >>> spec = FeatureSpec(groups={"support": ("ticket", "call")}, channels=("email",))
    >>> spec.windows_days
    (7, 14, 28, 56, 91, 182, 364)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Group name -> event names counted in it."
    )
    windows_days: tuple[int, ...] = Field(
        default=(7, 14, 28, 56, 91, 182, 364),
        description="Windows of counts, active days and sums, in days before the cutoff; "
        "the whole life is always added.",
    )
    coarse_windows_days: tuple[int, ...] = Field(
        default=(28, 91, 364),
        description="Windows of sessions, means, maxima, breadth, channels, touches and people; "
        "the whole life is always added.",
    )
    half_lives_days: tuple[int, ...] = Field(
        default=(7, 30, 90), description="Half-lives of decayed counts and measures, in days."
    )
    trends_days: tuple[tuple[int, int], ...] = Field(
        default=((14, 56), (28, 91), (91, 364)),
        description="Pairs (short, long) of windows whose daily rates are compared.",
    )
    session_gap_minutes: int = Field(
        default=30, ge=1, le=1440, description="A longer pause within a group starts a session."
    )
    channels: tuple[str, ...] = Field(
        default=(), description="Channels counted; others are never a column of their own."
    )
    measures: dict[str, tuple[str, ...]] = Field(
        default={"activity": ("value",)},
        description="Group name -> measures summed, averaged and decayed over its events.",
    )
    touches: tuple[str, ...] = Field(
        default=(), description="Events that are touches by the company."
    )
    replies: tuple[str, ...] = Field(
        default=(), description="Events by which customers answer touches."
    )
    without: tuple[Family, ...] = Field(
        default=("people",),
        description="Families switched off. Columns that baselines need stay.",
    )

    @field_validator("groups")
    @classmethod
    def _named(cls, groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, events in groups.items():
            if name in RESERVED:
                raise ValueError(f"'{name}' is always there; choose another name")
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                msg = f"'{name}' must be lower case letters, digits and _ (from a letter)"
                raise ValueError(msg)
            if not events:
                raise ValueError(f"'{name}' names no event")
            _check_unique(name, events)
        return groups

    @field_validator("windows_days", "coarse_windows_days", "half_lives_days")
    @classmethod
    def _days(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        for number in days:
            if not 1 <= number <= LONGEST_DAYS:
                raise ValueError(f"{number} is not a number of days from 1 to {LONGEST_DAYS}")
        _check_unique("days", days)
        return days

    @field_validator("trends_days")
    @classmethod
    def _pairs(cls, pairs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        for short, long in pairs:
            if not 1 <= short < long <= LONGEST_DAYS:
                raise ValueError(f"({short}, {long}) must be (short, long) with 1 <= short < long")
        _check_unique("pairs", pairs)
        return pairs

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        known = {*RESERVED, *self.groups}
        for group in self.measures:
            if group not in known:
                names = ", ".join(sorted(known))
                raise ValueError(f"measures: '{group}' is not a group; groups are {names}")
        for field in ("channels", "touches", "replies", "without"):
            _check_unique(field, getattr(self, field))
        for group, measures in self.measures.items():
            _check_unique(f"measures.{group}", measures)
        if self.replies and not self.touches:
            raise ValueError("replies: need touches to be answers to")
        return self


def unknown_events(spec: FeatureSpec, vocabulary: Vocabulary) -> tuple[str, ...]:
    """List event names of the spec that the log has not seen; their columns stay empty.

    Examples
    --------
    >>> from nexttouch.events.log import Vocabulary
    >>> unknown_events(FeatureSpec(groups={"help": ("call", "cal")}), Vocabulary(("buy", "call")))
    ('cal',)
    """
    named = {name for events in spec.groups.values() for name in events}
    named.update(spec.touches, spec.replies)
    return tuple(sorted(named.difference(vocabulary.events)))


def _check_unique(field: str, items: tuple[object, ...]) -> None:
    twice = sorted({str(item) for item in items if items.count(item) > 1})
    if twice:
        raise ValueError(f"{field}: {', '.join(twice)} is listed twice")
