"""Speed of the feature kernel: many customers at once, and one customer as in a request.

``python -m benchmarks.features --json [--events N]``

A made-up log of 50 events per customer over two years, 12 cutoffs a month apart, the default spec
with three groups, two channels and touches. CPU seconds count all threads, best of three runs, with
the kernel compiled and the log in memory.
"""

from __future__ import annotations

import argparse
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.report import print_report
from nexttouch.events.log import MISSING, EventLog, Vocabulary
from nexttouch.features import FeatureSpec, compile_features, compute_features
from nexttouch.snapshots import DAY_US

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexttouch.features import FeaturePlan

__all__ = ["bulk", "made_up", "main", "one_customer"]

EVENTS = ("buy", "login", "help", "mail", "open", "view", "cart")
STAGES = ("not_started", "new", "active", "loyal", "at_risk", "one_time", "lapsed")
HOUR_US = DAY_US // 24
CUTOFFS = (360 + 30 * np.arange(12)) * DAY_US


def made_up(events: int, customers: int, random_state: int = 0) -> tuple[EventLog, Any]:
    """Return a log and moves; activity of customers differs much.

    Examples
    --------
    >>> log, moves = made_up(1000, 20)
    >>> len(log), log.n_customers, len(moves.offsets)
    (1000, 20, 21)
    """
    rng = np.random.default_rng(random_state)
    weight = rng.gamma(0.7, 1.0, customers) + 0.02
    more = rng.choice(customers, events - customers, p=weight / weight.sum())
    customer = np.concatenate([np.arange(customers), more])
    first = rng.integers(0, 300 * DAY_US, customers)[customer]
    moment = first + (rng.random(events) ** 1.3 * (720 * DAY_US - first)).astype(np.int64)
    order = np.lexsort((moment, customer))
    moment = moment[order]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(customer))]).astype(np.int64)
    event = rng.choice(7, events, p=[0.15, 0.3, 0.05, 0.1, 0.05, 0.25, 0.1]).astype(np.uint16)
    log = EventLog(
        customer_ids=np.arange(customers).astype(str).astype(object),
        offsets=offsets,
        timestamp_us=moment,
        arrived_us=moment,
        event=event,
        channel=rng.integers(0, 4, events).astype(np.uint16),
        local_day=(moment // DAY_US).astype(np.int32),
        local_hour=(moment % DAY_US // HOUR_US).astype(np.int8),
        measures=np.where(event == 0, rng.integers(100, 20_000, events), MISSING)[None],
        actor=np.full(events, -1, dtype=np.int32),
        vocabulary=Vocabulary(EVENTS, ("", "email", "web", "app")),
    )
    moved = rng.random(events) < 0.15
    moves = SimpleNamespace(
        offsets=np.concatenate([[0], np.cumsum(moved)])[offsets],
        at_us=moment[moved],
        stage=rng.integers(0, len(STAGES), moved.sum()).astype(np.int16),
    )
    return log, moves


def bulk(plan: FeaturePlan, log: EventLog, moves: Any, *, threads: int) -> dict[str, Any]:
    """Compute all rows three times and report the cheapest run."""
    runs = []
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        found = compute_features(plan, log, moves, CUTOFFS, threads=threads)
        runs.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu, wall = min(runs)
    return {
        "case": f"bulk, {threads} thread(s)",
        "events": len(log),
        "columns": found.shape[0],
        "rows": found.shape[1],
        "cpu_s": round(cpu, 3),
        "wall_s": round(wall, 3),
        "million_values_per_cpu_s": round(found.size / cpu / 1e6, 1),
    }


def one_customer(
    plan: FeaturePlan, log: EventLog, moves: Any, *, repeats: int = 2000
) -> dict[str, Any]:
    """Time single calls for a customer with about 500 events, one cutoff each."""
    c = int(np.argmin(np.abs(np.diff(log.offsets) - 500)))
    one, _ = log.keep(log.customer_of_event == c)
    first, end = moves.offsets[c : c + 2]
    mine = SimpleNamespace(
        offsets=np.array([0, end - first]),
        at_us=moves.at_us[first:end],
        stage=moves.stage[first:end],
    )
    took = []
    for k in range(repeats):
        start = time.perf_counter()
        compute_features(plan, one, mine, one.timestamp_us[-1:] + 1 + k)
        took.append((time.perf_counter() - start) * 1e3)
    return {
        "case": "one customer",
        "events": len(one),
        "columns": len(plan.names),
        "rows": 1,
        "p50_ms": round(float(np.percentile(took, 50)), 3),
        "p99_ms": round(float(np.percentile(took, 99)), 3),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    log, moves = made_up(options.events, max(1, options.events // 50))
    spec = FeatureSpec(
        groups={"purchase": ("buy",), "login": ("login",), "support": ("help",)},
        channels=("email", "web"),
        touches=("mail",),
        replies=("open",),
    )
    plan = compile_features(
        spec,
        vocabulary=log.vocabulary,
        activity=("buy", "login", "view", "cart"),
        stages=STAGES,
    )
    small, few = made_up(100, 10)
    start = time.perf_counter()
    compute_features(plan, small, few, CUTOFFS)
    ready = {"case": "first call", "wall_s": round(time.perf_counter() - start, 2)}
    rows = [bulk(plan, log, moves, threads=threads) for threads in (1, 2)]
    shown = [*rows, one_customer(plan, log, moves), ready]
    names = list(dict.fromkeys(name for row in shown for name in row))
    whole = [{name: row.get(name) for name in names} for row in shown]
    print_report("features", whole, as_json=options.json)


if __name__ == "__main__":
    main()
