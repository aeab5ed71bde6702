"""Compiling is optional, and so is the disk it is remembered on."""

import subprocess
import sys

import numba
import pytest

from nexttouch.jit import jit, kernel_path, sources

PROGRAM = """
from nexttouch.jit import jit, kernel_path
@jit
def double(x):
    return x + x
assert not hasattr(double, "py_func") and double(2) == 4
assert kernel_path() == "python"
"""


def half(x):
    return x / 2


@pytest.mark.parametrize(
    ("environment", "first"),
    [({"NUMBA_DISABLE_JIT": "1"}, ""), ({}, "import sys\nsys.modules['numba'] = None")],
    ids=["switched off", "missing"],
)
def test_without_numba_functions_stay_as_they_are(environment, first):
    done = subprocess.run([sys.executable, "-c", first + PROGRAM], env=environment, check=False)
    assert done.returncode == 0


def test_without_a_folder_to_cache_in_it_still_compiles(monkeypatch):
    honest = numba.njit

    def nowhere(function, *, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function 'half': no locator available")
        return honest(function, **options)

    monkeypatch.setattr(numba, "njit", nowhere)
    assert jit(half).py_func is half
    assert kernel_path() == "compiled"


def test_digest_of_sources_changes_with_any_of_them(tmp_path):
    asking = str(tmp_path / "kernel.py")
    for name in ("rows", "bind"):
        (tmp_path / f"{name}.py").write_text(f"# {name}\n")
    before = sources(asking, "rows", "bind")
    with (tmp_path / "rows.py").open("a") as file:
        file.write("# changed\n")
    assert sources(asking, "rows", "bind") != before
    assert sources(asking, "bind") == sources(asking, "bind")


@pytest.mark.parametrize("value", [3.0, -0.0])
def test_compiled_and_plain_agree(value):
    assert jit(half)(value) == half(value)
