"""What is predicted: churn, next stage and value, over which horizon."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ChurnSpec", "GoalsSpec", "LabelSpec"]


class ChurnSpec(BaseModel):
    """Churn by silence: no activity event in the horizon."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    activity: tuple[str, ...] = Field(
        min_length=1, description="Event names that count as being alive."
    )


class GoalsSpec(BaseModel):
    """The second part of a project: what the team wants to reach."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    objective: Literal["retention"] = Field(
        default="retention", description="What the tiers are chosen for."
    )
    churn: ChurnSpec = Field(description="How churn shows in the event log.")
    horizon_days: int = Field(default=28, ge=1, le=365, description="Length of the outcome window.")
    value_days: int = Field(
        default=364, ge=28, description="Period over which margin_if_kept is counted."
    )
    margin_rate: (
        Annotated[float, Field(gt=0, le=1)] | dict[str, Annotated[float, Field(gt=0, le=1)]]
    ) = Field(description="Contribution margin as a share of revenue, one figure or by segment.")

    def margin_of(self, segment: str) -> float:
        """Return the margin rate of a segment."""
        return self.margin_rate[segment] if isinstance(self.margin_rate, dict) else self.margin_rate


class LabelSpec(BaseModel):
    """What the labels of a training set mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    activity: tuple[str, ...] = Field(min_length=1, description="Event names that count as alive.")
    horizon_days: int = Field(default=28, ge=1, description="Length of the outcome window.")
    gap_days: int = Field(default=0, ge=0, description="Days between cutoff and horizon.")
