"""How fast, how tight and how feasible the allocation is, on several shapes of problem.

``python -m benchmarks.allocation --json`` runs up to 1 M customers, ``--full`` adds 5 M. Rows:
``n, tiers, generator, method, cpu_s, peak_mb, gap, feasible, value``. ``peak_mb`` is the peak of
the process that made and solved the one problem; compiling is not counted in ``cpu_s``.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.report import print_report
from nexttouch.decisions.allocation import allocate
from nexttouch.decisions.baselines import rank_by_churn_risk
from nexttouch.decisions.problem import AllocationProblem, Resource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.decisions.kernels import Engine

TIERS = ("no_touch", "low_touch", "automated_retention", "hybrid", "high_touch", "manager")
MONEY = np.array([0.0, 0.6, 2.5, 4.0, 5.0, 10.0])
AGENT = np.array([0.0, 0.0, 0.0, 0.25, 1.0, 0.0])
MANAGER = np.array([0.0, 0.0, 0.0, 0.25, 0.0, 2.0])
POINTS = np.array([0.0, 0.05, 0.11, 0.18, 0.26, 0.5])
SEGMENTS = ("small", "mid", "large", "key")
SHARES = (0.5, 0.85, 0.97)
GENERATORS = ("usual", "ties", "lumpy", "only_floors", "zero_budget")
SIZES = (1_000, 10_000, 100_000, 1_000_000)


def make_problem(
    generator: str, n: int, seed: int = 7
) -> tuple[AllocationProblem, NDArray[np.float64]]:
    """Draw a problem and the churn risks behind it."""
    rng = np.random.default_rng(seed)
    margin = np.exp(rng.normal(5.2, 1.35, n))
    segment = np.searchsorted(np.quantile(margin, SHARES), margin).astype(np.int32)
    p = rng.beta(1.3, 6.0, n)
    respond = rng.normal(1.0, 0.45, n)
    if generator == "ties":
        margin, p, respond = np.round(margin, -2), np.full(n, 0.2), np.ones(n)
    money = MONEY * (30.0 if generator == "lumpy" else 1.0)
    tau = np.clip(POINTS * respond[:, None] * (4 * p * (1 - p))[:, None], -1.0, p[:, None])
    utility = tau * margin[:, None] - money - 40.0 * AGENT - 85.0 * MANAGER
    open_to = rng.random((n, len(TIERS))) > 0.05
    open_to[:, 0] = True
    rows: list[Resource] = []
    use: list[NDArray[np.float64]] = []

    def add(row: Resource, per_tier: NDArray[np.float64], only: int | None = None) -> None:
        here = np.array([only in {None, s} for s in range(len(SEGMENTS))], dtype=float)
        rows.append(row)
        use.append(np.outer(here, per_tier))

    if generator != "only_floors":
        automated = np.isin(np.arange(len(TIERS)), [2, 3]).astype(float)
        slots = np.floor(0.3 * n)
        add(Resource("capacity of automated", "capacity", "slot", slots), automated)
        add(Resource("hours of agent", "hours", "hour", 0.03 * n), AGENT)
        add(Resource("hours of manager", "hours", "hour", 0.004 * n), MANAGER)
        each = {"zero_budget": 0.0, "lumpy": 6.0}.get(generator, 0.8)
        add(Resource("budget", "budget", "currency unit", each * n), money)
    if generator in {"usual", "only_floors"}:
        human = -(AGENT + MANAGER > 0).astype(float)
        for s, share in ((2, 0.02), (3, 0.1)):
            least = float(np.floor(share * (segment == s).sum()))
            add(Resource(f"floor of {SEGMENTS[s]}", "floor", "customer", -least), human, s)
    problem = AllocationProblem.build(
        utility,
        open_to,
        segment=segment,
        use=np.stack(use, axis=2),
        resources=tuple(rows),
        tie=rng.integers(0, 2**63, n).astype(np.uint64),
        tiers=TIERS,
        segments=SEGMENTS,
    )
    return problem, p


def measure(generator: str, n: int, method: str) -> dict[str, Any]:
    """Solve one problem in this process and describe the run as a flat row."""
    problem, p_churn = make_problem(generator, n)
    gap: float | None = None
    if method == "rank_by_churn_risk":
        started = time.process_time()
        tier = rank_by_churn_risk(problem, p_churn)
    else:
        engine: Engine = "numba" if method == "dual_core_numba" else "numpy"
        allocate(make_problem("usual", 500)[0], engine=engine)  # compile
        started = time.process_time()
        answer = allocate(problem, engine=engine)
        tier, gap = answer.tier, answer.gap
    cpu_s = time.process_time() - started
    return {
        "n": n,
        "tiers": len(TIERS),
        "generator": generator,
        "method": method,
        "cpu_s": round(cpu_s, 3),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "gap": gap,
        "feasible": problem.holds(problem.usage(tier)),
        "value": problem.value(tier),
    }


def measure_apart(generator: str, n: int, method: str) -> dict[str, Any]:
    """Run ``measure`` in a process of its own, so that its peak memory is its own."""
    command = [sys.executable, "-m", "benchmarks.allocation", "--one", generator, str(n), method]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def plan(sizes: tuple[int, ...]) -> list[tuple[str, int, str]]:
    """Return the runs: every shape, the numpy path and the harmful baseline on the usual one."""
    runs = [(generator, n, "dual_core_numba") for n in sizes for generator in GENERATORS]
    return runs + [
        ("usual", n, method) for n in sizes for method in ("dual_core_numpy", "rank_by_churn_risk")
    ]


def main() -> None:
    """Print one document, or a table without ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--full", action="store_true", help="add 5 M customers")
    parser.add_argument("--quick", action="store_true", help="only up to 10 000 customers")
    parser.add_argument("--one", nargs=3, metavar=("GENERATOR", "N", "METHOD"))
    said = parser.parse_args()
    if said.one:
        generator, n, method = said.one
        print(json.dumps(measure(generator, int(n), method)))
        return
    sizes = SIZES[:2] if said.quick else SIZES + ((5_000_000,) if said.full else ())
    rows = [measure_apart(*run) for run in plan(sizes)]
    print_report("allocation", rows, as_json=said.json)


if __name__ == "__main__":
    main()
