"""One source column as SQL: text, number or instant, and what it looks like when it is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexttouch.errors import DataCheckError

if TYPE_CHECKING:
    from nexttouch.events.spec import TimestampsSpec

__all__ = ["Instant", "Number", "instant_sql", "literal", "number_sql", "quoted", "text_sql"]

_INTEGERS = {
    f"{sign}{size}"
    for sign in ("", "U")
    for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
}
_FLOATS = {"FLOAT", "DOUBLE"}
_ZONED = {"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"}
_NAIVE = {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE"}
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_END_OF_TIME_US = 253_402_214_400_000_000  # 9999-12-31, far in the future
_WHOLE = 2**53


@dataclass(frozen=True)
class Number:
    """SQL of a number (NULL where missing) and of whether the text is no number."""

    value: str
    unreadable: str


@dataclass(frozen=True)
class Instant:
    """SQL of an instant that knows its zone, of a wall-clock time that does not, and of faults.

    All are NULL-safe. ``instant_us`` is BIGINT; ``wall`` is TIMESTAMP; ``timed`` tells whether a
    wall-clock reading carries a time of day, which needs a declared zone.
    """

    given: str
    instant_us: str
    wall: str
    timed: str


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text value."""
    return "'" + text.replace("'", "''") + "'"


def text_sql(column: str, kind: str, *, role: str, nested: bool = False) -> tuple[str, str]:
    """Return SQL of a column as exact text, and of whether a row cannot be kept exactly.

    Raises
    ------
    DataCheckError
        If the type has no exact text.
    """
    name = quoted(column)
    if kind in _FLOATS:
        value = f"CASE WHEN isnan({name}) THEN NULL ELSE {name}::DOUBLE END"
        exact = f"({value} = trunc({value}) AND abs({value}) < {_WHOLE})"
        return (
            f"CASE WHEN {exact} THEN ({value})::BIGINT::VARCHAR END",
            f"coalesce(NOT {exact}, false)",
        )
    if kind in {"VARCHAR", "UUID", '"NULL"', "BOOLEAN", "JSON", *_INTEGERS} or kind.startswith(
        ("ENUM", "DECIMAL")
    ):
        inexact = "false"
        text = f"{name}::VARCHAR"
        if kind.startswith("DECIMAL") and not kind.endswith(",0)"):
            inexact = f"coalesce({name} <> trunc({name}), false)"
            text = f"trunc({name})::DECIMAL(38,0)::VARCHAR"
        return f"nullif({text}, '')", inexact
    if nested and kind != "BLOB":
        return f"to_json({name})::VARCHAR", "false"
    msg = f"Column '{column}' (for {role}) is of type {kind}; hand it over as text."
    raise DataCheckError(msg)


def number_sql(column: str, kind: str, *, decimal: str = ".") -> Number:
    """Return SQL of a column as a number; NaN and the usual words for nothing are missing.

    Raises
    ------
    DataCheckError
        If the type is no number.
    """
    name = quoted(column)
    if kind in _INTEGERS or kind in _FLOATS or kind == "BOOLEAN" or kind.startswith("DECIMAL"):
        number = f"{name}::DOUBLE"
        return Number(f"CASE WHEN isnan({number}) THEN NULL ELSE {number} END", "false")
    if kind == '"NULL"':
        return Number("NULL::DOUBLE", "false")
    if kind not in {"VARCHAR", "JSON"}:
        msg = f"Column '{column}' is of type {kind}, and a number is needed."
        raise DataCheckError(msg)
    text = f"trim({name}::VARCHAR)"
    if decimal == ",":
        text = f"replace(replace({text}, '.', ''), ',', '.')"
    number = f"TRY_CAST({text} AS DOUBLE)"
    said = f"lower({text}) NOT IN ('', 'na', 'nan', 'null', 'none')"
    return Number(
        f"CASE WHEN {said} AND NOT isnan({number}) THEN {number} END",
        f"coalesce({said} AND {number} IS NULL, false)",
    )


def instant_sql(column: str, kind: str, spec: TimestampsSpec) -> Instant:
    """Return SQL of a column as an instant or a wall-clock time.

    Raises
    ------
    DataCheckError
        If the type is no time, or numbers have no declared unit.
    """
    name = quoted(column)
    none_us, none = "NULL::BIGINT", "NULL::TIMESTAMP"
    given = f"{name} IS NOT NULL"
    if kind in _ZONED:
        finite = f"CASE WHEN isfinite({name}::TIMESTAMPTZ) THEN {name}::TIMESTAMPTZ END"
        return Instant(given, f"epoch_us({finite})", none, "false")
    if kind in _NAIVE:
        wall = f"CASE WHEN isfinite({name}::TIMESTAMP) THEN {name}::TIMESTAMP END"
        return Instant(given, none_us, wall, "false" if kind == "DATE" else "true")
    if kind == '"NULL"':
        return Instant("false", none_us, none, "false")
    if kind in _INTEGERS or kind in _FLOATS or kind.startswith("DECIMAL"):
        if spec.unit is None:
            msg = (
                f"Column '{column}' holds numbers as times. Say in which unit they count since "
                "1970: customers.timestamps.unit: s, ms, us or ns."
            )
            raise DataCheckError(msg)
        if kind in _FLOATS:
            given = f"({name} IS NOT NULL AND NOT isnan({name}))"
        number = f"{name}::HUGEINT" if kind in _INTEGERS else f"{name}::DOUBLE"
        return Instant(given, _epoch(number, spec.unit), none, "false")
    if kind not in {"VARCHAR", "JSON"}:
        msg = f"Column '{column}' is of type {kind}, and a time is needed."
        raise DataCheckError(msg)
    return _written_instant(f"trim({name}::VARCHAR)", spec)


def _written_instant(text: str, spec: TimestampsSpec) -> Instant:
    """Return SQL of a text as an instant or a wall-clock time."""
    none_us = "NULL::BIGINT"
    given = f"coalesce({text} <> '', false)"
    if spec.unit is not None:
        whole = f"regexp_full_match({text}, '[+-]?[0-9]+')"
        number = f"CASE WHEN {whole} THEN TRY_CAST({text} AS HUGEINT) END"
        fraction = f"CASE WHEN NOT {whole} THEN TRY_CAST({text} AS DOUBLE) END"
        either = f"coalesce({_epoch(number, spec.unit)}, {_epoch(fraction, spec.unit)})"
        return Instant(given, either, "NULL::TIMESTAMP", "false")
    if spec.format is not None:
        parsed = f"try_strptime({text}, {literal(spec.format)})"
        if "%z" in spec.format.lower():
            return Instant(given, f"epoch_us({parsed})", "NULL::TIMESTAMP", "false")
        timed = any(sign in spec.format for sign in ("%H", "%I", "%M", "%S", "%c", "%X"))
        return Instant(given, none_us, parsed, str(timed).lower())
    tail = f"substr({text}, 11)"
    zoned = (
        f"(contains({text}, ':') AND (right({text}, 1) > '9' OR contains({tail}, '+') "
        f"OR contains({tail}, '-')))"
    )
    instant = f"TRY_CAST({text} AS TIMESTAMPTZ)"
    wall = f"TRY_CAST({text} AS TIMESTAMP)"
    return Instant(
        given,
        f"CASE WHEN {zoned} AND isfinite({instant}) THEN epoch_us({instant}) END",
        f"CASE WHEN NOT {zoned} AND isfinite({wall}) THEN {wall} END",
        f"contains({text}, ':')",
    )


def _epoch(number: str, unit: str) -> str:
    """Return SQL of a count since 1970 as microseconds; absurd counts become the end of time."""
    per_second = _PER_SECOND[unit]
    up, down = max(1, 1_000_000 // per_second), max(1, per_second // 1_000_000)
    if "DOUBLE" in number:
        us = f"round(({number}) * {up} / {down})"
    else:
        us = f"(({number}) * {up} // {down})"
    end = _END_OF_TIME_US
    # a HUGEINT times a million stays a HUGEINT below 10^32; wilder counts are cut off before
    guard = f"abs(({number})::DOUBLE) > {float(end) * down / up!r}"
    return f"CASE WHEN {guard} THEN {end} ELSE TRY_CAST({us} AS BIGINT) END"
