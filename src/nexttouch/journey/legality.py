"""Which stages can follow which within a horizon: from the rules alone, never from data.

Stage k is legal from stage j when a path of moves can lead from j to k in less than the horizon.
Along a path a clock keeps, for every silence or sliding window that a rule waits for, the earliest
time at which it can hold: already running when the path starts, as far as being in j allows, and
starting anew with every event that the path needs. Events, counts, values and dates may come at
once. The bound is never too strict; where it is not exact it allows too much.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nexttouch.journey.atoms import Atom, Kind, implies

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.journey.plan import JourneyPlan, PlanRule

__all__ = ["legal_next"]

_NOT_STARTED = 0
_LONGEST_DAY = 25 / 24
"""In days: how much earlier than an event its day may have begun."""

Clocks = tuple[float, ...]


def legal_next(
    plan: JourneyPlan, horizon_days: float, *, day_aligned: bool = True
) -> NDArray[np.bool_]:
    """Tell which stage may be seen a horizon after which.

    Parameters
    ----------
    plan : JourneyPlan
    horizon_days : float
        From the cutoff to the moment of the next stage: gap and horizon together.
    day_aligned : bool
        Cutoffs fall on midnights of the business zone, so that an event after the cutoff is on a
        new day.

    Returns
    -------
    bool, shape (n_stages, n_stages)
        ``legal[j, k]``: stage k may follow j.

    Examples
    --------
    >>> from nexttouch.events.log import Vocabulary
    >>> from nexttouch.journey import JourneySpec, compile_journey
    >>> spec = JourneySpec(preset="lifecycle", events={"activity": ["purchase"]})
    >>> plan = compile_journey(spec, Vocabulary(("purchase",)))
    >>> new = plan.stages.index("new")
    >>> [plan.stages[k] for k in np.flatnonzero(legal_next(plan, 28)[new])]
    ['active', 'loyal', 'one_time']
    """
    n_stages = len(plan.stages)
    legal = np.zeros((n_stages, n_stages), dtype=np.bool_)
    waits = tuple({a: None for rule in plan.rules for a in rule.atoms if a.kind == Kind.FEWER})
    known = _least_units(plan)
    for stage in range(n_stages):
        legal[stage, list(_reached(plan, stage, waits, horizon_days))] = True
        if not _must_leave(plan, stage, known, horizon_days, day_aligned=day_aligned):
            legal[stage, stage] = True
    return legal


def _reached(plan: JourneyPlan, start: int, waits: tuple[Atom, ...], horizon: float) -> set[int]:
    """Return the stages at the end of paths of one move or more."""
    front: dict[tuple[int, bool], list[tuple[float, Clocks]]] = {}
    todo = [(start, True, 0.0, _clocks_at_start(plan, start, waits))]
    while todo:
        stage, first, now, clocks = todo.pop()
        for rule in plan.rules:
            if stage not in rule.sources:
                continue
            asked = [clocks[waits.index(a)] for a in rule.atoms if a.kind == Kind.FEWER]
            at = max([now, *asked])
            if at >= horizon:
                continue
            label = (at, _clocks_after(rule, waits, clocks, at, first=first))
            best = front.setdefault((rule.to, False), [])
            if any(_no_later(old, label) for old in best):
                continue
            best[:] = [old for old in best if not _no_later(label, old)] + [label]
            todo.append((rule.to, False, *label))
    return {stage for stage, _ in front}


def _no_later(one: tuple[float, Clocks], other: tuple[float, Clocks]) -> bool:
    clocks = zip(one[1], other[1], strict=True)
    return one[0] <= other[0] and all(mine <= theirs for mine, theirs in clocks)


def _alone(rule: PlanRule, stage: int) -> Atom | None:
    """Return the one condition that takes a stage's customers away as soon as it holds."""
    return rule.atoms[0] if stage in rule.sources and len(rule.atoms) == 1 else None


def _clocks_at_start(plan: JourneyPlan, stage: int, waits: tuple[Atom, ...]) -> Clocks:
    """Return how soon each wait may end: whoever is still in the stage has not waited longer.

    Nobody waits out of ``not_started``: no instant has been looked at yet.
    """
    refused = [
        atom
        for rule in plan.rules
        if (atom := _alone(rule, stage)) and atom.kind == Kind.FEWER and stage != _NOT_STARTED
    ]
    clocks = []
    for wait in waits:
        recent = [
            atom.days
            for atom in refused
            if implies(atom.opposite(), replace(wait.opposite(), days=atom.days))
        ]
        if not recent:
            clocks.append(0.0)
        else:
            clocks.append(wait.days if math.isinf(wait.days) else max(0.0, wait.days - min(recent)))
    return tuple(clocks)


def _clocks_after(
    rule: PlanRule, waits: tuple[Atom, ...], clocks: Clocks, at: float, *, first: bool
) -> Clocks:
    """Start anew the silences that end with the event a move needs.

    A count (or lifetime sum) that takes a customer out of the stage they were found in has just
    been reached by an event; later on a path it may have been reached long before.
    """
    certain = [atom for atom in rule.atoms if atom.kind == Kind.EVENT]
    reached = [
        atom
        for atom in rule.atoms
        if atom.kind == Kind.AT_LEAST or (atom.kind == Kind.VALUE and math.isinf(atom.days))
    ]
    one_of = reached if first and len(reached) == len(rule.atoms) else []
    after = []
    for wait, clock in zip(waits, clocks, strict=True):
        ends = any(atom.names <= wait.names for atom in certain)
        ends = ends or bool(one_of and all(atom.names <= wait.names for atom in one_of))
        if wait.n == 1 and ends:
            slack = _LONGEST_DAY if wait.active_days else 0.0
            after.append(max(clock, at + wait.days - slack))
        else:
            after.append(clock)
    return tuple(after)


def _must_leave(
    plan: JourneyPlan,
    stage: int,
    known: dict[Atom, list[float]],
    horizon: float,
    *,
    day_aligned: bool,
) -> bool:
    """Tell whether a wait ends within the horizon and every event that could renew it moves too."""
    if stage == _NOT_STARTED:
        return False
    leaving = [rule for rule in plan.rules if stage in rule.sources and rule.to != stage]
    uses_up = any(r.waits_for_event and stage in r.sources and r.to == stage for r in plan.rules)

    def forced(atom: Atom, event: str) -> bool:
        if event not in atom.names:
            return False
        if atom.kind == Kind.EVENT:
            return not uses_up
        if atom.kind != Kind.AT_LEAST or (atom.active_days and not day_aligned):
            return False
        if math.isinf(atom.days):
            return atom.n <= known[atom][stage] + 1
        return atom.n == 1 and not atom.active_days

    def moves(event: str) -> bool:
        return any(all(forced(atom, event) for atom in rule.atoms) for rule in leaving)

    return any(
        atom.kind == Kind.FEWER and atom.days <= horizon and all(moves(e) for e in atom.names)
        for rule in leaving
        if (atom := _alone(rule, stage))
    )


def _least_units(plan: JourneyPlan) -> dict[Atom, list[float]]:
    """Return, per lifetime count, how many units every customer in each stage has at least."""
    counts = {a for r in plan.rules for a in r.atoms if a.kind == Kind.AT_LEAST}
    known = {}
    for count in counts:
        least = [0.0] + [math.inf] * (len(plan.stages) - 1)
        while True:
            before = list(least)
            for stage in range(1, len(least)):
                ways = [
                    max(before[source], _units_shown(rule, count))
                    for rule in plan.rules
                    if rule.to == stage
                    for source in rule.sources
                ]
                least[stage] = min(ways, default=math.inf)
            if least == before:
                break
        known[count] = least
    return known


def _units_shown(rule: PlanRule, count: Atom) -> float:
    """Return how many units of a count a firing of the rule proves."""
    shown = 0
    for atom in rule.atoms:
        if atom.kind in {Kind.FEWER, Kind.DATE} or not atom.names <= count.names:
            continue
        many = atom.kind == Kind.AT_LEAST and (atom.active_days or not count.active_days)
        shown = max(shown, atom.n if many else 1)
    return float(shown)
