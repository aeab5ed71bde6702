"""What the page on journeys shows is what the package does."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from nexttouch.journey import JourneySpec, legal_next, load_preset, mermaid

PAGE = (Path(__file__).parents[2] / "docs" / "journeys.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
GRAPHS = re.findall(r"```mermaid\n(.*?)\n```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_loads(block):
    assert JourneySpec.model_validate(yaml.safe_load(block)).rules


@pytest.mark.parametrize(
    ("name", "graph"), [*zip(["lifecycle", "five_stage"], GRAPHS, strict=True)]
)
def test_graphs_are_those_of_the_presets(name, graph):
    assert mermaid(load_preset(name)) == graph


def test_table_of_legal_stages_is_computed_from_the_rules(lifecycle):
    legal = legal_next(lifecycle, 28)
    for j, stage in enumerate(lifecycle.stages):
        names = ", ".join(f"`{lifecycle.stages[k]}`" for k in np.flatnonzero(legal[j]))
        assert f"| `{stage}` | {names} |" in PAGE
