"""The strategy: tiers with their costs and effects, teams, capacity, budget, floors, holdout."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from nexttouch.decisions.catalogue import PROFILES, TIER_NAMES, laid_over, profile_catalogue
from nexttouch.decisions.touchpoints import SPEC
from nexttouch.errors import nearest

__all__ = [
    "Aspect",
    "CapacitySpec",
    "EffectPrior",
    "ExperimentsSpec",
    "FloorSpec",
    "StageValue",
    "StrategySpec",
    "TeamSpec",
    "TierSpec",
]

Aspect = Literal["acquisition", "retention"]


class EffectPrior(BaseModel):
    """What a tier is believed to do to the chance of being kept, before it has been measured."""

    model_config = SPEC

    points: float = Field(
        default=0.0,
        ge=-1,
        le=1,
        description="Absolute change of the chance to be kept at a churn risk of one half.",
    )
    sd: float = Field(default=0.0, ge=0, le=1, description="Standard deviation of that belief.")
    confirmed_by: str | None = Field(
        default=None, description="Who answers for it. While empty, reports say 'assumed'."
    )

    @property
    def level(self) -> str:
        """Return ``assumed``, or ``confirmed`` once somebody answers for the number."""
        return "confirmed" if self.confirmed_by else "assumed"


class TierSpec(BaseModel):
    """One touch tier: what it costs, needs, reaches, and is believed to do."""

    model_config = SPEC

    enabled: bool = Field(default=True, description="False takes the tier out of play.")
    money: float = Field(default=0.0, ge=0, description="Money per customer and period.")
    hours: dict[str, float] = Field(
        default_factory=dict, description="Hours per customer and period, by team."
    )
    messages: int = Field(default=0, ge=0, description="Contacts per customer and period.")
    channels: tuple[str, ...] = Field(
        default=(), description="Channels of the automated part; one open channel is enough."
    )
    human_channels: tuple[str, ...] = Field(
        default=(), description="Channels of the human part; one open channel is enough."
    )
    aspects: tuple[Aspect, ...] = Field(
        default=("acquisition", "retention"), description="Aspects of the journey it is for."
    )
    stages: tuple[str, ...] = Field(
        default=(), description="Stages it is for; where the journey has none of them, `aspects`."
    )
    min_margin: float = Field(
        default=0.0, ge=0, description="Least margin if kept of a customer it is meant for."
    )
    slots_of: tuple[str, ...] = Field(
        default=(), description="Other tiers whose capacity one assignment also uses."
    )
    setup_cost: float = Field(
        default=0.0, ge=0, description="Paid once when the tier is used at all; reported apart."
    )
    effect: EffectPrior = Field(default_factory=EffectPrior)
    stage_lift: dict[str, float] = Field(
        default_factory=dict, description="Change of the chance to reach a stage, at even odds."
    )
    benefit: str = Field(min_length=1, description="What is in it for the customer.")
    plays: dict[str, str] = Field(
        default_factory=dict, description="What to do, by reason group; `default` for the rest."
    )

    @field_validator("hours")
    @classmethod
    def _hours_are_amounts(cls, hours: dict[str, float]) -> dict[str, float]:
        return _all_at_least_zero("hours", hours)

    def play(self, reason_group: str | None) -> str:
        """Return what to do for a customer whose main reason lies in a group."""
        return self.plays.get(reason_group or "default", self.plays.get("default", ""))


class TeamSpec(BaseModel):
    """People of one role: the hours they have in a period and what an hour costs."""

    model_config = SPEC

    hours: float | None = Field(default=None, ge=0, description="Hours per period. Empty: unknown.")
    hourly_rate: float = Field(ge=0, description="Loaded cost of an hour, in the currency.")


class CapacitySpec(BaseModel):
    """How many customers a tier can take in a period: slots, or a share of all customers.

    A plain number means slots, a text such as ``"3%"`` a share.
    """

    model_config = SPEC

    slots: int | None = Field(default=None, ge=0, description="Customers per period.")
    share: float | None = Field(default=None, ge=0, le=1, description="Share of all customers.")

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if isinstance(data, str) and data.strip().endswith("%"):
            try:
                return {"share": float(data.strip()[:-1]) / 100}
            except ValueError:
                return data
        return {"slots": data} if isinstance(data, int | float) else data

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.slots is None) == (self.share is None):
            msg = "give either slots or share"
            raise ValueError(msg)
        return self

    def of(self, customers: int) -> int:
        """Return the slots for a number of customers, rounded down."""
        if self.slots is not None:
            return self.slots
        return math.floor((self.share or 0.0) * customers + 1e-9)


class FloorSpec(BaseModel):
    """At least so many customers of a segment get one of some tiers."""

    model_config = SPEC

    segment: str | None = Field(default=None, description="Segment; empty means all customers.")
    tiers: tuple[str, ...] = Field(min_length=1, description="Tiers that count.")
    at_least: CapacitySpec = Field(description="Customers, or a share of the segment.")


class StageValue(BaseModel):
    """What reaching a stage adds beyond the customer merely being kept."""

    model_config = SPEC

    money: float = Field(description="Worth of reaching the stage, in the currency.")
    beyond_being_kept: str = Field(
        min_length=1, description="What it adds, such as 'an upsell' or 'a referral'."
    )


class ExperimentsSpec(BaseModel):
    """Who is left alone so that the worth of touches can be measured."""

    model_config = SPEC

    holdout_share: float = Field(
        default=0.05, ge=0, le=0.5, description="Share of customers held out, drawn per quarter."
    )


class StrategySpec(BaseModel):
    """Tiers, teams, capacity and money of one project; the catalogue fills what is not said.

    Examples
    --------
    >>> spec = StrategySpec.model_validate(
    ...     {"capacity": {"high_touch": 120, "low_touch": "30%"},
    ...      "tiers": {"high_touch": {"money": 12.5}}})
    >>> spec.tiers["high_touch"].money, spec.tiers["high_touch"].hours
    (12.5, {'retention_agent': 1.0})
    >>> spec.capacity["low_touch"].of(1000)
    300
    """

    model_config = SPEC

    profile: Literal["general", "ecommerce"] = Field(
        default="general", description="Which shipped catalogue fills what is not said."
    )
    tiers: dict[str, TierSpec] = Field(default_factory=dict, description="Tiers by name.")
    teams: dict[str, TeamSpec] = Field(default_factory=dict, description="Teams by role.")
    capacity: dict[str, CapacitySpec] = Field(
        default_factory=dict, description="Customers per tier and period. A tier left out is open."
    )
    budget: float | None = Field(
        default=None, ge=0, description="Money per period for all tiers, without salaries."
    )
    cost_basis: Literal["margin", "budget_only"] = Field(
        default="margin", description="Whether money is also subtracted from the value."
    )
    floors: tuple[FloorSpec, ...] = Field(default=(), description="Least service per segment.")
    period_days: int = Field(default=28, ge=1, le=366, description="Days capacity stands for.")
    fatigue_share: float = Field(
        default=0.002, ge=0, le=1, description="Share of the margin lost per message at the limit."
    )
    switch_cost: float = Field(
        default=0.0, ge=0, description="Cost of moving a customer to a tier with fewer hours."
    )
    risk_aversion: float = Field(
        default=0.0, ge=0, description="Standard deviations of the effect taken off its mean."
    )
    stage_values: dict[str, StageValue] = Field(
        default_factory=dict, description="Objective beyond keeping the customer, by stage."
    )
    experiments: ExperimentsSpec = Field(default_factory=ExperimentsSpec)

    @model_validator(mode="before")
    @classmethod
    def _fill_from_catalogue(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        profile = data.get("profile", "general")
        if profile not in PROFILES:
            return data
        shipped = profile_catalogue(profile)
        for part in ("tiers", "teams"):
            own = data.get(part) or {}
            if not isinstance(own, Mapping):
                return data
            data = {**data, part: laid_over(shipped[part], own)}
        return data

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        used = {"tiers": list(self.tiers), "capacity": list(self.capacity)}
        used |= {f"floors[{k}].tiers": list(f.tiers) for k, f in enumerate(self.floors)}
        used |= {f"tiers.{name}.slots_of": list(t.slots_of) for name, t in self.tiers.items()}
        for where, names in used.items():
            for name in names:
                _refuse_unknown(where, name, TIER_NAMES)
        for name, tier in self.tiers.items():
            for role in tier.hours:
                _refuse_unknown(f"tiers.{name}.hours", role, self.teams)
        quiet = self.tiers["no_touch"]
        if quiet.money or any(quiet.hours.values()) or quiet.messages or quiet.effect.points:
            msg = "no_touch costs nothing, sends nothing and changes nothing by definition"
            raise ValueError(msg)
        if "no_touch" in self.capacity or not quiet.enabled:
            msg = "no_touch is always open: it takes no capacity and cannot be disabled"
            raise ValueError(msg)
        return self

    def hours_cost(self, tier: str) -> float:
        """Return what the hours of a tier cost per customer, in the currency."""
        hours = self.tiers[tier].hours
        return sum(h * self.teams[role].hourly_rate for role, h in sorted(hours.items()))

    @property
    def ordered_tiers(self) -> tuple[str, ...]:
        """Return enabled tiers from the cheapest to the dearest, no-touch first."""
        names = [n for n in TIER_NAMES if self.tiers[n].enabled and n != "no_touch"]
        return ("no_touch", *sorted(names, key=lambda n: self.tiers[n].money + self.hours_cost(n)))


def _refuse_unknown(where: str, name: str, known: Mapping[str, Any] | tuple[str, ...]) -> None:
    if name not in known:
        guess = nearest(name, known)
        hint = f"Did you mean '{guess}'?" if guess else f"Known here: {', '.join(sorted(known))}."
        msg = f"{where} names '{name}', which is not known. {hint}"
        raise ValueError(msg)


def _all_at_least_zero(what: str, amounts: dict[str, float]) -> dict[str, float]:
    for name, amount in amounts.items():
        if not amount >= 0:
            msg = f"{what} of '{name}' is {amount}; it must be a number of at least 0"
            raise ValueError(msg)
    return amounts
