"""The example of the page on decisions gives what the page says."""

from __future__ import annotations

import doctest
from pathlib import Path


def test_example_of_the_page_runs():
    page = Path(__file__).parents[2] / "docs" / "decisions.md"
    found = doctest.testfile(
        str(page), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert found.attempted >= 5
    assert found.failed == 0
