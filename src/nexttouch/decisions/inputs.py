"""Scores as decisions read them: checked, one row per customer, in the order of customer ids."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.errors import AllocationInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from nexttouch.decisions.strategy import StrategySpec
    from nexttouch.decisions.touchpoints import TouchpointsSpec

__all__ = ["DecisionInputs"]


@dataclass(frozen=True, eq=False)
class DecisionInputs:
    """What is known of each customer at the moment of deciding.

    Attributes
    ----------
    customer_id : array of str, shape (n_customers,)
        Ascending; every other array is in this order.
    segment, stage, reason_group, current_tier : array of str, shape (n_customers,)
        The last two are empty where unknown.
    p_churn, margin : float array of shape (n_customers,)
    p_stage : mapping of stage name to float array of shape (n_customers,)
        Only the stages that the strategy gives a value.
    contacts : mapping of window length in days to float array of shape (n_customers,)
    hours_since_touch : float array of shape (n_customers,)
        NaN for a customer never touched.
    consent : mapping of channel to bool array of shape (n_customers,)
    do_not_contact, little_history, holdout_exempt : bool array of shape (n_customers,)
    """

    customer_id: NDArray[np.object_]
    segment: NDArray[np.object_]
    stage: NDArray[np.object_]
    reason_group: NDArray[np.object_]
    current_tier: NDArray[np.object_]
    p_churn: NDArray[np.float64]
    margin: NDArray[np.float64]
    p_stage: dict[str, NDArray[np.float64]]
    contacts: dict[int, NDArray[np.float64]]
    hours_since_touch: NDArray[np.float64]
    consent: dict[str, NDArray[np.bool_]]
    do_not_contact: NDArray[np.bool_]
    little_history: NDArray[np.bool_]
    holdout_exempt: NDArray[np.bool_]

    def __len__(self) -> int:
        """Count the customers."""
        return len(self.customer_id)

    def only(self, rows: NDArray[np.int64]) -> DecisionInputs:
        """Return what is known of some of the customers."""

        def part(value: Any) -> Any:
            return (
                {k: v[rows] for k, v in value.items()} if isinstance(value, dict) else value[rows]
            )

        return DecisionInputs(**{f.name: part(getattr(self, f.name)) for f in fields(self)})

    @classmethod
    def read(
        cls, scores: pd.DataFrame, touchpoints: TouchpointsSpec, strategy: StrategySpec
    ) -> DecisionInputs:
        """Check and sort a table of scores; its row order does not matter.

        Required: ``customer_id, stage, p_churn, margin_if_kept, hours_since_touch`` and one
        ``contacts_{days}d`` per contact window. Required where the specs name them:
        ``p_stage_{stage}`` for stages with a value, and consent columns. Optional: ``segment``,
        ``little_history``, ``do_not_contact``, ``holdout_exempt``, ``current_tier``,
        ``reason_group``, ``consent_{channel}``.

        Raises
        ------
        AllocationInputError
            If a column is missing or holds something that cannot be decided on.
        """
        windows = [window.days for window in touchpoints.contact_limits.windows]
        asked = [
            touchpoints.consent_column(c)
            for c in touchpoints.channels
            if touchpoints.consent_of(c).has_source
        ]
        need = ["customer_id", "stage", "p_churn", "margin_if_kept", "hours_since_touch"]
        need += [f"contacts_{days}d" for days in windows]
        need += [f"p_stage_{stage}" for stage in strategy.stage_values] + asked
        missing = [column for column in need if column not in scores.columns]
        if missing:
            msg = (
                f"Scores lack {', '.join(missing)}. Nothing is guessed about consent or past "
                "contacts: add the columns (0 contacts and NaN hours where there were none)."
            )
            raise AllocationInputError(msg)
        scores = _by_customer(scores)
        known = set(strategy.tiers) | {""}
        read = _Reader(scores)
        return cls(
            customer_id=scores["customer_id"].to_numpy(object),
            segment=read.text("segment", "all"),
            stage=read.text("stage", ""),
            reason_group=read.text("reason_group", ""),
            current_tier=read.text("current_tier", "", known),
            p_churn=read.number("p_churn", "a probability", _is_share),
            margin=read.number("margin_if_kept", "a finite amount of money", np.isfinite),
            p_stage={
                stage: read.number(f"p_stage_{stage}", "a probability", _is_share)
                for stage in strategy.stage_values
            },
            contacts={
                days: read.number(f"contacts_{days}d", "a count of at least 0", _is_count)
                for days in windows
            },
            hours_since_touch=read.number(
                "hours_since_touch", "hours of at least 0, NaN for never", _is_age
            ),
            consent={
                channel: read.flag(
                    touchpoints.consent_column(channel),
                    unknown=touchpoints.consent_of(channel).default == "granted",
                )
                for channel in touchpoints.channels
            },
            do_not_contact=read.flag("do_not_contact", unknown=False),
            little_history=read.flag("little_history", unknown=False),
            holdout_exempt=read.flag("holdout_exempt", unknown=False),
        )


def _by_customer(scores: pd.DataFrame) -> pd.DataFrame:
    ids = scores["customer_id"]
    wrong = [not isinstance(customer, str) for customer in ids]
    if any(wrong):
        raise AllocationInputError.bad_rows(
            "customer_id", "text", map(str, ids[wrong][:5]), sum(wrong)
        )
    order = sorted(range(len(ids)), key=ids.tolist().__getitem__)
    scores = scores.iloc[order].reset_index(drop=True)
    twice = scores["customer_id"].duplicated()
    if twice.any():
        raise AllocationInputError.bad_rows(
            "customer_id", "there once", scores["customer_id"][twice][:5], int(twice.sum())
        )
    return scores


@dataclass(frozen=True)
class _Reader:
    """Columns of the scores as arrays, refusing what cannot be decided on."""

    scores: pd.DataFrame

    def number(
        self, name: str, want: str, right: Callable[[NDArray[np.float64]], NDArray[np.bool_]]
    ) -> NDArray[np.float64]:
        column = pd.to_numeric(self.scores[name], errors="coerce")
        values = column.to_numpy(np.float64, na_value=np.nan)
        self._refuse(name, want, ~right(values))
        return values

    def text(self, name: str, unknown: str, known: set[str] | None = None) -> NDArray[np.object_]:
        if name not in self.scores.columns:
            return np.full(len(self.scores), unknown, dtype=object)
        column = self.scores[name].astype(object)
        values = column.where(column.notna(), unknown).to_numpy(object)
        if known is not None:
            wrong = np.array([value not in known for value in values], dtype=bool)
            self._refuse(name, f"one of {', '.join(sorted(known - {''}))}", wrong)
        return values

    def flag(self, name: str, *, unknown: bool) -> NDArray[np.bool_]:
        if name not in self.scores.columns:
            return np.full(len(self.scores), unknown)
        column = self.scores[name].astype(object)
        values = column.where(column.notna(), unknown)
        wrong = ~values.isin([True, False]).to_numpy(bool)
        self._refuse(name, "true, false or empty", wrong)
        return values.to_numpy(object).astype(bool)

    def _refuse(self, name: str, want: str, wrong: NDArray[np.bool_]) -> None:
        if wrong.any():
            first = self.scores["customer_id"][wrong][:5]
            raise AllocationInputError.bad_rows(name, want, first, int(wrong.sum()))


def _is_share(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (values >= 0) & (values <= 1)


def _is_count(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return (values >= 0) & np.isfinite(values)


def _is_age(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.isnan(values) | ((values >= 0) & np.isfinite(values))
