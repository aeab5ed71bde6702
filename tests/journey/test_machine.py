"""The compiled machine and legality, on random journeys and random logs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from nexttouch.events.log import Vocabulary
from nexttouch.journey import (
    JourneySpec,
    compile_journey,
    dated_moves,
    legal_next,
    silent_stages,
    stage_at,
    stages_at,
)
from nexttouch.journey.kernel import run_machine
from nexttouch.snapshots import DAY_US, SnapshotRows

NAMES = ("buy", "use", "view")
groups = st.sampled_from(["buy", "use", "view", ["buy", "use"], "any"])
days = st.sampled_from([1, 2, 3, 5, 8, 13, 28, 40])
units = st.sampled_from(["events", "active_days"])
maybe = st.one_of(st.none(), days)
few = st.integers(1, 3)


def fixed(**parts):
    return st.fixed_dictionaries(parts)


event = fixed(event=groups)
silence = fixed(silence_days=days, of=groups)
condition = st.one_of(
    event,
    event,
    silence,
    fixed(at_least=few, of=groups, units=units, within_days=maybe),
    fixed(fewer_than=few, of=groups, units=units, within_days=maybe),
    fixed(value_at_least=st.sampled_from([1.0, 4.5]), of=groups, within_days=maybe),
    fixed(date=st.just("contract_end"), of=groups, offset_days=st.sampled_from([-3, 0, 2])),
)
when = st.one_of(condition, st.tuples(condition, condition).map(list))
stages = ("one", "two", "three")
extra = st.tuples(
    st.sampled_from([*stages, "dormant", "any", ["one", "two"]]), st.sampled_from(stages), when
)


@st.composite
def journeys(draw):
    """Specs in which every stage can be reached and left; some run in circles and are refused."""
    ways = [
        ("not_started", "one", draw(event)),
        ("one", "two", draw(when)),
        ("two", "three", draw(when)),
        ("dormant", draw(st.sampled_from(stages)), draw(event)),
        *draw(st.lists(extra, max_size=4)),
    ]
    order = draw(st.permutations(range(len(ways))))
    rules = [
        {"name": f"r{n}", "from": ways[n][0], "to": ways[n][1], "when": ways[n][2]} for n in order
    ]
    try:
        return JourneySpec(
            stages=[{"name": name} for name in stages],
            rules=rules,
            events={name: name for name in NAMES},
            dormant_after_days=draw(days),
        )
    except ValidationError as refused:
        assume("lead in a circle" not in str(refused))
        raise


half_days = st.integers(0, 240)
happening = st.tuples(
    st.sampled_from(["a", "b"]),
    half_days,
    st.sampled_from([*NAMES, "noise"]),
    st.one_of(st.none(), st.integers(-3, 6)),
    st.one_of(st.none(), half_days),
)
happenings = st.lists(happening, min_size=1, max_size=14)


def as_rows(happenings):
    for customer, half, name, value, end in happenings:
        measures = {} if value is None else {"value": 100 * value}
        measures |= {} if end is None else {"contract_end": end * DAY_US // 2}
        yield customer, half * DAY_US // 2, name, measures


@settings(max_examples=80, deadline=None)
@given(spec=journeys(), happenings=happenings)
def test_machine_follows_the_rules_to_the_letter(make_log, literal_moves, spec, happenings):
    log = make_log(as_rows(happenings), names=(*NAMES, "noise"))
    plan = compile_journey(spec, log.vocabulary)
    until = 200 * DAY_US
    moves = dated_moves(plan, log, until_us=until)
    for customer in range(log.n_customers):
        span = slice(moves.offsets[customer], moves.offsets[customer + 1])
        found = list(zip(moves.at_us[span].tolist(), moves.rule[span].tolist(), strict=True))
        assert found == literal_moves(plan, log, customer, until)


@settings(max_examples=80, deadline=None)
@given(
    spec=journeys(),
    happenings=happenings,
    horizon=st.sampled_from([1, 7, 28, 91]),
    offset=st.sampled_from([0, 0, 1, -1, DAY_US // 2, DAY_US // 3]),
)
def test_every_observed_next_stage_is_legal(make_log, spec, happenings, horizon, offset):
    log = make_log(as_rows(happenings), names=(*NAMES, "noise"))
    plan = compile_journey(spec, log.vocabulary)
    cutoffs = np.arange(0, 150) * DAY_US + offset
    rows = SnapshotRows.after_first_event(log.first_us, cutoffs)
    moves = dated_moves(plan, log)
    now = stage_at(moves, rows.customer, rows.cutoff_us)
    ends = rows.cutoff_us + horizon * DAY_US
    later = stage_at(moves, rows.customer, ends)
    legal = legal_next(plan, horizon, day_aligned=offset == 0)
    assert legal[now, later].all()

    silent = silent_stages(plan, log, rows, horizon * DAY_US)
    assert legal[now, silent].all()
    for row in range(0, len(rows), 7):
        span = slice(log.offsets[rows.customer[row]], log.offsets[rows.customer[row] + 1])
        times = log.timestamp_us[span]
        if not ((times >= rows.cutoff_us[row]) & (times < ends[row])).any():
            assert silent[row] == later[row]


@settings(max_examples=30, deadline=None)
@given(spec=journeys(), happenings=happenings, cutoff=half_days)
def test_events_at_or_after_the_cutoff_change_nothing(make_log, spec, happenings, cutoff):
    cutoff_us = cutoff * DAY_US // 2
    known = [h for h in happenings if h[1] < cutoff]
    assume(known)
    answers = []
    for some in (happenings, known):
        log = make_log(as_rows(some), names=(*NAMES, "noise"))
        plan = compile_journey(spec, log.vocabulary)
        rows = SnapshotRows.after_first_event(log.first_us, np.array([cutoff_us]))
        names = log.customer_ids[rows.customer].tolist()
        stage = stages_at(plan, log, rows.cutoff_us, rows).tolist()
        silent = silent_stages(plan, log, rows, 28 * DAY_US).tolist()
        answers.append((names, stage, silent))
    assert answers[0] == answers[1]


@settings(max_examples=20, deadline=None)
@given(spec=journeys(), happenings=happenings, shift=st.integers(-900, 900))
def test_shifting_all_times_shifts_the_moves_and_nothing_else(make_log, spec, happenings, shift):
    rows = list(as_rows(happenings))
    by = shift * DAY_US
    moved = [
        (c, t + by, n, {k: v + by * (k == "contract_end") for k, v in m.items()})
        for c, t, n, m in rows
    ]
    logs = [make_log(r, names=(*NAMES, "noise")) for r in (rows, moved)]
    plan = compile_journey(spec, logs[0].vocabulary)
    one, two = (dated_moves(plan, log) for log in logs)
    assert (one.at_us + by).tolist() == two.at_us.tolist()
    assert one.rule.tolist() == two.rule.tolist()


def test_codes_of_the_vocabulary_do_not_matter(make_log, lifecycle):
    events = [("a", n * DAY_US, "purchase") for n in (0, 9, 60)] + [("a", 5, "visit")]
    logs = [
        make_log(events, names=names) for names in (("purchase", "visit"), ("visit", "purchase"))
    ]
    one, two = (dated_moves(lifecycle, log) for log in logs)
    assert one.stage.tolist() == two.stage.tolist()


def test_two_journeys_share_one_compilation(make_log, lifecycle, five_stage):
    log = make_log([("a", 0, "purchase")], names=("purchase", "conversion"))
    for plan in (lifecycle, five_stage):
        dated_moves(plan, log)
    log.timestamp_us.flags.writeable = False
    dated_moves(lifecycle, log)
    assert len(run_machine.signatures) == 1


def test_plain_python_gives_what_the_compiled_machine_gives(make_log, lifecycle, monkeypatch):
    log = make_log([("a", n * DAY_US, "purchase") for n in (0, 0, 9, 40, 45, 50, 200)])
    compiled = dated_moves(lifecycle, log)
    monkeypatch.setattr("nexttouch.journey.moves.run_machine", run_machine.py_func)
    plain = dated_moves(lifecycle, log)
    assert compiled.at_us.tolist() == plain.at_us.tolist()
    assert compiled.rule.tolist() == plain.rule.tolist()


def test_an_empty_log_has_no_moves(make_log, lifecycle):
    log = make_log([], names=("purchase",))
    assert len(dated_moves(lifecycle, log)) == 0


@pytest.mark.parametrize("n", [1, 3000])
def test_many_moves_of_one_customer_fit(make_log, n):
    spec = JourneySpec(
        stages=[{"name": "here"}],
        rules=[
            {"name": "in", "from": "any", "to": "here", "when": {"event": "x"}},
            {"name": "again", "from": "here", "to": "here", "when": {"event": "x"}},
        ],
        events={"x": "x"},
    )
    log = make_log([("a", t, "x") for t in range(n)])
    plan = compile_journey(spec, Vocabulary(("x",)))
    assert len(dated_moves(plan, log, until_us=DAY_US)) == n
