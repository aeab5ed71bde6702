"""Errors: one code each, and they survive the way to another process."""

import inspect
import pickle

import pytest

from nexttouch import errors

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.NextTouchError)
]


def test_every_error_has_a_code_of_its_own():
    codes = [kind.code for kind in ALL]
    assert sorted(set(codes)) == sorted(codes)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_survives_pickling_and_shows_its_code(kind):
    again = pickle.loads(pickle.dumps(kind("what happened")))
    assert type(again) is kind
    assert str(again) == f"[{kind.code}] what happened"
    assert kind.exit_code in {1, 2, 3, 4}
