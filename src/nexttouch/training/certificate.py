"""The leakage certificate: change what lies past a cutoff, nothing before it may move.

A sample of customers is perturbed at the *input* of the store and sent through the whole path that
made the training matrix. Rows, columns, eligibility and data-derived constants at cutoffs up to the
perturbed one must stay bit-identical, and something after it must move: a certificate without
power proves nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.errors import LeakageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["Certificate", "Check", "Evidence", "certify"]


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the path made of a table of events.

    ``constants`` holds every data-derived constant (encoders, medians, lists) as bytes.
    """

    customer_id: NDArray[np.object_]
    cutoff_us: NDArray[np.int64]
    columns: tuple[str, ...]
    X: NDArray[np.float32]
    eligible: NDArray[np.bool_]
    constants: bytes


@dataclass(frozen=True)
class Check:
    """One perturbation at one cutoff: rows compared, rows that moved before and after it."""

    perturbation: str
    cutoff: str
    rows_before: int
    moved_before: int
    rows_after: int
    moved_after: int
    columns_moved: tuple[str, ...] = ()


@dataclass(frozen=True)
class Certificate:
    """Every check of one run; ``passed`` when nothing before a cutoff moved."""

    customers: int
    events: int
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no row at or before a perturbed cutoff moved."""
        return not any(check.moved_before or check.columns_moved for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Return the artifact that is stored with the run."""
        return {"passed": self.passed, **asdict(self)}


def certify(
    build: Callable[[pd.DataFrame], Evidence],
    events: pd.DataFrame,
    cutoffs_us: NDArray[np.int64],
    *,
    random_state: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Certificate:
    """Perturb events past two cutoffs in six ways and compare what the path makes of them.

    Parameters
    ----------
    build : callable
        From a table of source events to ``Evidence`` at ``cutoffs_us``: the whole path.
    events : DataFrame
        Canonical events of a sample of customers, with ``ingested_at`` filled.
    cutoffs_us : int64, shape (n_cutoffs,), ascending
    random_state : int
    progress : callable
        Called with checks done and total.

    Returns
    -------
    Certificate

    Raises
    ------
    LeakageError
        If anything at or before a perturbed cutoff moved, or if no perturbation moved anything
        after it (the check would prove nothing).
    """
    base = build(events)
    chosen = sorted({int(cutoffs_us[len(cutoffs_us) // 2]), int(cutoffs_us[-2:][0])})
    jobs = [(name, cutoff) for cutoff in chosen for name in _PERTURBATIONS]
    checks = []
    for done, (name, cutoff) in enumerate(jobs, start=1):
        rng = np.random.default_rng([random_state, done])
        moment = pd.Timestamp(cutoff, unit="us", tz="UTC")
        changed = _PERTURBATIONS[name](events, moment, rng)
        checks.append(_compare(name, moment, base, build(changed)))
        progress(done, len(jobs))
    certificate = Certificate(events["customer_id"].nunique(), len(events), tuple(checks))
    findings = [_finding(c) for c in checks if c.moved_before or c.columns_moved]
    if findings:
        raise LeakageError.from_findings(findings)
    if len(cutoffs_us) > 1 and not any(c.moved_after for c in checks):
        raise LeakageError.from_findings(
            ["no perturbation moved any later row, so it has no power"]
        )
    return certificate


def _finding(check: Check) -> str:
    what = ", ".join(check.columns_moved[:5]) or "rows or eligibility"
    return f"'{check.perturbation}' at {check.cutoff} moved {check.moved_before} rows ({what})"


def _compare(name: str, moment: pd.Timestamp, base: Evidence, other: Evidence) -> Check:
    cutoff = int(moment.value // 1000)
    before = _frame(base, base.cutoff_us <= cutoff), _frame(other, other.cutoff_us <= cutoff)
    after = _frame(base, base.cutoff_us > cutoff), _frame(other, other.cutoff_us > cutoff)
    columns = set(base.columns) ^ set(other.columns)
    if base.constants != other.constants:
        columns.add("data-derived constants")
    moved, where = _moved(*before)
    return Check(
        perturbation=name,
        cutoff=moment.isoformat(),
        rows_before=len(before[0]),
        moved_before=moved,
        rows_after=len(after[0]),
        moved_after=_moved(*after)[0],
        columns_moved=tuple(sorted(columns | where)),
    )


def _frame(evidence: Evidence, rows: NDArray[np.bool_]) -> pd.DataFrame:
    """Bits, not values: NaN equals NaN, and -0.0 differs from 0.0."""
    bits = np.ascontiguousarray(evidence.X[rows]).view(np.uint32)
    index = pd.MultiIndex.from_arrays([evidence.customer_id[rows], evidence.cutoff_us[rows]])
    frame = pd.DataFrame(bits, index=index, columns=list(evidence.columns))
    return frame.assign(**{"eligible ": evidence.eligible[rows].astype(np.uint32)})


def _moved(base: pd.DataFrame, other: pd.DataFrame) -> tuple[int, set[str]]:
    lost = len(base.index.symmetric_difference(other.index))
    shared = base.index.intersection(other.index)
    columns = base.columns.intersection(other.columns)
    differs = base.loc[shared, columns] != other.loc[shared, columns]
    return lost + int(differs.any(axis=1).sum()), {str(c) for c in columns[differs.any(axis=0)]}


def _after(events: pd.DataFrame, moment: pd.Timestamp) -> pd.Series[bool]:
    return (events["timestamp"] >= moment) | (events["ingested_at"] > moment)


def _removed(events: pd.DataFrame, moment: pd.Timestamp, _rng: np.random.Generator) -> pd.DataFrame:
    return events[~_after(events, moment)]


def _duplicated(
    events: pd.DataFrame, moment: pd.Timestamp, _rng: np.random.Generator
) -> pd.DataFrame:
    copies = events[_after(events, moment)]
    return pd.concat([events, copies, copies], ignore_index=True)


def _changed(events: pd.DataFrame, moment: pd.Timestamp, rng: np.random.Generator) -> pd.DataFrame:
    after = _after(events, moment).to_numpy()
    changed = events.copy()
    order = rng.permutation(np.flatnonzero(after))
    for column in ("event", "channel"):
        changed.loc[after, column] = events[column].to_numpy()[order]
    changed.loc[after, "value"] = (events.loc[after, "value"].fillna(1.0) * 7 + 13).to_numpy()
    return changed


def _invented(events: pd.DataFrame, moment: pd.Timestamp, rng: np.random.Generator) -> pd.DataFrame:
    """Invent events of every customer, among them some at exactly the cutoff."""
    span = max(events["timestamp"].max() - moment, pd.Timedelta(days=1))
    model = events.iloc[rng.integers(0, len(events), 5 * events["customer_id"].nunique())].copy()
    model["customer_id"] = rng.choice(events["customer_id"].unique(), len(model))
    shares = rng.random(len(model)) * (rng.random(len(model)) > 0.3)
    model["timestamp"] = moment + pd.to_timedelta((shares * span.total_seconds()).round(), unit="s")
    model["ingested_at"] = model["timestamp"]
    return pd.concat([events, _fresh_ids(model)], ignore_index=True)


def _new_names(
    events: pd.DataFrame, moment: pd.Timestamp, rng: np.random.Generator
) -> pd.DataFrame:
    """Event names, channels and customers that nobody had seen by the cutoff."""
    model = _invented(events, moment, rng).iloc[len(events) :].copy()
    model["event"] = "0 invented event"
    model["channel"] = "0 invented channel"
    strangers = model.assign(customer_id=[f"0 stranger {i % 7}" for i in range(len(model))])
    known = strangers.assign(event=events["event"].iloc[0])
    return pd.concat([events, model, _fresh_ids(strangers), _fresh_ids(known)], ignore_index=True)


def _arrived_late(
    events: pd.DataFrame, moment: pd.Timestamp, rng: np.random.Generator
) -> pd.DataFrame:
    """Events that happened before the cutoff and arrived after it."""
    model = _invented(events, moment, rng).iloc[len(events) :].copy()
    back = pd.to_timedelta(rng.integers(1, 60 * 86_400, len(model)), unit="s")
    model["timestamp"] = moment - back
    model["ingested_at"] = moment + pd.Timedelta(seconds=1)
    return pd.concat([events, model], ignore_index=True)


def _fresh_ids(model: pd.DataFrame) -> pd.DataFrame:
    if model["event_id"].isna().all():
        return model
    return model.assign(event_id=[f"invented {i}" for i in range(len(model))])


_PERTURBATIONS: dict[
    str, Callable[[pd.DataFrame, pd.Timestamp, np.random.Generator], pd.DataFrame]
] = {
    "events at or after the cutoff removed": _removed,
    "events at or after the cutoff duplicated": _duplicated,
    "events at or after the cutoff changed": _changed,
    "events at or after the cutoff invented": _invented,
    "new names, channels and customers after the cutoff": _new_names,
    "events before the cutoff that arrive after it": _arrived_late,
}
