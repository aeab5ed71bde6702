"""The invented world of the simulator: segments, events, people and the planted effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["EVENTS", "PRODUCT_USE", "SEGMENTS", "TIERS", "Event", "Segment", "Tier", "code"]

Actor = Literal["nobody", "admin", "champion", "anybody"]


@dataclass(frozen=True)
class Event:
    """An event name, its channels, who acts, and when in the day.

    ``minute`` None means during a work session of that person; otherwise that many minutes after
    the session's first moment, so that events of one day keep their order.
    """

    name: str
    channels: tuple[str, ...]
    actor: Actor = "nobody"
    minute: float | None = None


EVENTS = (
    Event("ad_seen", ("social", "search", "display")),
    Event("page_view", ("web",)),
    Event("pricing_viewed", ("web",)),
    Event("signup", ("web",), "admin", 5.0),
    Event("trial_started", ("web",), "admin", 12.0),
    Event("contract_signed", ("sales",), "admin", 40.0),
    Event("contract_renewed", ("sales",), "admin", 60.0),
    Event("contract_cancelled", ("sales",), "admin", 60.0),
    Event("invoice_paid", ("billing",), "nobody", 0.0),
    Event("login", ("web", "mobile"), "anybody"),
    Event("report_viewed", ("web", "mobile"), "anybody"),
    Event("dashboard_shared", ("web",), "anybody"),
    Event("export_made", ("web",), "anybody"),
    Event("integration_used", ("api",), "anybody"),
    Event("seat_added", ("web",), "admin"),
    Event("ticket_opened", ("chat", "email"), "anybody"),
    Event("survey_answered", ("email",), "champion"),
    Event("referral_sent", ("web",), "champion"),
    Event("review_posted", ("web",), "champion"),
    Event("email_sent", ("email",)),
    Event("email_clicked", ("email",), "champion"),
    Event("call_made", ("phone",)),
    Event("csm_meeting", ("meeting",), "champion"),
)

PRODUCT_USE = {
    "login": 0.40,
    "report_viewed": 0.30,
    "dashboard_shared": 0.08,
    "export_made": 0.07,
    "integration_used": 0.15,
}
"""Share of each feature in the use of the product."""

_CODES = {event.name: number for number, event in enumerate(EVENTS)}


def code(name: str) -> int:
    """Return the row of an event in ``EVENTS``."""
    return _CODES[name]


@dataclass(frozen=True)
class Segment:
    """A kind of account.

    ``uses_per_day`` are product events on a workday at average health, ``silence_per_day`` is
    the hazard of going silent then, ``term_days`` the contract's length.
    """

    name: str
    share: float
    people: tuple[int, int]
    seats: tuple[int, int]
    seat_price: float
    term_days: int
    uses_per_day: float
    silence_per_day: float
    propensities: tuple[float, ...]


@dataclass(frozen=True)
class Tier:
    """A randomised way of touching an account.

    ``effect`` lowers the log hazard of going silent for one touch period, for an account of
    responsiveness 1; it raises the log hazard of returning by as much.
    """

    name: str
    effect: float
    emails: tuple[int, int] = (0, 0)
    calls: int = 0
    meetings: int = 0


TIERS = (
    Tier("no_touch", 0.0),
    Tier("low_touch", 0.25, emails=(1, 1)),
    Tier("automated_retention", 0.35, emails=(2, 4)),
    Tier("high_touch", 0.70, calls=2),
    Tier("customer_success_manager", 1.00, emails=(1, 1), meetings=2),
    Tier("hybrid", 0.55, emails=(2, 3), calls=1),
)

SEGMENTS = (
    Segment(
        name="small", share=0.6, people=(2, 5), seats=(2, 12), seat_price=15.0, term_days=90,
        uses_per_day=0.6, silence_per_day=0.0035, propensities=(0.40, 0.20, 0.20, 0.10, 0.05, 0.05),
    ),
    Segment(
        name="mid", share=0.3, people=(4, 12), seats=(10, 60), seat_price=18.0, term_days=180,
        uses_per_day=1.4, silence_per_day=0.0022, propensities=(0.35, 0.15, 0.15, 0.15, 0.10, 0.10),
    ),
    Segment(
        name="large", share=0.1, people=(8, 25), seats=(50, 400), seat_price=21.0, term_days=364,
        uses_per_day=4.0, silence_per_day=0.0012, propensities=(0.30, 0.10, 0.10, 0.20, 0.20, 0.10),
    ),
)  # fmt: skip

FATIGUE_FREE = 2
FATIGUE = 0.12
"""Each touch beyond ``FATIGUE_FREE`` in a touch period adds this to the log hazard of silence."""

CHAMPION_LOSS = 0.9
CHAMPION_LOSS_DAYS = 120
"""For so many days after its champion left, the log hazard is higher by this."""

HEALTH_ON_SILENCE = 1.5
HEALTH_ON_USE = 0.8
"""How latent health lowers the log hazard of silence, and raises the log rate of use."""

WEEKDAY = np.array([1.0, 1.05, 1.05, 1.0, 0.85, 0.12, 0.08])
"""Use by weekday, Monday first."""
