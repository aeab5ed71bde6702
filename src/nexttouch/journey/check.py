"""Whether a journey holds together: names, ways in and out, no order left to chance."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from nexttouch.errors import JourneyError
from nexttouch.journey.atoms import Atom, Kind, atom_of, contradict
from nexttouch.journey.conditions import ANY
from nexttouch.journey.spec import DORMANT, NOT_STARTED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nexttouch.journey.spec import JourneySpec, RuleSpec

__all__ = ["check_journey", "reachable"]


def check_journey(spec: JourneySpec) -> None:
    """Refuse a journey that cannot work as written.

    Raises
    ------
    JourneyError
        If a name is unknown, reserved or written twice; a stage cannot be reached or left; two
        rules of equal priority may fire from one stage at one instant; rules can chase each other.
    """
    _check_stages(spec)
    _check_names(spec)
    rules = spec.ordered_rules
    edges = [(source, rule.to) for rule in rules for source in spec.sources(rule)]
    if missing := [name for name in spec.stage_names if name not in reachable(edges)]:
        raise JourneyError.unreachable(missing)
    left = {source for source, to in edges if source != to}
    if stuck := [name for name in spec.stage_names if name not in left]:
        raise JourneyError.dead_end(stuck)
    atoms = {rule.name: _atoms(spec, rule) for rule in rules}
    _check_priorities(spec, atoms)
    _check_circles(spec, atoms)


def reachable(edges: Iterable[tuple[str, str]]) -> set[str]:
    """Return the stages that a chain of moves leads to, ``not_started`` among them.

    Examples
    --------
    >>> sorted(reachable([("not_started", "new"), ("new", "old"), ("x", "y")]))
    ['new', 'not_started', 'old']
    """
    edges = list(edges)
    found, fresh = {NOT_STARTED}, {NOT_STARTED}
    while fresh:
        fresh = {to for source, to in edges if source in fresh} - found
        found |= fresh
    return found


def _check_stages(spec: JourneySpec) -> None:
    own = [stage.name for stage in spec.stages]
    for what, names in (("stage", own), ("rule", [rule.name for rule in spec.ordered_rules])):
        if again := sorted({name for name in names if names.count(name) > 1}):
            raise JourneyError.twice(what, again[0])
    reserved = {NOT_STARTED: "it is always there", ANY: "it stands for every stage"}
    if spec.dormant is None:
        reserved[DORMANT] = "it is added; write 'dormant: dormant' to make it a stage of your own"
    elif spec.dormant not in own:
        raise JourneyError.unknown_name("journey.dormant", "stage", spec.dormant, own)
    for name in own:
        if name in reserved:
            raise JourneyError.reserved(name, reserved[name])


def _check_names(spec: JourneySpec) -> None:
    triggers = set(spec.trigger_names)
    for name in spec.events:
        if name not in triggers:
            raise JourneyError.unknown_name("journey.events", "trigger", name, triggers)
    for rule in spec.ordered_rules:
        where = f"Rule '{rule.name}'"
        named = (
            ("stage", rule.from_stages, {*spec.stage_names, ANY}),
            ("stage", (rule.to,), set(spec.stage_names[1:])),
            ("trigger", tuple(t for c in rule.when for t in c.triggers), {*triggers, ANY}),
        )
        for what, names, known in named:
            if unknown := [name for name in names if name not in known]:
                raise JourneyError.unknown_name(where, what, unknown[0], known)


def _atoms(spec: JourneySpec, rule: RuleSpec) -> tuple[Atom, ...]:
    def names(triggers: tuple[str, ...]) -> frozenset[str]:
        return frozenset(spec.trigger_names if ANY in triggers else triggers)

    return tuple(atom_of(condition, names, spec.dormant_after_days) for condition in rule.when)


def _exclude(one: tuple[Atom, ...], other: tuple[Atom, ...]) -> bool:
    return any(contradict(a, b) for a in one for b in other)


def _check_priorities(spec: JourneySpec, atoms: dict[str, tuple[Atom, ...]]) -> None:
    for one, other in combinations(spec.ordered_rules, 2):
        shared = [stage for stage in spec.sources(one) if stage in spec.sources(other)]
        if one.priority == other.priority and shared:
            if _exclude(atoms[one.name], atoms[other.name]):
                continue
            raise JourneyError.same_priority(one.name, other.name, shared[0], one.priority or 0)


def _check_circles(spec: JourneySpec, atoms: dict[str, tuple[Atom, ...]]) -> None:
    """Refuse circles of rules that hold together without waiting for an event.

    An event moves a customer by one rule at most, so only rules without events can run in circles.
    """
    level = [r for r in spec.ordered_rules if all(a.kind != Kind.EVENT for a in atoms[r.name])]
    leaving = {s: [r for r in level if s in spec.sources(r)] for s in spec.stage_names}

    def walk(path: list[str], rules: list[str]) -> None:
        for rule in leaving[path[-1]]:
            if any(_exclude(atoms[rule.name], atoms[name]) for name in rules):
                continue
            if rule.to == path[0]:
                raise JourneyError.chasing([f"'{name}'" for name in (*rules, rule.name)])
            if rule.to not in path:
                walk([*path, rule.to], [*rules, rule.name])

    for start in spec.stage_names:
        walk([start], [])
