"""The kernel equals plain formulas, whatever the log, and looks at nothing it must not see."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from nexttouch.events.asof import as_of_batches
from nexttouch.features import compute_features
from nexttouch.features.compute import run
from nexttouch.features.oracle import oracle_features
from nexttouch.snapshots import DAY_US, SnapshotRows

from .conftest import CUTOFFS, log_of, logs, moments, moved, moves_of, no_moves, same_bits

CAREFUL = settings(max_examples=40, deadline=None)


def moves_for(log, moved):
    return moves_of(moved[: log.n_customers])


def close_to(plan, found, expected):
    """Counts and quotients exactly; decayed sums are products of table entries."""
    decayed = np.array([column.op == "decay" for column in plan.columns])
    np.testing.assert_array_equal(found[~decayed], expected[~decayed].astype(found.dtype))
    rtol = 1e-9 if found.dtype == np.float64 else 1.2e-7
    atol = 1e-9 if found.dtype == np.float64 else 1e-6
    np.testing.assert_allclose(found[decayed], expected[decayed], rtol=rtol, atol=atol)


@CAREFUL
@given(events=logs, moved=moved)
def test_kernel_equals_plain_formulas(plan, events, moved):
    log = log_of(events)
    moves = moves_for(log, moved)
    close_to(
        plan,
        compute_features(plan, log, moves, CUTOFFS),
        oracle_features(plan, log, moves, CUTOFFS),
    )


@settings(max_examples=15, deadline=None)
@given(events=logs, moved=moved)
def test_plain_python_equals_formulas_before_the_cast_and_the_compiled_kernel_after_it(
    plan, plain_sweep, events, moved
):
    log = log_of(events)
    moves = moves_for(log, moved)
    exact = run(plan, log, moves, CUTOFFS, kernel=plain_sweep, dtype=np.float64)
    close_to(plan, exact, oracle_features(plan, log, moves, CUTOFFS))
    assert same_bits(compute_features(plan, log, moves, CUTOFFS), exact.astype(np.float32))


@CAREFUL
@given(events=logs, moved=moved, others=st.sets(moments, min_size=10, max_size=10))
def test_rows_do_not_depend_on_the_other_cutoffs(plan, events, moved, others):
    log = log_of(events)
    moves = moves_for(log, moved)
    many = np.array(sorted({*CUTOFFS.tolist(), *others}))
    together = compute_features(plan, log, moves, many)
    rows = SnapshotRows.after_first_event(log.first_us, many)
    for cutoff in many:
        alone = compute_features(plan, log, moves, np.array([cutoff]))
        assert same_bits(alone, np.ascontiguousarray(together[:, rows.cutoff_us == cutoff]))


@CAREFUL
@given(events=logs, moved=moved, data=st.data())
def test_order_of_input_rows_does_not_matter(plan, events, moved, data):
    log, again = log_of(events), log_of(data.draw(st.permutations(events)))
    moves = moves_for(log, moved)
    assert same_bits(
        compute_features(plan, log, moves, CUTOFFS), compute_features(plan, again, moves, CUTOFFS)
    )


@CAREFUL
@given(events=logs, moved=moved, invented=logs)
def test_events_at_or_after_the_cutoff_move_nothing(plan, events, moved, invented):
    cutoff = int(CUTOFFS[1])
    past = [event for event in events if event["timestamp"] < cutoff]
    if not past:
        return
    future = [event | {"timestamp": max(cutoff, event["timestamp"])} for event in invented]
    known = {event["customer_id"] for event in past}
    pasts = log_of(past)
    moves = moves_for(pasts, moved)
    later = [
        [*((at, stage) for at, stage in per if at < cutoff), (cutoff, 3)]
        for per in moved[: pasts.n_customers]
    ]
    honest = compute_features(plan, pasts, moves, CUTOFFS[1:2])
    for tail in (events, [*past, *future]):
        log = log_of([*past, *(e for e in tail if e["timestamp"] >= cutoff)])
        mine, _ = log.keep(np.isin(log.customer_ids, list(known))[log.customer_of_event])
        assert same_bits(honest, compute_features(plan, mine, moves_of(later), CUTOFFS[1:2]))


@CAREFUL
@given(events=logs, moved=moved, weeks=st.integers(-60, 60))
def test_shifting_time_by_weeks_shifts_nothing(plan, events, moved, weeks):
    shift = weeks * 7 * DAY_US
    log = log_of(events, zone="UTC")
    then = log_of(
        [
            event
            | {"timestamp": event["timestamp"] + shift}
            | {"ends": None if event["ends"] is None else event["ends"] + shift}
            for event in events
        ],
        zone="UTC",
    )
    before, after = moved, [[(at + shift, stage) for at, stage in per] for per in moved]
    assert same_bits(
        compute_features(plan, log, moves_for(log, before), CUTOFFS),
        compute_features(plan, then, moves_for(then, after), CUTOFFS + shift),
    )


@CAREFUL
@given(events=logs, delays=st.lists(st.sampled_from([0, 1, 2 * DAY_US, 9 * DAY_US]), min_size=40))
def test_late_arrivals_are_unknown_until_they_arrive(plan, events, delays):
    late = [
        event | {"ingested_at": event["timestamp"] + delay}
        for event, delay in zip(events, delays, strict=False)
    ]
    log = log_of(late)
    for batch in as_of_batches(log, CUTOFFS):
        found = compute_features(plan, batch.log, no_moves(batch.log), batch.cutoffs_us)
        rows = SnapshotRows.after_first_event(batch.log.first_us, batch.cutoffs_us)
        for cutoff in batch.cutoffs_us:
            known = (log.timestamp_us < cutoff) & (log.arrived_us <= cutoff)
            if not known.any():
                continue
            honest, customers = log.keep(known)
            expected = compute_features(plan, honest, no_moves(honest), np.array([cutoff]))
            mine = np.isin(customers, batch.customer[rows.customer[rows.cutoff_us == cutoff]])
            assert same_bits(
                np.ascontiguousarray(found[:, rows.cutoff_us == cutoff]),
                np.ascontiguousarray(expected[:, mine]),
            )


def many_customers(n=1300):
    rng = np.random.default_rng(7)
    return log_of(
        {
            "customer_id": [f"c{k:04d}" for k in rng.integers(0, n, 4 * n)],
            "timestamp": rng.integers(CUTOFFS[0] - 200 * DAY_US, CUTOFFS[2], 4 * n),
            "event": rng.choice(["buy", "login", "mail", "help"], 4 * n),
            "value": rng.integers(-999, 99_999, 4 * n) / 100,
            "actor_id": rng.choice(["p", "q"], 4 * n),
        }
    )


def test_threads_and_customer_ranges_change_nothing(plan):
    log = many_customers()
    moves = no_moves(log)
    whole = compute_features(plan, log, moves, CUTOFFS)
    told = []
    again = compute_features(
        plan, log, moves, CUTOFFS, threads=2, progress=lambda *step: told.append(step)
    )
    assert same_bits(whole, again)
    assert told[-1] == ("features", log.n_customers, log.n_customers)
    rows = SnapshotRows.after_first_event(log.first_us, CUTOFFS)
    for customer in (0, 511, 512, log.n_customers - 1):
        one, _ = log.keep(log.customer_of_event == customer)
        alone = compute_features(plan, one, no_moves(one), CUTOFFS)
        assert same_bits(alone, np.ascontiguousarray(whole[:, rows.customer == customer]))


def test_without_numba_the_same_functions_give_the_same_bits(plan, tmp_path):
    events = [
        {"customer_id": "a", "timestamp": int(CUTOFFS[0]) - k * k * 3_600_000_000, "event": name}
        for k, name in enumerate(("buy", "help", "mail", "open", "login", "buy"))
    ]
    log = log_of(events)
    whole = compute_features(plan, log, no_moves(log), CUTOFFS)
    for name, content in plan.to_files().items():
        (tmp_path / name).write_bytes(content)
    pd.DataFrame(events).to_json(tmp_path / "events.json")
    program = f"""
import pathlib, sys
sys.modules["numba"] = None
import numpy as np, pandas as pd
from types import SimpleNamespace
from nexttouch.events.build import build_log
from nexttouch.events.log import Measure, Vocabulary
from nexttouch.features import FeaturePlan, compute_features
events = pd.read_json({str(tmp_path / "events.json")!r}, convert_dates=False)
events["timestamp"] = pd.to_datetime(events["timestamp"], unit="us", utc=True)
folder = pathlib.Path({str(tmp_path)!r})
plan = FeaturePlan.from_files({{f.name: f.read_bytes() for f in folder.iterdir()}})
log = build_log(events, time_zone="Europe/Berlin", measures=plan.measures)
moves = SimpleNamespace(offsets=np.zeros(2, int), at_us=np.zeros(0, int), stage=np.zeros(0, int))
found = compute_features(plan, log, moves, np.array({CUTOFFS.tolist()}))
sys.stdout.buffer.write(found.tobytes())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env=dict(os.environ)
    )
    assert done.stdout == whole.tobytes()
