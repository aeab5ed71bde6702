"""The feature plan: what a spec means for one project, ready for the kernel and for a bundle."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nexttouch.errors import FeatureError, FeaturePlanError
from nexttouch.events.log import Measure
from nexttouch.features.columns import REPLIES, TOUCHES, Column, columns_of
from nexttouch.features.layout import Layout, lay_out
from nexttouch.features.spec import FeatureSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nexttouch.events.log import Vocabulary

__all__ = ["FeaturePlan", "compile_features"]

FORMAT = 1
PLAN, TABLES = "plan.json", "decay_tables.npy"
DIGITS, BASE = 3, 1024
"""Decay factors of up to 1024 ** 3 seconds (34 years), as products of three table entries."""


@dataclass(frozen=True, eq=False)
class FeaturePlan:
    """Columns, groups, measures and decay tables: all that features depend on besides events.

    Attributes
    ----------
    spec : FeatureSpec
    groups : dict of str to tuple of str
        Event names of each group; None stands for every event.
    stages : tuple of str
    measures : tuple of Measure
        Those that columns read, with the step in which they are counted.
    columns : tuple of Column
    tables : float64, shape (n_half_lives, 3, 1024)
        ``tables[h, d, k]`` is the share left after ``k * 1024 ** d`` seconds.
    """

    spec: FeatureSpec
    activity: tuple[str, ...]
    stages: tuple[str, ...]
    measures: tuple[Measure, ...]
    columns: tuple[Column, ...] = field(repr=False)
    tables: NDArray[np.float64] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each column."""
        return tuple(column.name for column in self.columns)

    @property
    def reason_groups(self) -> tuple[str, ...]:
        """Group under which each column is told as a reason, aligned with ``names``."""
        return tuple(column.reason for column in self.columns)

    @cached_property
    def groups(self) -> dict[str, tuple[str, ...] | None]:
        """Event names of each group; None stands for every event."""
        named: dict[str, tuple[str, ...] | None] = {"activity": self.activity, "all": None}
        return {**named, **self.spec.groups, TOUCHES: self.spec.touches, REPLIES: self.spec.replies}

    @cached_property
    def layout(self) -> Layout:
        """Numbers of accumulators and windows."""
        return lay_out(
            self.columns,
            groups=tuple(self.groups),
            half_lives=self.spec.half_lives_days,
            measures=[measure.name for measure in self.measures],
        )

    def to_files(self) -> dict[str, bytes]:
        """Write the plan as ``plan.json`` and ``decay_tables.npy``; no pickle.

        Examples
        --------
        >>> from nexttouch.events.log import Vocabulary
        >>> plan = compile_features(FeatureSpec(), vocabulary=Vocabulary(("buy",)),
        ...                         activity=("buy",), stages=("not_started", "new"))
        >>> FeaturePlan.from_files(plan.to_files()).names == plan.names
        True
        """
        facts = {
            "format": FORMAT,
            "spec": self.spec.model_dump(mode="json"),
            "activity": self.activity,
            "stages": self.stages,
            "measures": [asdict(measure) for measure in self.measures],
            "names": self.names,
        }
        tables = io.BytesIO()
        np.save(tables, self.tables, allow_pickle=False)
        text = json.dumps(facts, ensure_ascii=True, allow_nan=False)
        return {PLAN: text.encode(), TABLES: tables.getvalue()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> Self:
        """Read a plan; its features are bit-identical to those of the plan that was written.

        Raises
        ------
        FeaturePlanError
            If the files are damaged, or this version would make other columns from the spec.
        """
        try:
            facts: dict[str, Any] = json.loads(files[PLAN])
            known = facts["format"] == FORMAT
            spec = FeatureSpec.model_validate(facts["spec"])
            tables = np.load(io.BytesIO(files[TABLES]), allow_pickle=False)
            measures = tuple(Measure(**measure) for measure in facts["measures"])
            names, stages = tuple(facts["names"]), tuple(facts["stages"])
            columns = columns_of(spec, stages=stages, kinds={m.name: m.kind for m in measures})
            activity = tuple(facts["activity"])
        except (ValueError, KeyError, TypeError, EOFError) as error:
            msg = f"The feature plan is damaged ({type(error).__name__}); restore or compile it."
            raise FeaturePlanError(msg) from error
        if not known:
            raise FeaturePlanError("The feature plan is of another version; compile it anew.")
        shape = (len(spec.half_lives_days), DIGITS, BASE)
        if tables.dtype != np.float64 or tables.shape != shape or not _shares(tables):
            raise FeaturePlanError("The decay tables of the feature plan are damaged; restore it.")
        plan = cls(spec, activity, stages, measures, columns, tables)
        if plan.names != names:
            msg = "The feature plan was compiled by a version with other columns; compile it anew."
            raise FeaturePlanError(msg)
        return plan


def compile_features(
    spec: FeatureSpec,
    *,
    vocabulary: Vocabulary,
    activity: tuple[str, ...],
    stages: tuple[str, ...],
) -> FeaturePlan:
    """Turn a spec into a plan. Nothing is compiled to machine code here.

    Parameters
    ----------
    spec : FeatureSpec
    vocabulary : Vocabulary
        Read for the kind and step of measures only; event names may be new to it.
    activity : tuple of str
        Activity events of the churn definition, the group ``activity``.
    stages : tuple of str
        Stage names of the journey, position = code.

    Raises
    ------
    FeatureError
        If a measure is unknown or two columns would bear one name.

    Examples
    --------
    >>> from nexttouch.events.log import Vocabulary
    >>> plan = compile_features(FeatureSpec(windows_days=(28,)), vocabulary=Vocabulary(("buy",)),
    ...                         activity=("buy",), stages=("not_started", "new"))
    >>> plan.names[:2]
    ('recency_days_activity', 'tenure_days_activity')
    """
    declared = {measure.name: measure for measure in vocabulary.measures}
    wanted = {"value": None} | {m: None for group in spec.measures.values() for m in group}
    for name in wanted:
        if name not in declared:
            raise FeatureError.unknown_measure(name, declared)
    measures = tuple(declared[name] for name in wanted)
    columns = columns_of(spec, stages=stages, kinds={m.name: m.kind for m in measures})
    return FeaturePlan(
        spec=spec,
        activity=tuple(activity),
        stages=tuple(stages),
        measures=measures,
        columns=columns,
        tables=decay_tables(spec.half_lives_days),
    )


def decay_tables(half_lives_days: tuple[int, ...]) -> NDArray[np.float64]:
    """Tabulate the share left after k seconds, k * 1024 seconds and k * 1024 ** 2 seconds.

    Computed once and stored with the plan: exp2 may differ in the last bit between machines.
    """
    seconds = np.arange(BASE) * float(BASE) ** np.arange(DIGITS)[:, None]
    tables = [np.exp2(-seconds / (days * 86_400.0)) for days in half_lives_days]
    return np.array(tables, dtype=np.float64).reshape(-1, DIGITS, BASE)


def _shares(tables: NDArray[np.float64]) -> bool:
    return bool(((tables >= 0) & (tables <= 1)).all())
