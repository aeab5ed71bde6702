"""When most rows of a batch cannot be used, the batch is wrong and not its rows: say how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nexttouch.engine.checks import FATAL, REASONS
from nexttouch.errors import DataCheckError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nexttouch.events.spec import MappingSpec

__all__ = ["MOST_SHOWN", "hopeless", "reasons_to_show"]

MOST_SHOWN = 5
_MOST_BAD = 0.5
_ABOUT = {"ingested": "ingested_at", "id": "customer_id", "time": "timestamp"}
_ABOUT |= {"event": "event", "value": "value"}


def reasons_to_show(counts: dict[str, int], usable: int) -> list[str]:
    """Return the reasons for which a batch is refused as a whole; none when it can be used."""
    fatal = [reason for reason in FATAL if counts.get(reason)]
    bad = sum(counts.values())
    return fatal or (list(counts) if bad > _MOST_BAD * (usable + bad) else [])


def hopeless(
    name: str,
    counts: dict[str, int],
    usable: int,
    *,
    rows: Sequence[dict[str, Any]],
    torn: Sequence[tuple[int, str]],
    mapping: MappingSpec,
) -> DataCheckError:
    """Say why a batch is refused, naming its first offending rows.

    Parameters
    ----------
    name : str
        Of the batch.
    counts : dict of int
        Rows by reason.
    usable : int
        Rows that could have been used.
    rows : sequence of dict
        First offenders: reason, row and the source text by canonical column.
    torn : sequence of (int, str)
        Number and text of lines with too many or too few fields.
    mapping : MappingSpec
    """
    words = {**REASONS, **FATAL}
    shown = [
        f"row {row['row']} {words[row['reason']]} ({str(row.get(_about(row['reason'])))[:40]!r})"
        for row in rows
    ]
    shown += [f"line {line} {REASONS['malformed_row']} ({text[:60]!r})" for line, text in torn]
    if counts.get("time_without_zone"):
        timed = ("timestamp", "ingested_at", *mapping.measures)
        columns = {role: column for role, column in mapping.columns().items() if role in timed}
        what = f"{counts['time_without_zone']} times carry no zone, so the instant is unknown"
        remedy = (
            "Declare customers.timestamps.zone, for example UTC or Europe/Berlin (times come from "
            f"{', '.join(map(repr, dict.fromkeys(columns.values())))})."
        )
    elif counts.get("fractional_id"):
        what = f"{counts['fractional_id']} ids are decimal numbers, and an id must be kept exactly"
        ids = [mapping.columns().get(role) for role in ("customer_id", "event_id", "actor_id")]
        remedy = (
            "Often an empty cell made a table turn whole numbers into decimal ones. Read the "
            f"column as text, in pandas dtype={{'column': str}} (ids come from "
            f"{', '.join(repr(column) for column in ids if column)})."
        )
    else:
        bad = sum(counts.values())
        by_reason = ", ".join(f"{reason} {counts[reason]}" for reason in sorted(counts))
        what = f"{bad} of {usable + bad} rows cannot be used ({by_reason})"
        remedy = "Check customers.mapping, customers.timestamps and, for text files, csv.delimiter."
    return DataCheckError(f"'{name}': {what}. First: {'; '.join(shown[:MOST_SHOWN])}. {remedy}")


def _about(reason: str) -> str:
    """Return the canonical column that a reason is about."""
    parts = reason.split("_")
    return next((column for word, column in _ABOUT.items() if word in parts), "customer_id")
