"""The page about features says what is so."""

import doctest
import re
from pathlib import Path

from nexttouch.features import FeatureSpec, compile_features
from nexttouch.features.spec import Family

from .conftest import VOCABULARY

PAGE = Path(__file__).parents[2] / "docs" / "features.md"


def test_the_example_runs():
    assert doctest.testfile(str(PAGE), module_relative=False).failed == 0


def test_every_family_and_reason_group_is_named():
    text = PAGE.read_text(encoding="utf-8")
    plan = compile_features(
        FeatureSpec(channels=("web",), touches=("mail",), replies=("open",), without=()),
        vocabulary=VOCABULARY,
        activity=("buy",),
        stages=("one",),
    )
    table = text.split("## Families")[1].split("## Windows")[0]
    for word in {*plan.reason_groups, *Family.__args__}:
        assert re.search(rf"\b{word}\b", table), word
