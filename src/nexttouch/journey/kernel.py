"""The stage machine: one compiled pass that turns events and timers into dated moves.

Only integers, serial, the same in any order of compilation. At an instant everything that happens
then is taken in first: windows lose what has become too old, events are counted. Then the rules out
of the present stage are tried in order; the first that holds moves the customer, and so on until
none holds. An instant's events may carry a customer along one rule that waits for an event.

All of it is in one file, because numba's cache watches only the file of the function it compiled.
"""

# Numba infers the types, and passes arguments by place.
# mypy: allow-untyped-defs
# ruff: noqa: ANN001, ANN201, ANN202, PLR0917

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nexttouch.events.log import MISSING
from nexttouch.jit import jit
from nexttouch.journey.atoms import Kind
from nexttouch.journey.plan import Slot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.journey.plan import PlanArrays

__all__ = ["NEVER", "Memory", "fresh_memory", "last_before", "run_machine"]

NEVER = np.iinfo(np.int64).max
"""A timer that is not set."""

_EVENT, _FEWER, _VALUE, _DATE = int(Kind.EVENT), int(Kind.FEWER), int(Kind.VALUE), int(Kind.DATE)
_HAPPENED, _ACTIVE_DAYS = int(Slot.HAPPENED), int(Slot.ACTIVE_DAYS)
_SUM, _DATED = int(Slot.SUM), int(Slot.DATE)
_TO, _WAITS, _FIRST, _END = range(4)  # columns of PlanArrays.rules
_KIND, _SLOT, _LEAST, _WINDOW = range(4)  # of PlanArrays.conditions
_KEEPS, _MEASURE, _SPAN, _RING, _LENGTH = range(5)  # of PlanArrays.slots


class Memory(NamedTuple):
    """What is remembered of one customer.

    Attributes
    ----------
    value : int64, shape (n_slots,)
        Time of the latest event, number of units, sum, or date.
    mark : int64, shape (n_slots,)
        Last active day, oldest event of a windowed sum, or when the date was stated.
    ring : int64
        The latest times of the units of each count.
    spent : int64, shape (n_conditions,)
        The date on which a rule has fired already.
    fired : int64
        Rules fired at this instant.
    """

    value: NDArray[np.int64]
    mark: NDArray[np.int64]
    ring: NDArray[np.int64]
    spent: NDArray[np.int64]
    fired: NDArray[np.int64]


def fresh_memory(plan: PlanArrays) -> Memory:
    """Return room for one customer's state under a plan."""
    n_stages = len(plan.stage_start) - 1
    sizes = (
        len(plan.slots),
        len(plan.slots),
        int(plan.slots[:, _LENGTH].sum()),
        len(plan.conditions),
        2 * n_stages + 2,  # no circles: each stage once before and once after the event
    )
    return Memory(*(np.zeros(size, dtype=np.int64) for size in sizes))


@jit
def _forget(plan, memory, first):
    for slot in range(plan.slots.shape[0]):
        keeps = plan.slots[slot, _KEEPS]
        memory.value[slot] = MISSING if keeps in (_HAPPENED, _DATED) else 0
        memory.mark[slot] = first if keeps == _SUM else MISSING
    memory.spent[:] = MISSING


@jit
def _copy(source, target):
    target.value[:] = source.value
    target.mark[:] = source.mark
    target.ring[:] = source.ring
    target.spent[:] = source.spent


@jit
def _take_in(plan, memory, now, event, day, measures, row):
    """Count one event."""
    for slot in range(plan.slots.shape[0]):
        if plan.member[event, slot] == 0:
            continue
        keeps = plan.slots[slot, _KEEPS]
        if keeps == _HAPPENED:
            memory.value[slot] = now
        elif keeps <= _ACTIVE_DAYS:
            if keeps == _ACTIVE_DAYS:
                if day <= memory.mark[slot]:  # zones may turn the clock back over midnight
                    continue
                memory.mark[slot] = day
            place = memory.value[slot] % plan.slots[slot, _LENGTH]
            memory.ring[plan.slots[slot, _RING] + place] = now
            memory.value[slot] += 1
        else:
            number = measures[plan.slots[slot, _MEASURE], row]
            if number == MISSING:
                continue
            if keeps == _SUM:
                memory.value[slot] += number
            else:  # of dates stated at one instant the latest counts
                if memory.mark[slot] != now or number > memory.value[slot]:
                    memory.value[slot] = number
                memory.mark[slot] = now


@jit
def _evict(plan, memory, now, times, events, measures, taken):
    """Take what is too old out of the windowed sums; marks rest on the next event to leave."""
    for slot in range(plan.slots.shape[0]):
        span = plan.slots[slot, _SPAN]
        if plan.slots[slot, _KEEPS] != _SUM or span < 0:
            continue
        head = memory.mark[slot]
        while head < taken:
            if plan.member[events[head], slot] != 0:
                if times[head] > now - span:
                    break
                number = measures[plan.slots[slot, _MEASURE], head]
                if number != MISSING:
                    memory.value[slot] -= number
            head += 1
        memory.mark[slot] = head


@jit
def _nth_latest(plan, memory, condition):
    """Return the time of the n-th latest unit; there must be n."""
    slot = plan.conditions[condition, _SLOT]
    place = (memory.value[slot] - plan.conditions[condition, _LEAST]) % plan.slots[slot, _LENGTH]
    return memory.ring[plan.slots[slot, _RING] + place]


@jit
def _holds(plan, memory, condition, now, event_used):
    """Tell whether a condition holds from just after ``now`` on."""
    kind = plan.conditions[condition, _KIND]
    least = plan.conditions[condition, _LEAST]
    window = plan.conditions[condition, _WINDOW]
    value = memory.value[plan.conditions[condition, _SLOT]]
    if kind == _EVENT:
        holds = not event_used and value == now
    elif kind == _VALUE:
        holds = value >= least
    elif kind == _DATE:
        holds = value != MISSING and value != memory.spent[condition] and value + window <= now
    else:
        enough = value >= least
        if enough and window >= 0:
            enough = _nth_latest(plan, memory, condition) > now - window
        holds = enough == (kind != _FEWER)
    return holds


@jit
def _first_that_holds(plan, memory, stage, now, event_used):
    """Return the rule that takes a customer out of the stage now, or -1."""
    for way in range(plan.stage_start[stage], plan.stage_start[stage + 1]):
        rule = plan.stage_rule[way]
        holds = True
        for condition in range(plan.rules[rule, _FIRST], plan.rules[rule, _END]):
            if not _holds(plan, memory, condition, now, event_used):
                holds = False
                break
        if holds:
            return rule
    return -1


@jit
def _settle(plan, memory, stage, now):
    """Fire rules until none holds; list them in ``memory.fired`` and return how many."""
    event_used = False
    for n_fired in range(memory.fired.shape[0]):
        rule = _first_that_holds(plan, memory, stage, now, event_used)
        if rule < 0:
            return n_fired
        for condition in range(plan.rules[rule, _FIRST], plan.rules[rule, _END]):
            if plan.conditions[condition, _KIND] == _DATE:
                memory.spent[condition] = memory.value[plan.conditions[condition, _SLOT]]
        memory.fired[n_fired] = rule
        stage = plan.rules[rule, _TO]
        event_used = event_used or plan.rules[rule, _WAITS] != 0
    return memory.fired.shape[0]


@jit
def _next_timer(plan, memory, stage, now, times, taken):
    """Return the next instant after ``now`` at which passing time alone may make a rule fire."""
    soonest = NEVER
    for way in range(plan.stage_start[stage], plan.stage_start[stage + 1]):
        rule = plan.stage_rule[way]
        for condition in range(plan.rules[rule, _FIRST], plan.rules[rule, _END]):
            kind = plan.conditions[condition, _KIND]
            slot = plan.conditions[condition, _SLOT]
            window = plan.conditions[condition, _WINDOW]
            value = memory.value[slot]
            due = NEVER
            if kind == _FEWER:
                if window >= 0 and value >= plan.conditions[condition, _LEAST]:
                    due = _nth_latest(plan, memory, condition) + window
            elif kind == _VALUE:
                if window >= 0 and memory.mark[slot] < taken:
                    due = times[memory.mark[slot]] + window
            elif kind == _DATE and value != MISSING and value != memory.spent[condition]:
                due = value + window
            if now < due < soonest:
                soonest = due
    return soonest


@jit
def _run_silent(plan, memory, scratch, stage, timer, until_us, times, events, measures, taken):
    """Return the stage at ``until_us`` if no further event happens."""
    if timer >= until_us:
        return stage
    _copy(memory, scratch)
    while timer < until_us:
        now = timer
        _evict(plan, scratch, now, times, events, measures, taken)
        n_fired = _settle(plan, scratch, stage, now)
        if n_fired > 0:
            stage = plan.rules[scratch.fired[n_fired - 1], _TO]
        timer = _next_timer(plan, scratch, stage, now, times, taken)
    return stage


@jit
def _longer(values):
    longer = np.empty(2 * values.shape[0], dtype=values.dtype)
    longer[: values.shape[0]] = values
    return longer


@jit
def run_machine(
    plan,
    memory,
    scratch,
    offsets,
    times,
    events,
    days,
    measures,
    until_us,
    row_offsets,
    cutoffs_us,
    horizon_us,
):
    """Run every customer up to ``until_us``.

    Returns
    -------
    move_offsets, at_us, rule
        Moves of customer c are rows ``move_offsets[c]:move_offsets[c + 1]``.
    silent
        Stage of each row at cutoff + horizon if no event happens after the cutoff.
    """
    n_customers = offsets.shape[0] - 1
    move_offsets = np.zeros(n_customers + 1, dtype=np.int64)
    at_us = np.empty(max(1024, n_customers), dtype=np.int64)
    rules = np.empty(at_us.shape[0], dtype=np.int16)
    silent = np.empty(cutoffs_us.shape[0], dtype=np.int16)
    n_moves = 0
    for customer in range(n_customers):
        taken = offsets[customer]
        end = offsets[customer + 1]
        row = row_offsets[customer]
        last_row = row_offsets[customer + 1]
        _forget(plan, memory, taken)
        stage = 0
        timer = NEVER
        while True:
            while taken < end and plan.relevant[events[taken]] == 0:
                taken += 1
            now = timer
            if taken < end and times[taken] < now:
                now = times[taken]
            while row < last_row and cutoffs_us[row] <= now:
                silent[row] = _run_silent(
                    plan, memory, scratch, stage, timer, cutoffs_us[row] + horizon_us,
                    times, events, measures, taken,
                )  # fmt: skip
                row += 1
            if now >= until_us:
                break
            while taken < end and times[taken] == now:
                _take_in(plan, memory, now, events[taken], days[taken], measures, taken)
                taken += 1
            _evict(plan, memory, now, times, events, measures, taken)
            n_fired = _settle(plan, memory, stage, now)
            if n_moves + n_fired > at_us.shape[0]:
                at_us = _longer(at_us)
                rules = _longer(rules)
            for place in range(n_fired):
                at_us[n_moves] = now
                rules[n_moves] = memory.fired[place]
                stage = plan.rules[memory.fired[place], _TO]
                n_moves += 1
            timer = _next_timer(plan, memory, stage, now, times, taken)
        move_offsets[customer + 1] = n_moves
    return move_offsets, at_us[:n_moves].copy(), rules[:n_moves].copy(), silent


@jit
def last_before(offsets, at_us, customer, moment_us):
    """Return per row the place of the customer's last move before the moment, or -1."""
    place = np.empty(customer.shape[0], dtype=np.int64)
    for row in range(customer.shape[0]):
        first = offsets[customer[row]]
        low = first
        high = offsets[customer[row] + 1]
        while low < high:
            middle = (low + high) // 2
            if at_us[middle] < moment_us[row]:
                low = middle + 1
            else:
                high = middle
        place[row] = low - 1 if low > first else -1
    return place
