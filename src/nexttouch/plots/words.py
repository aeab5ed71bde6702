"""Numbers, moments and names in the words a reader expects."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.errors import PageInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

ABSENT = "\N{EN DASH}"


def is_absent(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, NaT, an empty or blank string or list."""
    if value is None or value is pd.NaT or value is pd.NA:
        return True
    if isinstance(value, float | np.floating):
        return bool(np.isnan(value))
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, list | tuple):
        return not value
    return False


def number(value: Any, digits: int = 0) -> str:
    """Write a number with thousands marks.

    >>> number(1234567), number(0.30561, 3), number(float("nan")) == ABSENT
    ('1,234,567', '0.306', True)
    """
    if is_absent(value):
        return ABSENT
    text = f"{float(value):,.{digits}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def share(value: Any, digits: int = 0) -> str:
    """Write a share as a percentage that never rounds something to nothing.

    >>> share(0.634), share(0.0004), share(0.9999), share(0)
    ('63%', '<1%', '>99%', '0%')
    """
    if is_absent(value):
        return ABSENT
    least = 10.0**-digits
    percent = float(value) * 100
    if 0 < percent < least / 2:
        return f"<{least:g}%"
    if 100 - least / 2 < percent < 100:
        return f">{100 - least:g}%"
    return f"{percent:.{digits}f}%"


def money(value: Any, currency: str = "") -> str:
    """Write an amount in units of the currency; small amounts keep two decimals.

    >>> money(1234.5, "EUR"), money(3.256, "EUR"), money(-20, "")
    ('EUR 1,234', 'EUR 3.26', '-20')
    """
    if is_absent(value):
        return ABSENT
    small = abs(float(value)) < 10 and not math.isclose(float(value), round(float(value)))
    return f"{currency} {number(value, 2 if small else 0)}".strip()


def moment(value: Any) -> str:
    """Write a moment in ISO form, a midnight as its date.

    >>> moment(pd.Timestamp("2025-12-02", tz="UTC")), moment(pd.Timestamp("2025-12-02 08:30"))
    ('2025-12-02', '2025-12-02 08:30')
    """
    if is_absent(value):
        return ABSENT
    if isinstance(value, dt.datetime):
        at = pd.Timestamp(value)
        if at == at.normalize():
            return f"{at:%Y-%m-%d}"
        return f"{at:%Y-%m-%d %H:%M}" + (f" {at.tzname()}" if at.tzinfo else "")
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def phrase(name: Any) -> str:
    """Turn a code name into words; anything with a capital or a space is left as it was written.

    >>> phrase("at_risk"), phrase("Key accounts")
    ('At risk', 'Key accounts')
    """
    text = str(name)
    if text != text.lower() or " " in text:
        return text
    words = text.replace("_", " ").strip()
    return words[:1].upper() + words[1:] if words else text


def reasons(value: Any) -> list[str]:
    """List reasons given as a list of sentences or as one text with semicolons.

    >>> reasons("bought less often; silent for 40 days"), reasons(None)
    (['bought less often', 'silent for 40 days'], [])
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if is_absent(value):
        return []
    parts = value.split(";") if isinstance(value, str) else value
    return [str(part).strip() for part in parts if str(part).strip()]


def require_columns(table: pd.DataFrame, names: Iterable[str], what: str) -> None:
    """Refuse a table that lacks a column, by name.

    Raises
    ------
    PageInputError
        If one is missing.
    """
    have = [str(c) for c in table.columns]
    missing = [name for name in names if name not in have]
    if missing:
        raise PageInputError.missing_columns(what, missing, have)
