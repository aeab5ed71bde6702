"""Touchpoints: the channels a project has, who may be contacted on them, and how often."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nexttouch.errors import nearest

__all__ = ["ConsentSpec", "ContactLimits", "ContactWindow", "TouchpointsSpec"]

SPEC = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ContactWindow(BaseModel):
    """At most so many contacts in a trailing window, whatever the channel."""

    model_config = SPEC

    days: int = Field(ge=1, le=365, description="Length of the trailing window, in days.")
    most: int = Field(ge=0, description="Contacts allowed in it, those planned included.")


class ContactLimits(BaseModel):
    """How often a customer may be contacted; a tier that would exceed it is closed to them."""

    model_config = SPEC

    windows: tuple[ContactWindow, ...] = Field(
        default=(ContactWindow(days=7, most=2), ContactWindow(days=30, most=6)),
        description="Trailing windows; scores carry one column `contacts_{days}d` for each.",
    )
    min_gap_hours: float = Field(
        default=48.0, ge=0, description="Least time since the last touch, in hours."
    )

    @model_validator(mode="after")
    def _one_limit_per_window(self) -> Self:
        days = [window.days for window in self.windows]
        if len(set(days)) < len(days):
            msg = f"contact_limits.windows names the same length twice: {days} days"
            raise ValueError(msg)
        return self


class ConsentSpec(BaseModel):
    """Where consent for one channel is read, and what counts when nothing is known."""

    model_config = SPEC

    default: Literal["granted", "denied"] = Field(
        default="granted", description="What counts for a customer of whom nothing is known."
    )
    column: str | None = Field(
        default=None, description="Column of the scores, true or false. Default: consent_{channel}."
    )
    opt_in_events: tuple[str, ...] = Field(default=(), description="Event names that grant it.")
    opt_out_events: tuple[str, ...] = Field(default=(), description="Event names that withdraw it.")

    @property
    def has_source(self) -> bool:
        """Say whether a column or events are named, so that their absence is an error."""
        return bool(self.column or self.opt_in_events or self.opt_out_events)


class TouchpointsSpec(BaseModel):
    """Channels, consent and contact limits of one project.

    Examples
    --------
    >>> spec = TouchpointsSpec(channels=("email", "phone"),
    ...                        consent={"email": ConsentSpec(default="denied")})
    >>> spec.consent_of("email").default, spec.consent_of("phone").default
    ('denied', 'granted')
    >>> spec.consent_column("phone")
    'consent_phone'
    """

    model_config = SPEC

    channels: tuple[str, ...] = Field(
        default=(), description="Channels the team really has. None: only no-touch is possible."
    )
    consent: dict[str, ConsentSpec] = Field(
        default_factory=dict, description="Consent per channel; a channel left out is granted."
    )
    contact_limits: ContactLimits = Field(default_factory=ContactLimits)

    @model_validator(mode="after")
    def _consent_names_channels(self) -> Self:
        if len(set(self.channels)) < len(self.channels):
            msg = "touchpoints.channels names a channel twice"
            raise ValueError(msg)
        for channel in self.consent:
            if channel not in self.channels:
                guess = nearest(channel, self.channels)
                hint = f" Did you mean '{guess}'?" if guess else ""
                msg = f"consent is given for '{channel}', which is not a channel here.{hint}"
                raise ValueError(msg)
        return self

    def consent_of(self, channel: str) -> ConsentSpec:
        """Return the consent rule of a channel."""
        return self.consent.get(channel, ConsentSpec())

    def consent_column(self, channel: str) -> str:
        """Return the column of the scores that holds consent for a channel."""
        return self.consent_of(channel).column or f"consent_{channel}"
