"""The predictor: a verified bundle that turns event logs into answers, in batch and on request."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from nexttouch.bundle import Bundle, Probe, open_bundle, write_bundle
from nexttouch.events import Measure, Vocabulary, build_log
from nexttouch.features import FeaturePlan
from nexttouch.models import Scorer
from nexttouch.pipeline.definition import Definition
from nexttouch.training.segments import segments_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nexttouch.config import Config
    from nexttouch.events import EventLog
    from nexttouch.models import Answers, Reason
    from nexttouch.training.snapshot_table import FeaturePath, SnapshotTable

__all__ = ["Predictions", "Predictor", "probe_bundle"]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers for the customers of a log as of one moment, in the log's order.

    Attributes
    ----------
    table : SnapshotTable
        Who, when, features, stage and eligibility; customers without a known event are absent.
    answers : Answers
        Aligned with ``table``.
    segment : array of str, shape (n_rows,)
    margin_if_kept, margin_low, margin_high : float64, shape (n_rows,)
        Contribution margin over ``value_days`` of a customer who stays, in major units.
    stages : tuple of str
    """

    table: SnapshotTable
    answers: Answers
    segment: NDArray[np.object_]
    margin_if_kept: NDArray[np.float64]
    margin_low: NDArray[np.float64]
    margin_high: NDArray[np.float64]
    stages: tuple[str, ...]

    def __len__(self) -> int:
        """Count the customers."""
        return len(self.table)

    def frame(self) -> pd.DataFrame:
        """Return one row per customer with every answer."""
        answers, named = self.answers, np.array(self.stages, dtype=object)
        likely = answers.p_stage.argmax(axis=1)
        return pd.DataFrame(
            {
                "customer_id": self.table.customer_id,
                "segment": self.segment,
                "stage": named[self.table.stage],
                "silent_stage": named[self.table.silent_stage],
                "p_churn": answers.p_churn,
                **{f"p_stage_{s}": answers.p_stage[:, k] for k, s in enumerate(self.stages)},
                "next_stage": named[likely],
                "p_next_stage": answers.p_stage[np.arange(len(likely)), likely],
                "margin_if_kept": self.margin_if_kept,
                "margin_low": self.margin_low,
                "margin_high": self.margin_high,
                "little_history": answers.little_history,
                "eligible": self.table.eligible,
            }
        )


@dataclass(frozen=True, eq=False)
class Predictor:
    """Definition, feature plan and fitted models of one bundle."""

    definition: Definition
    features: FeaturePlan
    vocabulary: Vocabulary
    scorer: Scorer
    info: Mapping[str, Any]
    digest: str = ""

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Load a bundle that was verified before.

        Raises
        ------
        BundleError
            If a byte differs from what was written.
        """
        return cls.of(open_bundle(Path(folder)))

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """Make a predictor of an opened bundle."""
        document = json.loads(bundle.files["definition.json"])
        return cls(
            definition=Definition.model_validate(document["definition"]),
            features=FeaturePlan.from_files(_below(bundle.files, "features/")),
            vocabulary=_vocabulary(document["vocabulary"]),
            scorer=Scorer.from_files(_below(bundle.files, "scorer/")),
            info=bundle.info,
            digest=bundle.digest,
        )

    def write(self, folder: Path, rows: NDArray[np.float32]) -> Path:
        """Write the bundle, with probe rows shuffled within each column (nobody's own row)."""
        definition = {
            "definition": self.definition.model_dump(mode="json"),
            "vocabulary": asdict(self.vocabulary),
        }
        files = {
            "definition.json": json.dumps(definition, ensure_ascii=False, sort_keys=True).encode(),
            **{f"features/{name}": content for name, content in self.features.to_files().items()},
            **{f"scorer/{name}": content for name, content in self.scorer.to_files().items()},
        }
        names = ("p_churn", *(f"p_stage_{stage}" for stage in self.scorer.stages))
        probe = Probe(
            self.scorer.feature_names, rows.astype(np.float64), names, self._outputs(rows)
        )
        return write_bundle(folder, files, probe=probe, info=self.info)

    def priced_by(self, config: Config) -> Self:
        """Return the predictor with a project's present segments and margin rates."""
        money = {"margin_rate": config.goals.margin_rate}
        changed = {
            "goals": self.definition.goals.model_copy(update=money),
            "segments": config.customers.segments,
        }
        return replace(self, definition=self.definition.model_copy(update=changed))

    @functools.cached_property
    def path(self) -> FeaturePath:
        """The path from events to features, with the plan that was trained on."""
        return self.definition.path(self.vocabulary, features=self.features)

    def predict_log(self, log: EventLog, as_of_us: int) -> Predictions:
        """Answer for every customer of a log with an event known before ``as_of_us``."""
        table = self.path.table(log, np.array([as_of_us], dtype=np.int64))
        answers = self.scorer.answer(table.X)
        segment = segments_of(self.definition.segments, self.scorer.feature_names, table.X)
        rate = np.array([self.definition.goals.margin_of(name) for name in segment], dtype=float)
        return Predictions(
            table=table,
            answers=answers,
            segment=segment,
            margin_if_kept=answers.revenue_if_kept * rate,
            margin_low=answers.revenue_low * rate,
            margin_high=answers.revenue_high * rate,
            stages=self.scorer.stages,
        )

    def predict_events(self, events: Any, as_of: pd.Timestamp) -> pd.DataFrame:
        """Answer for each customer in a table of canonical events.

        Parameters
        ----------
        events : DataFrame or Arrow table
            ``customer_id``, ``timestamp``, ``event`` and, where known, ``channel``, ``value``,
            measures, ``ingested_at``.
        as_of : Timestamp
            With zone; events at or after it are not read.
        """
        return self.predict_log(self.log_of(events), int(as_of.value // 1000)).frame()

    def log_of(self, events: Any) -> EventLog:
        """Bring posted events into the order and codes the model knows."""
        return build_log(
            events,
            vocabulary=self.vocabulary,
            time_zone=self.definition.time_zone,
            measures=self.vocabulary.measures,
        )

    def reasons(
        self, predictions: Predictions, rows: NDArray[np.intp] | None = None, *, top: int = 3
    ) -> list[list[Reason]]:
        """Say why for some rows; costs far more than the answers."""
        told: list[list[Reason]] = self.scorer.reasons(predictions.table.X, rows, top=top)
        return told

    def _outputs(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        answers = self.scorer.answer(rows.astype(np.float32))
        return np.column_stack([answers.p_churn, answers.p_stage])


def probe_bundle(bundle: Bundle) -> NDArray[np.float64]:
    """Load a bundle and repeat its probe rows; runs in the verifying child process."""
    return Predictor.of(bundle)._outputs(bundle.probe.rows)  # noqa: SLF001  same module


def _below(files: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    return {n.removeprefix(folder): content for n, content in files.items() if n.startswith(folder)}


def _vocabulary(facts: dict[str, Any]) -> Vocabulary:
    measures = tuple(Measure(**measure) for measure in facts["measures"])
    return Vocabulary(tuple(facts["events"]), tuple(facts["channels"]), measures)
