"""What a request and an answer of ``POST /v1/predict`` look like."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

__all__ = [
    "Customer",
    "ErrorAnswer",
    "Event",
    "Model",
    "PredictAnswer",
    "PredictRequest",
    "Problem",
    "ReasonAnswer",
    "Result",
]

Text = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]+$")]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, ser_json_inf_nan="null")


class Event(_Strict):
    """One thing a customer did."""

    timestamp: AwareDatetime = Field(description="ISO 8601 with a zone.")
    event: Text = Field(description="Name of the event, as in the event log.")
    channel: Text | None = None
    value: Number | None = Field(default=None, description="Money in major units.")
    measures: dict[Text, Number | AwareDatetime] = Field(
        default={}, description="Further numbers by name; dates in ISO 8601 with a zone."
    )
    ingested_at: AwareDatetime | None = Field(default=None, description="When it became known.")
    event_id: Text | None = None
    actor_id: Text | None = Field(default=None, description="The acting person in the account.")


class Customer(_Strict):
    """A customer, by id alone or with all events that are known of them."""

    customer_id: Text
    events: list[Event] | None = Field(
        default=None, description="The whole history; without it the event store is read."
    )


class PredictRequest(_Strict):
    """One customer (``customer_id``, with or without ``events``) or several (``customers``)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "customer_id": "1042",
                "events": [
                    {"timestamp": "2025-03-01T09:00:00Z", "event": "purchase", "value": 12.5}
                ],
                "as_of": "2025-03-15T00:00:00Z",
            }
        }
    )

    customer_id: Text | None = None
    events: list[Event] | None = None
    customers: list[Customer] | None = None
    as_of: AwareDatetime | None = Field(
        default=None,
        description="The moment the answer is for; events at or after it are not read. By default "
        "now for posted events, and the moment of the newest scores for ids.",
    )
    reasons: bool | None = Field(
        default=None, description="Say why. By default for one customer, not for several."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.customer_id is None) == (self.customers is None):
            raise ValueError("give either customer_id or customers")
        if self.events is not None and self.customer_id is None:
            raise ValueError("events beside customers belong into each of them")
        return self

    @property
    def asked(self) -> list[Customer]:
        """The customers in the order asked for."""
        if self.customer_id is None:
            return self.customers or []
        return [Customer.model_construct(customer_id=self.customer_id, events=self.events)]


class ReasonAnswer(_Strict):
    """A group of features that moves the churn score, with the customer's own value."""

    group: str
    words: str
    feature: str
    value: float | None
    median: float | None
    contribution: float = Field(description="On the logit; above 0 speaks for churn.")


class Result(_Strict):
    """The answer for one customer; numbers stand only where ``status`` is ``ok``."""

    customer_id: str
    status: Literal["ok", "unknown_customer", "no_history"] = Field(
        description="unknown_customer: the event store does not know the id. no_history: no event "
        "was known before as_of."
    )
    as_of: AwareDatetime = Field(description="Feature cutoff: events before it were read.")
    stage: str | None = None
    p_churn: float | None = None
    p_stage: dict[str, float] | None = Field(
        default=None, description="Chance of each stage at the end of the horizon."
    )
    segment: str | None = None
    eligible: bool | None = Field(default=None, description="Whether the batch decides on them.")
    little_history: bool | None = Field(
        default=None, description="Fewer than two active days: few facts stand behind the answer."
    )
    reasons: list[ReasonAnswer] | None = None
    tier: str | None = Field(
        default=None, description="Touch tier of the newest batch, if decided from this as_of."
    )
    decision_id: str | None = None


class Model(_Strict):
    """What answered."""

    name: str
    version: str
    bundle_digest: str
    horizon_days: int
    reconciled: bool = Field(
        description="Whether churn risk and next stages are one distribution; else side by side."
    )


class PredictAnswer(_Strict):
    """Results in the order asked for."""

    request_id: str
    model: Model
    results: list[Result]


class Problem(_Strict):
    """What went wrong, for programs (``code``) and people (``message``)."""

    code: str
    message: str
    details: list[dict[str, str]] = []
    request_id: str


class ErrorAnswer(_Strict):
    """The one shape of every error."""

    error: Problem
