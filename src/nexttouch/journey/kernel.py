"""The stage machine: one compiled pass that turns events and timers into dated moves.

Only integers, serial, the same in any order of compilation. At an instant everything that happens
then is taken in first: windows lose what has become too old, events are counted. Then the rules out
of the present stage are tried in order; the first that holds moves the customer, and so on until
none holds. An instant's events may carry a customer along one rule that waits for an event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

from nexttouch.events.log import MISSING
from nexttouch.journey.atoms import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.journey.plan import PlanArrays

__all__ = ["NEVER", "Memory", "fresh_memory", "run_machine"]

NEVER = np.iinfo(np.int64).max
"""A timer that is not set."""

_EVENT, _FEWER, _VALUE, _DATE = int(Kind.EVENT), int(Kind.FEWER), int(Kind.VALUE), int(Kind.DATE)

_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


class Memory(NamedTuple):
    """What is remembered of one customer.

    ``ring`` holds the latest times of each count, ``heads`` the oldest event of each windowed sum,
    ``stated`` when a date was stated, ``spent`` the date on which a rule has already fired.
    """

    happened: NDArray[np.uint8]
    counts: NDArray[np.int64]
    last_day: NDArray[np.int64]
    ring: NDArray[np.int64]
    sums: NDArray[np.int64]
    heads: NDArray[np.int64]
    dates: NDArray[np.int64]
    stated: NDArray[np.int64]
    spent: NDArray[np.int64]
    fired: NDArray[np.int64]


def fresh_memory(plan: PlanArrays) -> Memory:
    """Return room for one customer's state under a plan."""

    def room(size: int) -> NDArray[np.int64]:
        return np.zeros(size, dtype=np.int64)

    n_stages = len(plan.stage_start) - 1
    return Memory(
        happened=np.zeros(plan.group_member.shape[1], dtype=np.uint8),
        counts=room(len(plan.count_days)),
        last_day=room(len(plan.count_days)),
        ring=room(int(plan.ring_start[-1])),
        sums=room(len(plan.sum_measure)),
        heads=room(len(plan.sum_measure)),
        dates=room(len(plan.date_measure)),
        stated=room(len(plan.date_measure)),
        spent=room(len(plan.kind)),
        fired=room(2 * n_stages + 2),  # no circles: each stage once before and once after the event
    )


@_compiled
def _forget(memory: Memory, first: int) -> None:
    memory.happened[:] = 0
    memory.counts[:] = 0
    memory.last_day[:] = MISSING
    memory.sums[:] = 0
    memory.heads[:] = first
    memory.dates[:] = MISSING
    memory.stated[:] = MISSING
    memory.spent[:] = MISSING


@_compiled
def _copy(source: Memory, target: Memory) -> None:
    target.happened[:] = source.happened
    target.counts[:] = source.counts
    target.last_day[:] = source.last_day
    target.ring[:] = source.ring
    target.sums[:] = source.sums
    target.heads[:] = source.heads
    target.dates[:] = source.dates
    target.stated[:] = source.stated
    target.spent[:] = source.spent


@_compiled
def _take_in(plan, memory, at, event, day, measures, row):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Count one event."""
    for group in range(memory.happened.shape[0]):
        if plan.group_member[event, group] != 0:
            memory.happened[group] = 1
    for slot in range(memory.counts.shape[0]):
        if plan.count_member[event, slot] == 0:
            continue
        if plan.count_days[slot] != 0:
            if day <= memory.last_day[slot]:  # zones may turn the clock back over midnight
                continue
            memory.last_day[slot] = day
        start = plan.ring_start[slot]
        length = plan.ring_start[slot + 1] - start
        memory.ring[start + memory.counts[slot] % length] = at
        memory.counts[slot] += 1
    for slot in range(memory.sums.shape[0]):
        if plan.sum_member[event, slot] != 0:
            value = measures[plan.sum_measure[slot], row]
            if value != MISSING:
                memory.sums[slot] += value
    for slot in range(memory.dates.shape[0]):
        if plan.date_member[event, slot] != 0:
            date = measures[plan.date_measure[slot], row]
            if date == MISSING:
                continue
            if memory.stated[slot] != at or date > memory.dates[slot]:
                memory.dates[slot] = date
            memory.stated[slot] = at


@_compiled
def _evict(plan, memory, now, times, events, measures, taken):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Take what is too old out of the windowed sums; heads rest on the next event to leave."""
    for slot in range(memory.sums.shape[0]):
        window = plan.sum_window[slot]
        if window < 0:
            continue
        head = memory.heads[slot]
        while head < taken:
            if plan.sum_member[events[head], slot] != 0:
                if times[head] > now - window:
                    break
                value = measures[plan.sum_measure[slot], head]
                if value != MISSING:
                    memory.sums[slot] -= value
            head += 1
        memory.heads[slot] = head


@_compiled
def _nth_latest(plan, memory, condition):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the time of the n-th latest unit; there must be n."""
    slot = plan.slot[condition]
    start = plan.ring_start[slot]
    length = plan.ring_start[slot + 1] - start
    return memory.ring[start + (memory.counts[slot] - plan.least[condition]) % length]


@_compiled
def _holds(plan, memory, condition, now, event_used):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether a condition holds from just after ``now`` on."""
    kind = plan.kind[condition]
    slot = plan.slot[condition]
    if kind == _EVENT:
        return not event_used and memory.happened[slot] != 0
    if kind == _VALUE:
        return memory.sums[slot] >= plan.least[condition]
    if kind == _DATE:
        date = memory.dates[slot]
        due = date != MISSING and date != memory.spent[condition]
        return due and date + plan.window[condition] <= now
    window = plan.window[condition]
    enough = memory.counts[slot] >= plan.least[condition]
    if enough and window >= 0:
        enough = _nth_latest(plan, memory, condition) > now - window
    return enough == (kind != _FEWER)


@_compiled
def _settle(plan, memory, stage, now):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Fire rules until none holds; list them in ``memory.fired`` and return how many."""
    n_fired = 0
    event_used = False
    while n_fired < memory.fired.shape[0]:
        moved = False
        for place in range(plan.stage_start[stage], plan.stage_start[stage + 1]):
            rule = plan.rule_of_stage[place]
            holds = True
            for condition in range(plan.condition_start[rule], plan.condition_start[rule + 1]):
                if not _holds(plan, memory, condition, now, event_used):
                    holds = False
                    break
            if not holds:
                continue
            for condition in range(plan.condition_start[rule], plan.condition_start[rule + 1]):
                if plan.kind[condition] == _DATE:
                    memory.spent[condition] = memory.dates[plan.slot[condition]]
            memory.fired[n_fired] = rule
            n_fired += 1
            stage = plan.rule_to[rule]
            event_used = event_used or plan.rule_waits_for_event[rule] != 0
            moved = True
            break
        if not moved:
            break
    memory.happened[:] = 0
    return n_fired


@_compiled
def _next_timer(plan, memory, stage, now, times, taken):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the next instant after ``now`` at which passing time alone may make a rule fire."""
    soonest = NEVER
    for place in range(plan.stage_start[stage], plan.stage_start[stage + 1]):
        rule = plan.rule_of_stage[place]
        for condition in range(plan.condition_start[rule], plan.condition_start[rule + 1]):
            kind = plan.kind[condition]
            slot = plan.slot[condition]
            window = plan.window[condition]
            due = NEVER
            if kind == _FEWER:
                if window >= 0 and memory.counts[slot] >= plan.least[condition]:
                    due = _nth_latest(plan, memory, condition) + window
            elif kind == _VALUE:
                if window >= 0 and memory.heads[slot] < taken:
                    due = times[memory.heads[slot]] + window
            elif kind == _DATE:
                date = memory.dates[slot]
                if date != MISSING and date != memory.spent[condition]:
                    due = date + window
            if now < due < soonest:
                soonest = due
    return soonest


@_compiled
def _run_silent(plan, memory, scratch, stage, timer, until_us, times, events, measures, taken):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the stage at ``until_us`` if no further event happens."""
    if timer >= until_us:
        return stage
    _copy(memory, scratch)
    while timer < until_us:
        now = timer
        _evict(plan, scratch, now, times, events, measures, taken)
        n_fired = _settle(plan, scratch, stage, now)
        if n_fired > 0:
            stage = plan.rule_to[scratch.fired[n_fired - 1]]
        timer = _next_timer(plan, scratch, stage, now, times, taken)
    return stage


@_compiled
def run_machine(  # type: ignore[no-untyped-def]  # noqa: ANN201
    plan,  # noqa: ANN001
    memory,  # noqa: ANN001
    scratch,  # noqa: ANN001
    offsets,  # noqa: ANN001
    times,  # noqa: ANN001
    events,  # noqa: ANN001
    days,  # noqa: ANN001
    measures,  # noqa: ANN001
    until_us,  # noqa: ANN001
    row_offsets,  # noqa: ANN001
    cutoffs_us,  # noqa: ANN001
    horizon_us,  # noqa: ANN001
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
        _forget(memory, taken)
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
                if plan.relevant[events[taken]] != 0:
                    _take_in(plan, memory, now, events[taken], days[taken], measures, taken)
                taken += 1
            _evict(plan, memory, now, times, events, measures, taken)
            n_fired = _settle(plan, memory, stage, now)
            if n_moves + n_fired > at_us.shape[0]:
                more_at_us = np.empty(2 * at_us.shape[0] + n_fired, dtype=np.int64)
                more_rules = np.empty(more_at_us.shape[0], dtype=np.int16)
                more_at_us[:n_moves] = at_us[:n_moves]
                more_rules[:n_moves] = rules[:n_moves]
                at_us = more_at_us
                rules = more_rules
            for place in range(n_fired):
                at_us[n_moves] = now
                rules[n_moves] = memory.fired[place]
                stage = plan.rule_to[memory.fired[place]]
                n_moves += 1
            timer = _next_timer(plan, memory, stage, now, times, taken)
        move_offsets[customer + 1] = n_moves
    return move_offsets, at_us[:n_moves].copy(), rules[:n_moves].copy(), silent


@_compiled
def last_before(offsets, at_us, customer, moment_us):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
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
