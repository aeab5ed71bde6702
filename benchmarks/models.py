"""Churn and next stage on real logs: the champion beside every baseline.

``python -m benchmarks.models --json [--data DIR] [--datasets complete_journey cdnow]``

Rolling origin on Complete Journey (5 test dates, up to 6 pooled cutoffs) and CDNOW (3 and 3), 28
days ahead, everyone with an event before the test date; next stage at the last test date with up to
10 pooled cutoffs. Events go the product's own way: store, features, labels, backtest, champion.
``--data DIR`` reads ``DIR/NAME/events.parquet`` instead of the data set's package.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.report import print_report
from nexttouch.config import Config
from nexttouch.datasets import load
from nexttouch.engine import EventStore
from nexttouch.models import (
    Backtest,
    Choice,
    backtest,
    choose_champion,
    churn_candidates,
    paired_interval,
    stage_candidates,
)
from nexttouch.models.backtesting import JOINT
from nexttouch.models.candidates import BASELINES
from nexttouch.pipeline.definition import Definition
from nexttouch.pipeline.ingestion import ingest
from nexttouch.pipeline.project import Project
from nexttouch.pipeline.training_data import first_activity_us
from nexttouch.snapshots import DAY_US, Fold
from nexttouch.training.build import build_training_set

if TYPE_CHECKING:
    from nexttouch.training.training_set import TrainingSet

__all__ = ["Protocol", "main", "run"]

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Protocol:
    """Cutoffs of one data set.

    Examples
    --------
    >>> day = DAY_US
    >>> fold = Protocol(test_dates=1, cutoffs=2).churn(0, 200 * day)[0]
    >>> fold.test_us // day, [cut // day for cut in fold.training_us]
    (172, [116, 144])
    """

    test_dates: int
    cutoffs: int
    stage_cutoffs: int = 10
    horizon_days: int = 28
    step_days: int = 28
    churn_history_days: int = 70
    stage_history_days: int = 84

    def churn(self, start_us: int, end_us: int) -> tuple[Fold, ...]:
        """Return the rolling-origin folds, earliest first."""
        last = end_us - self.horizon_days * DAY_US
        tests = [last - k * self.step_days * DAY_US for k in range(self.test_dates)]
        earliest = start_us + self.churn_history_days * DAY_US
        return tuple(self._fold(test, self.cutoffs, earliest) for test in reversed(tests))

    def stage(self, start_us: int, end_us: int) -> tuple[Fold, ...]:
        """Return the one fold of the next-stage task."""
        last = end_us - self.horizon_days * DAY_US
        earliest = start_us + self.stage_history_days * DAY_US
        return (self._fold(last, self.stage_cutoffs, earliest),)

    def _fold(self, test_us: int, cutoffs: int, earliest: int) -> Fold:
        newest = test_us - self.horizon_days * DAY_US
        found = [newest - k * self.step_days * DAY_US for k in range(cutoffs)]
        return Fold(test_us, tuple(sorted(cut for cut in found if cut >= earliest)))


PROTOCOLS = {"complete_journey": Protocol(5, 6), "cdnow": Protocol(3, 3)}


def run(name: str, data: Path | None = None) -> list[dict[str, Any]]:
    """Run both tasks of one data set and return its rows."""
    protocol = PROTOCOLS[name]
    with tempfile.TemporaryDirectory(prefix="nexttouch-benchmark-") as folder:
        rows, churn_folds, stage_folds = _training_set(name, protocol, data, Path(folder))
    churners = churn_candidates(protocol.horizon_days)
    churn = backtest(rows, churn_folds, churners, progress=_tell)
    chosen = choose_champion(churn)
    stage = backtest(
        rows,
        stage_folds,
        stage_candidates(rows.legal),
        task="stage",
        churn_model=churners[chosen.candidate],
        progress=_tell,
    )
    task = f"{protocol.horizon_days}d"
    return [
        *_rows(name, f"churn_{task}", churn, chosen),
        *_rows(name, f"stage_{task}", stage, choose_champion(stage)),
    ]


def _training_set(
    name: str, protocol: Protocol, data: Path | None, folder: Path
) -> tuple[TrainingSet, tuple[Fold, ...], tuple[Fold, ...]]:
    """Ingest a data set into a fresh store and compute the rows of every cutoff."""
    config, table = _project(name, data)
    project = Project.open(config, folder=folder)
    ingest(project, tables={name: table})
    store = EventStore.open(project.store_folder)
    definition = Definition.of(config)
    start = first_activity_us(store, definition.labels.activity) // DAY_US * DAY_US
    end = store.observed_until_us // DAY_US * DAY_US
    churn, stage = protocol.churn(start, end), protocol.stage(start, end)
    cutoffs = {cut for fold in (*churn, *stage) for cut in (fold.test_us, *fold.training_us)}
    rows = build_training_set(
        store.logs(),
        np.array(sorted(cutoffs), dtype=np.int64),
        path=definition.path(store.vocabulary),
        labels=definition.labels,
        observed_until_us=store.observed_until_us,
    )
    return rows, churn, stage


def _project(name: str, data: Path | None) -> tuple[Config, Any]:
    """Return the model project of a data set and its events, both fitted to each other."""
    config = Config.read(ROOT / "models" / name).model_dump(mode="json", exclude_defaults=True)
    table = load(name) if data is None else _events(data / name / "events.parquet")
    columns = set(table.column_names if hasattr(table, "column_names") else table.columns)
    customers = config["customers"]
    customers["sources"] = [{"table": name}]
    customers.setdefault("earliest_time", "1990-01-01")  # CDNOW is older than the usual bound
    mapping = customers.setdefault("mapping", {})
    measures = mapping.get("measures", {})
    mapping["measures"] = {m: how for m, how in measures.items() if how["column"] in columns}
    if mapping.get("event_id") not in columns:
        mapping.pop("event_id", None)
    data_part = config.setdefault("data", {})
    data_part.setdefault("snapshots", {})["eligible"] = {"active_within_days": "ever"}
    features = data_part.get("features", {})
    known = {"value", *mapping["measures"]}
    if "measures" in features:
        features["measures"] = {
            group: [m for m in names if m in known] for group, names in features["measures"].items()
        }
    return Config.model_validate({"version": 1, **config}), table


def _events(path: Path) -> pd.DataFrame:
    """Read an event table; numbers inside ``properties`` become columns."""
    events = pd.read_parquet(path)
    if "properties" in events:
        inner = pd.DataFrame([json.loads(p) if p else {} for p in events["properties"]])
        renamed = {
            "n_lines": "lines",
            "retail_disc": "retail_discount",
            "coupon_disc": "coupon_discount",
        }
        events = events.drop(columns="properties").join(inner.rename(columns=renamed))
    return events


def _rows(name: str, task: str, result: Backtest, chosen: Choice) -> list[dict[str, Any]]:
    """Return one row per model and one for the champion, each against the best baseline."""
    means = result.means()
    totals = result.metrics.groupby("model")["cpu_s"].sum()
    baselines = [m for m in result.models if m.removeprefix(JOINT) in BASELINES]
    best = min(baselines, key=lambda m: means["log_loss"][m])
    found: list[dict[str, Any]] = []
    for model in (chosen.model, *result.models):
        gain = paired_interval(result.losses(model) - result.losses(best), result.rows.customer_id)
        found.append(
            {
                "dataset": name,
                "task": task,
                "model": model if found else "champion",
                "auc": means["auc"][model] if result.task == "churn" else None,
                "log_loss": means["log_loss"][model],
                "ece": means["ece"][model],
                "cpu_s": totals[model],
                "test_dates": int(means["test_dates"][model]),
                "served": None if found else model,
                "best_baseline": best,
                "against_best_baseline_low": gain.low,
                "against_best_baseline_high": gain.high,
            }
        )
    return found


def _tell(what: str, done: int, total: int) -> None:
    print(f"{what} ({done}/{total})", file=sys.stderr)


def main() -> None:
    """Run the benchmark and print its document."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--data", type=Path, help="folder with NAME/events.parquet")
    parser.add_argument("--datasets", nargs="+", choices=list(PROTOCOLS), default=list(PROTOCOLS))
    given = parser.parse_args()
    rows = [row for name in given.datasets for row in run(name, given.data)]
    print_report("models", rows, as_json=given.json)


if __name__ == "__main__":
    main()
