"""The names promised at the root are there, and cost nothing before they are used."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import nexttouch as nt
from nexttouch import pipeline


@pytest.mark.parametrize("name", nt.__all__)
def test_a_public_name_resolves_and_is_documented(name):
    assert getattr(nt, name).__doc__
    assert name in dir(nt)


def test_nothing_else_is_public():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        nt.trian  # noqa: B018


@pytest.mark.parametrize("name", pipeline.__all__)
def test_each_verb_resolves(name):
    assert callable(getattr(pipeline, name))
    with pytest.raises(AttributeError, match="no attribute 'verb'"):
        pipeline.verb  # noqa: B018


def test_the_verbs_of_the_root_are_those_of_the_pipeline():
    for name in ("ingest", "train", "score", "decide", "run", "explain", "build_training_set"):
        assert getattr(nt, name) is getattr(importlib.import_module("nexttouch.pipeline"), name)


def test_importing_the_root_takes_no_library_along():
    tops = "{m.partition('.')[0] for m in set(sys.modules) - before} - sys.stdlib_module_names"
    code = f"import sys; before = set(sys.modules); import nexttouch; print({tops})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'nexttouch'}"
