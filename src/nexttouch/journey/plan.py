"""A journey compiled for a log's vocabulary: the arrays that the kernel reads."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nexttouch.errors import JourneyError
from nexttouch.journey.atoms import Atom, Kind, atom_of
from nexttouch.journey.mapping import idle_rules
from nexttouch.snapshots import DAY_US

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from nexttouch.events.log import Vocabulary
    from nexttouch.journey.spec import JourneySpec

__all__ = ["JourneyPlan", "PlanArrays", "PlanRule", "Slot", "compile_journey"]

EVER = -1
"""A window without an end."""


class Slot(enum.IntEnum):
    """What a slot of the machine's memory keeps."""

    HAPPENED = 0
    EVENTS = 1
    ACTIVE_DAYS = 2
    SUM = 3
    DATE = 4


class PlanArrays(NamedTuple):
    """The rules as numbers.

    A *slot* is one thing to remember of the events of a group: that one happens now, the latest
    times of a count, a sum, a date. Rules are listed by stage, in the order they are tried in.

    Attributes
    ----------
    stage_start : int64, shape (n_stages + 1,)
    stage_rule : int64, shape (n_ways,)
        Rules out of stage s are ``stage_rule[stage_start[s]:stage_start[s + 1]]``.
    rules : int64, shape (n_rules, 4)
        Target stage, whether it waits for an event, first condition, end of conditions.
    conditions : int64, shape (n_conditions, 4)
        Kind, slot, least count or sum (in steps), window or offset (microseconds, -1 for ever).
    slots : int64, shape (n_slots, 5)
        Kind, row of the measure, window of a sum, first place and length of the ring of times.
    member : uint8, shape (n_event_names, n_slots)
        Whether a slot reads an event.
    relevant : uint8, shape (n_event_names,)
        Whether any does.
    """

    stage_start: NDArray[np.int64]
    stage_rule: NDArray[np.int64]
    rules: NDArray[np.int64]
    conditions: NDArray[np.int64]
    slots: NDArray[np.int64]
    member: NDArray[np.uint8]
    relevant: NDArray[np.uint8]


@dataclass(frozen=True)
class PlanRule:
    """A rule with its stages as codes and its conditions over event names."""

    name: str
    sources: tuple[int, ...]
    to: int
    atoms: tuple[Atom, ...]

    @property
    def waits_for_event(self) -> bool:
        """Whether one of the conditions is an event."""
        return any(atom.kind == Kind.EVENT for atom in self.atoms)


@dataclass(frozen=True, eq=False)
class JourneyPlan:
    """A journey ready to run. A stage's code is its place in ``stages``.

    Attributes
    ----------
    spec : JourneySpec
    vocabulary : Vocabulary
        Of the log it was compiled for; logs with another one make the machine compile it again.
    stages, aspects : tuple of str, shape (n_stages,)
    dormant : int
        Code of the dormant stage.
    rules : tuple of PlanRule
        In the order in which they are tried; ``Moves.rule`` points here.
    idle : tuple of str
        Rules left out because nothing in the log can make them fire.

    Examples
    --------
    >>> from nexttouch.events.log import Vocabulary
    >>> from nexttouch.journey import JourneySpec
    >>> spec = JourneySpec(preset="lifecycle", events={"activity": ["purchase"]})
    >>> plan = compile_journey(spec, Vocabulary(("purchase",)))
    >>> plan.stages[plan.dormant], plan.rules[0].name
    ('lapsed', 'first_activity')
    """

    spec: JourneySpec
    vocabulary: Vocabulary = field(repr=False)
    stages: tuple[str, ...]
    aspects: tuple[str, ...]
    dormant: int
    rules: tuple[PlanRule, ...] = field(repr=False)
    idle: tuple[str, ...]
    arrays: PlanArrays = field(repr=False)

    def for_vocabulary(self, vocabulary: Vocabulary) -> JourneyPlan:
        """Return the same journey for the codes of another log."""
        return self if vocabulary == self.vocabulary else compile_journey(self.spec, vocabulary)


def compile_journey(spec: JourneySpec, vocabulary: Vocabulary) -> JourneyPlan:
    """Turn a journey into arrays for the logs of one vocabulary.

    Event names that the vocabulary does not know yet simply have no events.

    Raises
    ------
    JourneyError
        If a required trigger has no events, or a rule reads a measure that does not exist or is of
        the wrong kind.

    Examples
    --------
    >>> from nexttouch.events.log import Vocabulary
    >>> from nexttouch.journey import JourneySpec
    >>> spec = JourneySpec(preset="lifecycle", events={"activity": ["purchase"]})
    >>> compile_journey(spec, Vocabulary(("purchase",))).stages[1:3]
    ('new', 'active')
    """
    for trigger, what in spec.triggers.items():
        if what.required and not spec.events_of((trigger,)):
            raise JourneyError.unmapped_trigger(trigger, what.description)
    idle = idle_rules(spec, vocabulary.measures)
    code = {name: number for number, name in enumerate(spec.stage_names)}
    rules = tuple(
        PlanRule(
            name=rule.name,
            sources=tuple(code[name] for name in spec.sources(rule)),
            to=code[rule.to],
            atoms=tuple(atom_of(c, spec.events_of, spec.dormant_after_days) for c in rule.when),
        )
        for rule in spec.ordered_rules
        if rule.name not in idle
    )
    return JourneyPlan(
        spec=spec,
        vocabulary=vocabulary,
        stages=spec.stage_names,
        aspects=spec.aspects,
        dormant=code[spec.dormant_stage],
        rules=rules,
        idle=idle,
        arrays=_arrays(rules, len(code), vocabulary),
    )


def _window_us(days: float) -> int:
    return EVER if math.isinf(days) else int(days) * DAY_US


def _steps(atom: Atom, vocabulary: Vocabulary) -> int:
    """Return the threshold in whole steps: the least sum that is not below it."""
    step = vocabulary.measures[vocabulary.measure(atom.measure)].step
    return math.ceil(round(atom.least / step, 6))


@dataclass
class _Slots:
    """The slots that conditions ask for, each kept once."""

    vocabulary: Vocabulary
    rings: dict[tuple[Slot, frozenset[str], int, int], int] = field(default_factory=dict)

    def condition(self, atom: Atom) -> tuple[int, int, int, int]:
        """Return one row of ``PlanArrays.conditions`` and keep the slot it needs."""
        window, least, measure, ring = _window_us(atom.days), 0, 0, 0
        match atom.kind:
            case Kind.EVENT:
                kind = Slot.HAPPENED
            case Kind.AT_LEAST | Kind.FEWER:
                kind = Slot.ACTIVE_DAYS if atom.active_days else Slot.EVENTS
                least = ring = atom.n
            case Kind.VALUE:
                kind, least = Slot.SUM, _steps(atom, self.vocabulary)
            case Kind.DATE:
                kind = Slot.DATE
        if atom.measure:
            measure = self.vocabulary.measure(atom.measure)
        key = (kind, atom.names, measure, window if kind == Slot.SUM else EVER)
        self.rings[key] = max(ring, self.rings.get(key, 0))
        return atom.kind, list(self.rings).index(key), least, window

    def table(self) -> NDArray[np.int64]:
        """Return ``PlanArrays.slots``."""
        starts = _starts(self.rings.values())
        rows = [
            (kind, measure, window, start, length)
            for ((kind, _, measure, window), length), start in zip(
                self.rings.items(), starts[:-1], strict=True
            )
        ]
        return np.array(rows, dtype=np.int64).reshape(len(rows), 5)

    def member(self) -> NDArray[np.uint8]:
        """Return ``PlanArrays.member``."""
        events = self.vocabulary.events
        marks = [[event in names for _, names, *_ in self.rings] for event in events]
        return np.array(marks, dtype=np.uint8).reshape(len(events), len(self.rings))


def _arrays(rules: tuple[PlanRule, ...], n_stages: int, vocabulary: Vocabulary) -> PlanArrays:
    slots = _Slots(vocabulary)
    conditions = [slots.condition(atom) for rule in rules for atom in rule.atoms]
    ways = [[r for r, rule in enumerate(rules) if s in rule.sources] for s in range(n_stages)]
    bounds = _starts(len(rule.atoms) for rule in rules)
    table = [
        (rule.to, rule.waits_for_event, first, end)
        for rule, first, end in zip(rules, bounds[:-1], bounds[1:], strict=True)
    ]
    member = slots.member()
    return PlanArrays(
        stage_start=_starts(len(out) for out in ways),
        stage_rule=np.array([rule for out in ways for rule in out], dtype=np.int64),
        rules=np.array(table, dtype=np.int64).reshape(len(rules), 4),
        conditions=np.array(conditions, dtype=np.int64).reshape(len(conditions), 4),
        slots=slots.table(),
        member=member,
        relevant=np.asarray(member.any(axis=1), dtype=np.uint8),
    )


def _starts(lengths: Iterable[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum([*lengths])]).astype(np.int64)
