"""The contract of a row, as SQL: canonical columns, and the reason why a row cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexttouch.engine.columns import Instant, instant_sql, literal, number_sql, quoted, text_sql
from nexttouch.errors import DataCheckError, nearest
from nexttouch.events.canonical import LONGEST_ID
from nexttouch.events.measures import LARGEST_STEPS, scale_of
from nexttouch.events.spec import Constant

if TYPE_CHECKING:
    from nexttouch.events.log import Measure
    from nexttouch.events.spec import MappingSpec, TimestampsSpec

__all__ = ["FATAL", "REASONS", "RowContract", "row_contract"]

REASONS = {
    "malformed_row": "has too many or too few fields",
    "missing_customer_id": "has no customer id",
    "id_has_nul": "has a NUL character in its customer id",
    "id_too_long": f"has a customer id of more than {LONGEST_ID} characters",
    "unreadable_time": "has no readable time",
    "time_too_early": "is dated before customers.earliest_time",
    "time_in_future": "is dated in the future",
    "missing_event": "has no event name",
    "bad_event_name": f"has a NUL in its event name, or more than {LONGEST_ID} characters",
    "unreadable_ingested_at": "has no readable arrival time",
    "ingested_at_out_of_range": "has an arrival time that is too early or in the future",
    "infinite_value": "has an infinite value",
    "unreadable_value": "has a value that is no number",
    "negative_value": "has a negative value",
    "value_too_large": "has a value too large to be added up exactly",
    "infinite_measure": "has an infinite measure",
    "unreadable_measure": "has a measure that cannot be read",
    "measure_too_large": "has a measure too large to be added up exactly",
}
"""Why a row is set aside: stable names, in words."""

FATAL = {
    "time_without_zone": "has a time without a zone",
    "fractional_id": "has an id that is a decimal number",
}
"""What is no matter of single rows: the whole ingest stops."""


@dataclass(frozen=True)
class RowContract:
    """SQL that reads one batch.

    Attributes
    ----------
    parsed : str
        SELECT list over the source: raw typed columns.
    joins : str
        Joins with the table of zone switches.
    columns : dict of str
        Canonical column to SQL over the parsed source.
    reason : str
        SQL that names the first rule a row breaks, else NULL.
    raw : dict of str
        Canonical column to SQL of its source text, for the quarantine.
    """

    parsed: str
    joins: str
    columns: dict[str, str]
    reason: str
    raw: dict[str, str]


def row_contract(
    mapping: MappingSpec,
    kinds: dict[str, str],
    *,
    where: str,
    timestamps: TimestampsSpec,
    measures: tuple[Measure, ...],
    decimal: str,
    range_us: tuple[int, int],
    allow_negative_value: bool,
) -> RowContract:
    """Compile a mapping against the columns a batch really has.

    Parameters
    ----------
    mapping : MappingSpec
    kinds : dict of str
        SQL type of each column of the batch.
    where : str
        Name of the batch, for messages.
    timestamps : TimestampsSpec
    measures : tuple of Measure
        All of the project; those the mapping lacks are missing.
    decimal : str
        Decimal sign of numbers in text.
    range_us : tuple of int
        Earlier times are errors, later ones are in the future.
    allow_negative_value : bool

    Raises
    ------
    DataCheckError
        If a mapped column is missing or of a kind that cannot be used.
    """
    compiler = _Compiler(
        mapping, kinds, where, timestamps=timestamps, measures=measures, decimal=decimal
    )
    return compiler.compile(range_us, allow_negative_value=allow_negative_value)


class _Compiler:
    """Collects the parts of a `RowContract`."""

    def __init__(
        self,
        mapping: MappingSpec,
        kinds: dict[str, str],
        where: str,
        *,
        timestamps: TimestampsSpec,
        measures: tuple[Measure, ...],
        decimal: str,
    ) -> None:
        self.mapping, self.kinds, self.where = mapping, kinds, where
        self.timestamps, self.measures, self.decimal = timestamps, measures, decimal
        self.parsed: list[str] = []
        self.joins: list[str] = []
        self.columns: dict[str, str] = {}
        self.raw: dict[str, str] = {}
        self.rules: list[tuple[str, str]] = []
        for role, column in mapping.columns().items():
            if column not in kinds:
                raise _missing(where, role, column, kinds)

    def compile(self, range_us: tuple[int, int], *, allow_negative_value: bool) -> RowContract:
        early, late = f"< {range_us[0]}", f"> {range_us[1]}"
        customer = self._text("customer_id")
        self._rule("missing_customer_id", f"{customer} IS NULL OR trim({customer}) = ''")
        self._rule("id_has_nul", f"contains({customer}, chr(0))")
        self._rule("id_too_long", f"length({customer}) > {LONGEST_ID}")
        moment = self._instant("timestamp", "unreadable_time", required=True)
        self._rule("time_too_early", f"{moment} {early}")
        self._rule("time_in_future", f"{moment} {late}")
        event = self._text("event")
        self._rule("missing_event", f"{event} IS NULL")
        self._rule("bad_event_name", f"contains({event}, chr(0)) OR length({event}) > {LONGEST_ID}")
        for role in ("channel", "event_id", "actor_id", "actor_role", "properties"):
            self._text(role)
        arrival = self._instant("ingested_at", "unreadable_ingested_at")
        self._rule("ingested_at_out_of_range", f"{arrival} {early} OR {arrival} {late}")
        for measure in self.measures:
            self._measure(measure, allow_negative_value=allow_negative_value)
        whens = " ".join(f"WHEN {condition} THEN '{name}'" for name, condition in self.rules)
        return RowContract(
            ", ".join(self.parsed),
            " ".join(self.joins),
            self.columns,
            f"CASE {whens} END",
            self.raw,
        )

    def _rule(self, name: str, condition: str) -> None:
        self.rules.append((name, f"coalesce({condition}, false)"))

    def _parse(self, sql: str, name: str) -> str:
        self.parsed.append(f"{sql} AS {quoted(name)}")
        return quoted(name)

    def _text(self, role: str) -> str:
        source = getattr(self.mapping, role)
        if source is None:
            self.columns[role] = "NULL::VARCHAR"
        elif isinstance(source, Constant):
            self.columns[role] = literal(source.constant)
        else:
            text, inexact = text_sql(
                source, self.kinds[source], role=role, nested=role == "properties"
            )
            self.columns[role] = self._parse(text, role)
            self.raw[role] = f"{quoted(source)}::VARCHAR"
            if inexact != "false":
                self._rule("fractional_id", self._parse(inexact, f"{role}?"))
        return self.columns[role]

    def _instant(self, role: str, unreadable: str, *, required: bool = False) -> str:
        measure = self.mapping.measures.get(role)
        source = measure.column if measure else getattr(self.mapping, role, None)
        if source is None:
            self.columns[role] = "NULL::BIGINT"
            return self.columns[role]
        sql = instant_sql(source, self.kinds[source], self.timestamps)
        self.columns[role] = self._zoned(role, sql)
        self.raw[role] = f"{quoted(source)}::VARCHAR"
        given = "true" if required else self._parse(sql.given, f"{role} given")
        self._rule(unreadable, f"{given} AND {self.columns[role]} IS NULL")
        return self.columns[role]

    def _zoned(self, role: str, sql: Instant) -> str:
        instant = self._parse(sql.instant_us, f"{role} instant")
        if sql.wall == "NULL::TIMESTAMP":
            return instant
        wall = self._parse(sql.wall, f"{role} wall")
        if self.timestamps.zone is None and sql.timed != "false":
            timed = self._parse(sql.timed, f"{role} timed")
            self._rule("time_without_zone", f"{timed} AND {wall} IS NOT NULL")
        table = quoted(f"{role} zone")
        self.joins.append(f"LEFT JOIN zone_days AS {table} ON {table}._day = {wall}::DATE")
        offset = f"CASE WHEN {wall} < {table}._switch THEN {table}._before ELSE {table}._after END"
        edge = f"CASE WHEN {wall} < TIMESTAMP '1971-01-01' THEN getvariable('zone_first') "
        edge += "ELSE getvariable('zone_last') END"
        return f"coalesce({instant}, epoch_us({wall}) - coalesce({offset}, {edge}))"

    def _measure(self, measure: Measure, *, allow_negative_value: bool) -> None:
        name = measure.name
        word = "value" if name == "value" else "measure"
        spec = self.mapping.measures.get(name)
        source = spec.column if spec else self.mapping.value if name == "value" else None
        if measure.kind == "date":
            self._instant(name, "unreadable_measure")
            return
        if source is None:
            self.columns[name] = "NULL::DOUBLE"
            return
        sql = number_sql(source, self.kinds[source], decimal=self.decimal)
        number = self.columns[name] = self._parse(sql.value, name)
        self.raw[name] = f"{quoted(source)}::VARCHAR"
        scale, times = scale_of(measure)
        limit = LARGEST_STEPS / scale if times else LARGEST_STEPS * scale
        self._rule(f"infinite_{word}", f"isinf({number})")
        if sql.unreadable != "false":
            self._rule(f"unreadable_{word}", self._parse(sql.unreadable, f"{name}?"))
        if name == "value" and not allow_negative_value:
            self._rule("negative_value", f"{number} < 0")
        self._rule(
            "value_too_large" if name == "value" else "measure_too_large",
            f"abs({number}) > {limit!r}",
        )


def _missing(where: str, role: str, column: str, kinds: dict[str, str]) -> DataCheckError:
    guess = nearest(column, kinds)
    hint = f"Did you mean '{guess}'? " if guess else f"It has: {', '.join(map(repr, kinds))}. "
    only = next(iter(kinds)) if len(kinds) == 1 else ""
    for sign, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (",", "commas")):
        if sign in only:
            hint = f"Its only column is {only!r}: fields seem to be parted by {word}; set "
            hint += f"csv.delimiter to {sign!r}. "
            break
    return DataCheckError(
        f"'{where}' has no column '{column}'. {hint}Correct customers.mapping.{role}."
    )
