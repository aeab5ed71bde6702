"""What a project says about its event sources: the ``customers`` part of ``nexttouch.yaml``."""

from __future__ import annotations

import re
from typing import Literal, Self
from zoneinfo import ZoneInfo

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from nexttouch.events.log import Measure

__all__ = [
    "CANONICAL",
    "Constant",
    "CsvSpec",
    "CustomersSpec",
    "MappingSpec",
    "MeasureSpec",
    "SourceSpec",
    "TimestampsSpec",
]

CANONICAL = (
    "customer_id",
    "timestamp",
    "event",
    "channel",
    "value",
    "event_id",
    "ingested_at",
    "actor_id",
    "actor_role",
    "properties",
)
"""Columns of a canonical event table, before the declared measures."""

_RESERVED = {
    *CANONICAL,
    *("event_code", "channel_code", "local_day", "local_hour", "actor_number"),
    *("reason", "source", "row", "line"),
}


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Constant(_Spec):
    """One value for every row of a source."""

    constant: str = Field(min_length=1, max_length=256, description="The value itself.")


class MeasureSpec(_Spec):
    """A number, amount or date that rides on events, beside ``value``."""

    column: str = Field(description="Column of the source that holds it.")
    kind: Literal["money", "number", "date"] = Field(
        default="number", description="Money is kept in minor units, dates in microseconds."
    )
    step: float = Field(
        default=0.01,
        gt=0,
        allow_inf_nan=False,
        description="Numbers are kept as whole multiples of this, so that sums are exact.",
    )


class MappingSpec(_Spec):
    """Which column of a source is what.

    Examples
    --------
    >>> MappingSpec(timestamp="ordered_at", event={"constant": "purchase"}).event.constant
    'purchase'
    """

    customer_id: str = Field(default="customer_id", description="Column of the scored unit's id.")
    timestamp: str = Field(default="timestamp", description="Column of the event's time.")
    event: str | Constant = Field(
        default="event", description="Column of the event name, or {constant: purchase}."
    )
    channel: str | Constant | None = Field(
        default=None, description="Column of the channel, or {constant: web}."
    )
    value: str | None = Field(default=None, description="Column of the money, in major units.")
    event_id: str | None = Field(
        default=None, description="Column of an id that is unique among a customer's events."
    )
    ingested_at: str | None = Field(
        default=None, description="Column of the time at which the event became known."
    )
    actor_id: str | None = Field(
        default=None, description="Column of the person who acted, where accounts are scored."
    )
    actor_role: str | None = Field(default=None, description="Column of that person's role.")
    properties: str | None = Field(
        default=None, description="Column of further facts as JSON text or nested values."
    )
    measures: dict[str, MeasureSpec] = Field(
        default_factory=dict, description="Further numbers by name."
    )

    @field_validator("measures")
    @classmethod
    def _names_can_become_columns(cls, measures: dict[str, MeasureSpec]) -> dict[str, MeasureSpec]:
        for name in measures:
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) or name in _RESERVED:
                msg = (
                    f"'{name}' cannot name a measure: use lower-case letters, digits and "
                    f"underscores, and none of {', '.join(sorted(_RESERVED))}."
                )
                raise ValueError(msg)
        return measures

    def columns(self) -> dict[str, str]:
        """Return the source column of each role that has one (measures by their own name)."""
        roles = {name: getattr(self, name) for name in CANONICAL}
        columns = {name: column for name, column in roles.items() if isinstance(column, str)}
        return columns | {name: measure.column for name, measure in self.measures.items()}


class CsvSpec(_Spec):
    """How the text files of a source are written."""

    delimiter: str | None = Field(
        default=None,
        min_length=1,
        max_length=1,
        description="Between two fields. Default: comma, and tab for .tsv.",
    )
    quote: str = Field(default='"', max_length=1, description="Around a field.")
    decimal: Literal[".", ","] = Field(default=".", description="Decimal sign of numbers.")


class TimestampsSpec(_Spec):
    """How times without a zone of their own are to be read."""

    zone: str | None = Field(
        default=None,
        description="Zone of times that carry none, such as Europe/Berlin or UTC. In an hour that "
        "happens twice the first is meant; an hour that is skipped moves forward.",
    )
    unit: Literal["s", "ms", "us", "ns"] | None = Field(
        default=None, description="Unit of times written as numbers since 1970."
    )
    format: str | None = Field(
        default=None, description="strptime format of times written otherwise than ISO 8601."
    )

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str | None) -> str | None:
        return zone if zone is None else _known_zone(zone)


class SourceSpec(_Spec):
    """One place events come from: files, a query, a table handed over in Python, or a data set.

    Examples
    --------
    >>> SourceSpec(path="events/*.csv.gz").name
    'events/*.csv.gz'
    """

    path: str | None = Field(
        default=None,
        description="File, folder or glob: CSV, CSV.gz, TSV, Parquet or JSON lines, relative to "
        "the project.",
    )
    query: str | None = Field(default=None, description="SQL that returns one row per event.")
    url: str | None = Field(
        default=None,
        description="Where the query runs: sqlite:///x.db, duckdb:///x.duckdb, postgresql://...",
    )
    table: str | None = Field(default=None, description="Name of a data frame given in Python.")
    dataset: str | None = Field(default=None, description="Name of a loader in datasets.")
    mapping: MappingSpec | None = Field(
        default=None, description="Columns of this source; default: customers.mapping."
    )
    csv: CsvSpec = Field(default_factory=CsvSpec, description="How its text files are written.")
    timestamps: TimestampsSpec | None = Field(
        default=None, description="Times of this source; default: customers.timestamps."
    )

    @model_validator(mode="after")
    def _says_one_place(self) -> Self:
        places = ("path", "query", "table", "dataset")
        given = [place for place in places if getattr(self, place) is not None]
        if len(given) != 1:
            msg = f"A source needs exactly one of {', '.join(places)}; it has {given or 'none'}."
            raise ValueError(msg)
        if (self.query is None) != (self.url is None):
            msg = "query and url belong together: the SQL, and the database it runs on."
            raise ValueError(msg)
        return self

    @property
    def name(self) -> str:
        """What messages call this source; never holds a password."""
        if self.url is not None:
            return re.sub(r"://[^/].*@", "://", self.url)  # a password may hold an @
        return next(place for place in (self.path, self.table, self.dataset) if place)


class CustomersSpec(_Spec):
    """Where events come from and how to read them.

    Examples
    --------
    >>> spec = CustomersSpec(sources=[{"path": "orders.csv"}],
    ...                      mapping={"event": {"constant": "purchase"}, "value": "amount"})
    >>> spec.measures()
    (Measure(name='value', kind='money', step=0.01),)
    """

    sources: tuple[SourceSpec, ...] = Field(min_length=1, description="Places events come from.")
    mapping: MappingSpec = Field(
        default_factory=MappingSpec, description="Columns of every source without its own mapping."
    )
    time_zone: str = Field(
        default="UTC", description="Business zone: where a day starts and an hour is counted."
    )
    timestamps: TimestampsSpec = Field(
        default_factory=TimestampsSpec, description="How times without a zone are read."
    )
    currency: str = Field(
        default="EUR", min_length=1, max_length=16, description="Currency of all money."
    )
    minor_units: int = Field(
        default=2, ge=0, le=6, description="Decimal places of the currency's smallest unit."
    )
    duplicates: Literal["keep", "drop"] = Field(
        default="keep",
        description="Exact repeats without event ids: real repeats, or the same event twice.",
    )
    observed_from: pd.Timestamp | None = Field(
        default=None, description="The log is complete from here; default: day of the first event."
    )
    observed_until: pd.Timestamp | None = Field(
        default=None,
        description="The log is complete before this; default: end of the last event's day.",
    )
    earliest_time: pd.Timestamp = Field(
        default=pd.Timestamp("2000-01-01", tz="UTC"),
        description="Earlier times are quarantined as errors, such as numbers in another unit.",
    )
    future_tolerance_days: float = Field(
        default=1, ge=0, le=3650, description="Later times are quarantined as clock errors."
    )
    allow_negative_value: bool = Field(
        default=True, description="Negative values are refunds; else they are quarantined."
    )

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        return _known_zone(zone)

    @field_validator("observed_from", "observed_until", "earliest_time", mode="before")
    @classmethod
    def _readable_moment(cls, moment: object) -> object:
        return moment if moment is None else pd.Timestamp(moment)  # type: ignore[arg-type]

    @model_validator(mode="after")
    def _one_meaning_per_measure(self) -> Self:
        self.measures()
        return self

    def mapping_of(self, source: SourceSpec) -> MappingSpec:
        """Return the source's own mapping, or the common one."""
        return source.mapping or self.mapping

    def timestamps_of(self, source: SourceSpec) -> TimestampsSpec:
        """Return how the source's times are read."""
        return source.timestamps or self.timestamps

    def earliest_us(self) -> int:
        """Return the earliest time that is no error, in microseconds UTC."""
        moment = self.earliest_time
        return int((moment if moment.tzinfo else moment.tz_localize("UTC")).value // 1000)

    def measures(self) -> tuple[Measure, ...]:
        """Return ``value`` and every declared measure, by name.

        Raises
        ------
        ValueError
            If two sources give one name two meanings.
        """
        minor = 10.0**-self.minor_units
        found: dict[str, Measure] = {}
        for source in self.sources:
            for name, spec in self.mapping_of(source).measures.items():
                steps = {"money": minor, "number": spec.step, "date": 1.0}
                measure = Measure(name, spec.kind, steps[spec.kind])
                if found.setdefault(name, measure) != measure:
                    msg = f"Measure '{name}' has another kind or step in another source."
                    raise ValueError(msg)
        return Measure("value", "money", minor), *(found[name] for name in sorted(found))


def _known_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ValueError, OSError) as error:  # an unknown key is a KeyError, a strange one either
        msg = f"'{zone}' is no time zone; write one as Europe/Berlin, America/New_York or UTC."
        raise ValueError(msg) from error
    except KeyError as error:
        msg = f"'{zone}' is no time zone; write one as Europe/Berlin, America/New_York or UTC."
        raise ValueError(msg) from error
    return zone
