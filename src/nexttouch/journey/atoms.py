"""What the conditions of rules say about each other."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexttouch.journey.conditions import (
    AtLeast,
    Condition,
    DatePassed,
    EventHappens,
    FewerThan,
    Silence,
    ValueAtLeast,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Atom", "Kind", "atom_of", "contradict", "implies"]


class Kind(enum.IntEnum):
    """What an atom waits for; the numbers are those of the kernel."""

    EVENT = 0
    AT_LEAST = 1
    FEWER = 2
    VALUE = 3
    DATE = 4


@dataclass(frozen=True)
class Atom:
    """One condition in the form that the machine knows; ``days`` is infinite for "ever".

    Silence is "fewer than 1 event". ``names`` are triggers while a journey is checked and event
    names once it is compiled.
    """

    kind: Kind
    names: frozenset[str]
    n: int = 1
    active_days: bool = False
    days: float = math.inf
    measure: str = ""
    least: float = 0.0

    def opposite(self) -> Atom:
        """Return "at least n" for "fewer than n"."""
        return Atom(Kind.AT_LEAST, self.names, self.n, self.active_days, self.days)


def atom_of(
    condition: Condition,
    names: Callable[[tuple[str, ...]], frozenset[str]],
    dormant_after_days: int,
) -> Atom:
    """Translate a condition; ``names`` spells out its triggers."""
    group = names(condition.triggers)
    match condition:
        case EventHappens():
            return Atom(Kind.EVENT, group)
        case AtLeast():
            kind, n = Kind.AT_LEAST, condition.at_least
        case FewerThan():
            kind, n = Kind.FEWER, condition.fewer_than
        case Silence(silence_days=silence):
            days = dormant_after_days if silence == "dormant_after_days" else silence
            return Atom(Kind.FEWER, group, days=days)
        case ValueAtLeast():
            days = condition.within_days or math.inf
            measure, least = condition.measure, condition.value_at_least
            return Atom(Kind.VALUE, group, days=days, measure=measure, least=least)
        case DatePassed():
            return Atom(Kind.DATE, group, days=condition.offset_days, measure=condition.date)
    active = condition.units == "active_days"
    return Atom(kind, group, n, active, condition.within_days or math.inf)


def implies(a: Atom, b: Atom) -> bool:
    """Tell whether the instant at which ``a`` holds always has ``b``, an "at least", hold too.

    A day is dated by its first event, so that days of a wider group may start earlier: those imply
    nothing. Neither does a wider window.

    Examples
    --------
    >>> four = Atom(Kind.AT_LEAST, frozenset({"buy"}), n=4, active_days=True, days=91)
    >>> implies(four, Atom(Kind.AT_LEAST, frozenset({"buy", "use"}), n=2, days=91))
    True
    >>> implies(four, Atom(Kind.AT_LEAST, frozenset({"buy"}), n=5, days=91))
    False
    """
    if b.kind != Kind.AT_LEAST or not a.names <= b.names:
        return False
    if a.kind == Kind.EVENT:
        return b.n == 1 and (not b.active_days or math.isinf(b.days))
    if a.kind == Kind.VALUE:
        return b.n == 1 and a.days <= b.days and (not b.active_days or math.isinf(b.days))
    if a.kind != Kind.AT_LEAST or a.days > b.days:
        return False
    if not b.active_days:
        return a.n >= b.n
    if math.isinf(b.days):
        return (a.n if a.active_days else 1) >= b.n
    return a.active_days and a.names == b.names and a.n >= b.n


def contradict(a: Atom, b: Atom) -> bool:
    """Tell whether two conditions can never hold at one instant."""
    return any(
        no.kind == Kind.FEWER and implies(yes, no.opposite()) for yes, no in ((a, b), (b, a))
    )
