"""A journey compiled for a log's vocabulary: the arrays that the kernel reads."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nexttouch.errors import JourneyError
from nexttouch.events.log import Vocabulary
from nexttouch.journey.atoms import Atom, Kind, atom_of
from nexttouch.journey.mapping import idle_rules
from nexttouch.journey.spec import JourneySpec
from nexttouch.snapshots import DAY_US

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["JourneyPlan", "PlanArrays", "PlanRule", "compile_journey"]

EVER = -1
"""A window without an end."""


class PlanArrays(NamedTuple):
    """The rules as numbers. Members of groups are events; slots hold what is remembered.

    ``stage_start`` and ``rule_of_stage`` list the rules out of each stage in the order in which
    they are tried, ``condition_start`` the conditions of each rule. ``window`` is microseconds, or
    the offset of a date; ``least`` a count, or steps of a measure.
    """

    stage_start: NDArray[np.int64]
    rule_of_stage: NDArray[np.int64]
    rule_to: NDArray[np.int64]
    rule_waits_for_event: NDArray[np.uint8]
    condition_start: NDArray[np.int64]
    kind: NDArray[np.int64]
    slot: NDArray[np.int64]
    least: NDArray[np.int64]
    window: NDArray[np.int64]
    relevant: NDArray[np.uint8]
    group_member: NDArray[np.uint8]
    count_member: NDArray[np.uint8]
    count_days: NDArray[np.uint8]
    ring_start: NDArray[np.int64]
    sum_member: NDArray[np.uint8]
    sum_measure: NDArray[np.int64]
    sum_window: NDArray[np.int64]
    date_member: NDArray[np.uint8]
    date_measure: NDArray[np.int64]


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


def _starts(lengths: Iterable[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum([*lengths])]).astype(np.int64)


def _window_us(days: float) -> int:
    return EVER if math.isinf(days) else int(days) * DAY_US


def _steps(atom: Atom, vocabulary: Vocabulary) -> int:
    """Return the threshold in whole steps: the least sum that is not below it."""
    step = vocabulary.measures[vocabulary.measure(atom.measure)].step
    return math.ceil(round(atom.least / step, 6))


class _Slots:
    """Numbers distinct things in the order in which they are first asked for."""

    def __init__(self) -> None:
        self.keys: dict[tuple[object, ...], int] = {}

    def __call__(self, *key: object) -> int:
        return self.keys.setdefault(key, len(self.keys))


def _arrays(rules: tuple[PlanRule, ...], n_stages: int, vocabulary: Vocabulary) -> PlanArrays:
    groups, counts, sums, dates = _Slots(), _Slots(), _Slots(), _Slots()
    longest: dict[int, int] = {}
    rows: list[tuple[int, int, int, int]] = []
    for atom in (atom for rule in rules for atom in rule.atoms):
        window = _window_us(atom.days)
        match atom.kind:
            case Kind.EVENT:
                rows.append((atom.kind, groups(atom.names), 1, 0))
            case Kind.AT_LEAST | Kind.FEWER:
                slot = counts(atom.names, atom.active_days)
                longest[slot] = max(longest.get(slot, 1), atom.n)
                rows.append((atom.kind, slot, atom.n, window))
            case Kind.VALUE:
                slot = sums(atom.names, vocabulary.measure(atom.measure), window)
                rows.append((atom.kind, slot, _steps(atom, vocabulary), window))
            case Kind.DATE:
                slot = dates(atom.names, vocabulary.measure(atom.measure))
                rows.append((atom.kind, slot, 0, int(atom.days) * DAY_US))
    by_stage = [[r for r, rule in enumerate(rules) if s in rule.sources] for s in range(n_stages)]

    def member(slots: _Slots) -> NDArray[np.uint8]:
        """Mark the events of each slot's group, shape (n_events, n_slots)."""
        marks = [[event in key[0] for key in slots.keys] for event in vocabulary.events]  # type: ignore[operator]
        return np.array(marks, dtype=np.uint8).reshape(len(vocabulary.events), len(slots.keys))

    def column(slots: _Slots, place: int) -> NDArray[np.int64]:
        return np.array([key[place] for key in slots.keys], dtype=np.int64)

    members = [member(slots) for slots in (groups, counts, sums, dates)]
    conditions = np.array(rows, dtype=np.int64).reshape(len(rows), 4)
    return PlanArrays(
        stage_start=_starts(len(out) for out in by_stage),
        rule_of_stage=np.array([rule for out in by_stage for rule in out], dtype=np.int64),
        rule_to=np.array([rule.to for rule in rules], dtype=np.int64),
        rule_waits_for_event=np.array([rule.waits_for_event for rule in rules], dtype=np.uint8),
        condition_start=_starts(len(rule.atoms) for rule in rules),
        kind=conditions[:, 0].copy(),
        slot=conditions[:, 1].copy(),
        least=conditions[:, 2].copy(),
        window=conditions[:, 3].copy(),
        relevant=np.hstack(members).any(axis=1).astype(np.uint8),
        group_member=members[0],
        count_member=members[1],
        count_days=column(counts, 1).astype(np.uint8),
        ring_start=_starts(longest[slot] for slot in range(len(counts.keys))),
        sum_member=members[2],
        sum_measure=column(sums, 1),
        sum_window=column(sums, 2),
        date_member=members[3],
        date_measure=column(dates, 1),
    )
