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
            quiet = dormant_after_days if silence == "dormant_after_days" else silence
            return Atom(Kind.FEWER, group, days=quiet)
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
    ever = math.isinf(b.days)
    match a.kind:
        case Kind.EVENT:
            return b.n == 1 and (ever or not b.active_days)
        case Kind.VALUE:
            return b.n == 1 and a.days <= b.days and (ever or not b.active_days)
        case Kind.AT_LEAST if a.days <= b.days:
            if b.active_days and not (a.active_days and (ever or a.names == b.names)):
                return ever and b.n == 1
            return a.n >= b.n
    return False


def contradict(a: Atom, b: Atom) -> bool:
    """Tell whether two conditions can never hold at one instant."""
    return any(
        no.kind == Kind.FEWER and implies(yes, no.opposite()) for yes, no in ((a, b), (b, a))
    )
