"""How a log's events are mapped onto a journey, and what that leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexttouch.errors import JourneyError, nearest
from nexttouch.events.log import Measure
from nexttouch.journey.check import reachable
from nexttouch.journey.conditions import DatePassed, ValueAtLeast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nexttouch.journey.spec import JourneySpec, RuleSpec

__all__ = ["MappingReport", "check_mapping", "idle_rules", "unmapped_events"]


@dataclass(frozen=True)
class MappingReport:
    """What fits and what does not between a journey and a log.

    Attributes
    ----------
    unmapped_events : tuple of str
        Events of the log that move nobody.
    unknown_events : tuple of str
        Mapped names that the log does not have (yet).
    unmapped_triggers : tuple of str
        Triggers without events.
    missing_triggers : tuple of str
        Those of them that the journey cannot do without.
    idle_rules : tuple of str
        Rules left out because nothing in the log can make them fire.
    unreachable_stages : tuple of str
        Stages that nobody can enter without the idle rules.

    Examples
    --------
    >>> MappingReport((), (), (), (), (), ("advocacy",)).sentences()
    ('Nobody can be in: advocacy.',)
    """

    unmapped_events: tuple[str, ...]
    unknown_events: tuple[str, ...]
    unmapped_triggers: tuple[str, ...]
    missing_triggers: tuple[str, ...]
    idle_rules: tuple[str, ...]
    unreachable_stages: tuple[str, ...]

    def sentences(self) -> tuple[str, ...]:
        """Say in words what does not fit; empty when everything does."""
        hints = []
        for name in self.unknown_events:
            guess = nearest(name, self.unmapped_events)
            hints.append(f"{name} (did you mean {guess}?)" if guess else name)
        told = (
            ("No rule sees these events of the log", self.unmapped_events),
            ("The log has no events called", tuple(hints)),
            ("No events are mapped to the triggers", self.unmapped_triggers),
            ("These rules never fire on this log", self.idle_rules),
            ("Nobody can be in", self.unreachable_stages),
        )
        return tuple(f"{what}: {', '.join(names)}." for what, names in told if names)


def unmapped_events(spec: JourneySpec, event_names: Iterable[str]) -> tuple[str, ...]:
    """Return the log's event names that no trigger stands for.

    Examples
    --------
    >>> from nexttouch.journey import JourneySpec
    >>> spec = JourneySpec(preset="lifecycle", events={"activity": ["purchase"]})
    >>> unmapped_events(spec, ["purchase", "visit"])
    ('visit',)
    """
    mapped = spec.events_of(tuple(spec.events))
    return tuple(sorted(set(event_names) - mapped))


def check_mapping(
    spec: JourneySpec,
    event_names: Iterable[str],
    measures: tuple[Measure, ...] = (Measure("value", "money", 0.01),),
) -> MappingReport:
    """Compare a journey with the event names and measures of a log.

    Examples
    --------
    >>> from nexttouch.journey import JourneySpec
    >>> spec = JourneySpec(preset="five_stage", events={"conversion": ["order"]})
    >>> report = check_mapping(spec, ["order", "visit"])
    >>> report.unreachable_stages
    ('awareness', 'consideration', 'advocacy')
    >>> report.sentences()[0]
    'No rule sees these events of the log: visit.'
    """
    names = set(event_names)
    bare = tuple(t for t in spec.trigger_names if not spec.events_of((t,)))
    idle = idle_rules(spec, measures)
    awake = [rule for rule in spec.ordered_rules if rule.name not in idle]
    found = reachable((source, rule.to) for rule in awake for source in spec.sources(rule))
    return MappingReport(
        unmapped_events=unmapped_events(spec, names),
        unknown_events=tuple(sorted(spec.events_of(tuple(spec.events)) - names)),
        unmapped_triggers=bare,
        missing_triggers=tuple(t for t in bare if t in spec.triggers and spec.triggers[t].required),
        idle_rules=idle,
        unreachable_stages=tuple(name for name in spec.stage_names if name not in found),
    )


def idle_rules(spec: JourneySpec, measures: tuple[Measure, ...]) -> tuple[str, ...]:
    """Return the rules of which a condition has no events, or (if optional) no measure.

    Silence of events that the log cannot have says nothing; such rules are left out as well.

    Raises
    ------
    JourneyError
        If a rule that is not optional reads an unknown measure, or one of the wrong kind.

    Examples
    --------
    >>> from nexttouch.journey import JourneySpec
    >>> idle_rules(JourneySpec(preset="five_stage", events={"conversion": ["order"]}), ())
    ('contract_ends', 'leaves', 'recommends', 'considers', 'notices', 'stops_recommending')
    """
    return tuple(rule.name for rule in spec.ordered_rules if _is_idle(spec, rule, measures))


def _is_idle(spec: JourneySpec, rule: RuleSpec, measures: tuple[Measure, ...]) -> bool:
    kinds = {measure.name: measure.kind for measure in measures}
    for condition in rule.when:
        if not spec.events_of(condition.triggers):
            return True
        if not isinstance(condition, (DatePassed, ValueAtLeast)):
            continue
        dated = isinstance(condition, DatePassed)
        name = condition.date if isinstance(condition, DatePassed) else condition.measure
        if name not in kinds:
            if rule.optional:
                return True
            raise JourneyError.unknown_name(f"Rule '{rule.name}'", "measure", name, kinds)
        if (kinds[name] == "date") != dated:
            wanted = "a date" if dated else "money or a number"
            raise JourneyError.wrong_measure(rule.name, name, kinds[name], wanted)
    return False
