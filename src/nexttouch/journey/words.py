"""A journey in words and as a graph, for pages, reports and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexttouch.journey.conditions import (
    ANY,
    AtLeast,
    Condition,
    DatePassed,
    EventHappens,
    FewerThan,
    Silence,
    ValueAtLeast,
)

if TYPE_CHECKING:
    from nexttouch.journey.spec import JourneySpec, RuleSpec

__all__ = ["Edge", "describe", "journey_graph", "mermaid"]


@dataclass(frozen=True)
class Edge:
    """One way from one stage to another: the rule's name, and what it waits for in words."""

    source: str
    to: str
    rule: str
    waits_for: str


def describe(spec: JourneySpec) -> str:
    """Tell a journey in words: its stages, then its rules in the order in which they are tried.

    Examples
    --------
    >>> from nexttouch.journey import load_preset
    >>> print(describe(load_preset("lifecycle")).splitlines()[-1])
    9. lapses: at_risk, one_time -> lapsed when activity is silent for more than 91 days.
    """
    lines = [spec.description] if spec.description else []
    lines.append("Stages:")
    told = {stage.name: stage.description for stage in spec.stages}
    for name, aspect in zip(spec.stage_names, spec.aspects, strict=True):
        notes = [told.get(name, "")] + ([f"({aspect})"] if aspect != "none" else [])
        lines.append(f"- {name}: {' '.join(notes).strip()}".rstrip(": "))
    lines.append("Rules, the first that holds wins:")
    for place, rule in enumerate(spec.ordered_rules, start=1):
        sources = ", ".join(rule.from_stages)
        lines.append(f"{place}. {rule.name}: {sources} -> {rule.to} when {_waits_for(spec, rule)}.")
    return "\n".join(lines)


def journey_graph(spec: JourneySpec) -> tuple[Edge, ...]:
    """Return every way from stage to stage, in the order in which rules are tried.

    Examples
    --------
    >>> from nexttouch.journey import load_preset
    >>> edge = journey_graph(load_preset("lifecycle"))[1]
    >>> edge.source, edge.to, edge.waits_for
    ('new', 'active', 'activity on 2 days or more')
    """
    return tuple(
        Edge(source, rule.to, rule.name, _waits_for(spec, rule))
        for rule in spec.ordered_rules
        for source in spec.sources(rule)
    )


def mermaid(spec: JourneySpec) -> str:
    """Draw a journey as text that Markdown pages show as a graph.

    Examples
    --------
    >>> from nexttouch.journey import load_preset
    >>> print(mermaid(load_preset("lifecycle")).splitlines()[1])
        not_started -->|first_activity| new
    """
    edges = (f"    {e.source} -->|{e.rule}| {e.to}" for e in journey_graph(spec))
    return "\n".join(["flowchart LR", *edges])


def _waits_for(spec: JourneySpec, rule: RuleSpec) -> str:
    return " and ".join(_words(spec, condition) for condition in rule.when)


def _words(spec: JourneySpec, condition: Condition) -> str:
    names = condition.triggers
    what = "any mapped event" if ANY in names else " or ".join(names)
    match condition:
        case EventHappens():
            words = "happens"
        case AtLeast(at_least=n, units=units, within_days=days):
            words = f"{_times(n, units)} or more{_within(days)}"
        case FewerThan(fewer_than=n, units="active_days", within_days=days):
            words = f"on fewer than {_count(n, 'day')}{_within(days)}"
        case FewerThan(fewer_than=n, within_days=days):
            words = f"fewer than {_count(n, 'time')}{_within(days)}"
        case Silence(silence_days=quiet):
            days = spec.dormant_after_days if quiet == "dormant_after_days" else quiet
            words = f"is silent for more than {_count(days, 'day')}"
        case ValueAtLeast(measure=measure, value_at_least=least, within_days=days):
            return f"{measure} of {what} adds up to {least:g}{_within(days)}"
        case DatePassed(date=date, offset_days=offset):
            side = "after" if offset > 0 else "before"
            wait = f"{_count(abs(offset), 'day')} {side} " if offset else ""
            return f"{wait}{date} of {what} has passed"
    return f"{what} {words}"


def _count(n: int, unit: str) -> str:
    return f"{n} {unit}" if n == 1 else f"{n} {unit}s"


def _times(n: int, units: str) -> str:
    return f"on {_count(n, 'day')}" if units == "active_days" else _count(n, "time")


def _within(days: int | None) -> str:
    return "" if days is None else f" within {_count(days, 'day')}"
